"""The catalogue of roles: built in, the project's own, and Claude Code's subagent files.

A role is a Markdown file with front matter between two lines of `---`. Where two files give the
same name, the later folder wins: built in, then `.claude/agents`, then `.skep/agents`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, cast

import yaml

from skep.policy.forms import faults_of_form
from skep.records.duration import seconds
from skep.records.errors import AgentFileInvalid, AgentUnknown, InvalidInput
from skep.records.ids import is_name
from skep.records.limits import SECONDS_MAX
from skep.records.role import Role, Tier
from skep.records.task import AgentKind
from skep.records.values import Json

KNOWN_FIELDS: Final = frozenset(
    {
        "name",
        "description",
        "kind",
        "capabilities",
        "tools",
        "model",
        "output",
        "drafts",
        "approve",
        "approval_expires",
    }
)
FOLDERS: Final = (".claude/agents", ".skep/agents")
TIERS_OF_CLAUDE: Final = {
    "haiku": Tier.FAST,
    "sonnet": Tier.BALANCED,
    "opus": Tier.STRONG,
    "inherit": Tier.BALANCED,
}
FILE_BYTES_MAX: Final = 256 * 1024
ROLES_KEPT: Final = 512
"""Texts of roles that are not read again: every submission to a language model reads them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Roles by name, and what was odd about the files they came from."""

    roles: Mapping[str, Role]
    warnings: tuple[str, ...] = ()

    @property
    def capabilities(self) -> frozenset[str]:
        """What its roles are good for, taken together."""
        return frozenset(each for role in self.roles.values() for each in role.capabilities)

    def role(self, name: str) -> Role:
        """Find a role; raises `AgentUnknown`, which names those there are."""
        try:
            return self.roles[name]
        except KeyError:
            raise AgentUnknown(name=name, known=tuple(sorted(self.roles))) from None


def read_catalog(project: Path | None = None) -> Catalog:
    """Read the built-in roles and, with a project folder, its own.

    Raises `AgentFileInvalid` for a file that cannot be used; unknown fields only warn.
    """
    roles: dict[str, Role] = {}
    warnings: list[str] = []
    for source, text in (*_built_in(), *_own(project)):
        role, odd = read_role(text, source=source)
        roles[role.name] = role
        warnings.extend(odd)
    return Catalog(roles=roles, warnings=tuple(warnings))


def read_role(text: str, *, source: str) -> tuple[Role, Sequence[str]]:
    """Read one role from a file's text; returns it with warnings about unknown fields."""
    role, odd = _role_of(text, source)
    return role, [*odd]


@lru_cache(maxsize=ROLES_KEPT)
def _role_of(text: str, source: str) -> tuple[Role, Sequence[str]]:
    # The same text is read once: to read all the built-in ones takes as long as thirty turns.
    fields, body = _front_matter(text, source)
    name = fields.get("name")
    if not isinstance(name, str) or not is_name(name):
        raise AgentFileInvalid(path=source, reason="its front matter needs a name")
    if not body.strip():
        raise AgentFileInvalid(path=source, reason="it has no instructions below the front matter")
    role = Role(
        name=name,
        description=str(fields.get("description") or ""),
        instructions=body.strip(),
        kind=_kind(fields.get("kind", AgentKind.LLM), source),
        capabilities=_names(fields.get("capabilities")),
        tools=_names(fields.get("tools")),
        tier=_tier(fields.get("model")),
        output=_form(fields.get("output"), source),
        drafts=_flag(fields, "drafts", source),
        approve=_guarded(fields, source),
        approval_expires_s=_length(fields.get("approval_expires"), source),
        source=source,
    )
    unknown = sorted(set(fields) - KNOWN_FIELDS)
    return role, tuple(
        f"{source}: the field {field!r} is not known and was left out" for field in unknown
    )


def _built_in() -> Iterator[tuple[str, str]]:
    folder = resources.files("skep.agent") / "roles"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".md"):
            yield "built in", entry.read_text(encoding="utf-8")


def _own(project: Path | None) -> Iterator[tuple[str, str]]:
    for folder in FOLDERS if project else ():
        for path in sorted((project or Path()).joinpath(folder).glob("*.md")):
            yield str(path), _read(path)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise AgentFileInvalid(path=str(path), reason="it is larger than 256 KiB")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AgentFileInvalid(path=str(path), reason=str(error)) from error


def _front_matter(text: str, source: str) -> tuple[dict[str, Json], str]:
    opening, _, rest = text.partition("---\n")
    matter, closing, body = rest.partition("\n---\n")
    if opening.strip() or not closing:
        raise AgentFileInvalid(path=source, reason="it does not begin with front matter")
    try:
        fields = yaml.safe_load(matter)
    except yaml.YAMLError as error:
        raise AgentFileInvalid(
            path=source, reason=f"its front matter is no YAML: {error}"
        ) from error
    if not isinstance(fields, dict):
        raise AgentFileInvalid(path=source, reason="its front matter is no mapping")
    return cast("dict[str, Json]", fields), body


def _kind(value: Json, source: str) -> AgentKind:
    try:
        return AgentKind(str(value))
    except ValueError:
        raise AgentFileInvalid(path=source, reason=f"kind {value!r} is not known") from None


def _tier(value: Json) -> Tier:
    """Map a tier, or one of Claude Code's model names, to a tier; anything else is balanced."""
    text = str(value or "")
    return Tier(text) if text in set(Tier) else TIERS_OF_CLAUDE.get(text, Tier.BALANCED)


def _form(value: Json, source: str) -> Mapping[str, Json] | None:
    """Read the form of what a role returns; None for a text."""
    if value is None:
        return None
    if wrong := faults_of_form(value):
        raise AgentFileInvalid(path=source, reason=f"its output is no form: {wrong[0]}")
    return cast("Mapping[str, Json]", value)


def _flag(fields: Mapping[str, Json], name: str, source: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise AgentFileInvalid(path=source, reason=f"its {name} is neither true nor false")
    return value


def _guarded(fields: Mapping[str, Json], source: str) -> tuple[str, ...]:
    """Read which tools a person has to approve; a misspelt one must not go unguarded."""
    guarded, tools = _names(fields.get("approve")), _names(fields.get("tools"))
    if strange := [name for name in guarded if name not in tools]:
        raise AgentFileInvalid(
            path=source, reason=f"it wants {strange[0]!r} approved, which is none of its tools"
        )
    return guarded


def _length(value: Json, source: str) -> float | None:
    if value is None:
        return None
    try:
        length_s = seconds(str(value))
    except InvalidInput as error:
        raise AgentFileInvalid(path=source, reason=error.message) from error
    if length_s > SECONDS_MAX:
        raise AgentFileInvalid(path=source, reason=f"{value} is longer than 30 days")
    return length_s


def _names(value: Json) -> tuple[str, ...]:
    """Read a list, or Claude Code's comma-separated text."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
