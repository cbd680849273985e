"""What a manifest declares: names, constraints and groups, read and never executed."""

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from skep.agent.tools.manifests import Manifest


class Unreadable(Exception):
    """The manifest is not what its name says."""


class Declared(NamedTuple):
    """A dependency as written; the constraint is empty when there is none."""

    name: str
    constraint: str
    group: str


def declared_in(content: bytes, manifest: Manifest) -> list[Declared]:
    """Read the dependencies of a manifest; raises `Unreadable`.

    >>> declared_in(b"apsw>=3", Manifest.REQUIREMENTS)
    [Declared(name='apsw', constraint='>=3', group='')]
    """
    try:
        return list(_READERS[manifest](content.decode("utf-8-sig")))
    except (ValueError, RecursionError, configparser.Error) as error:
        raise Unreadable(type(error).__name__) from error


_REQUIREMENT: Final = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,100})\s{0,10}(?:\[[^\]]{0,200}\])?\s{0,10}(.*)", re.DOTALL
)
_CONTINUED: Final = re.compile(r"\\\r?\n")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_GO: Final = re.compile(r"^\s*(?:require\s+)?([^\s/()]+\.[^\s()]+)\s+(v[^\s]+)", re.MULTILINE)
_GEM: Final = re.compile(
    r"^\s*gem\s+['\"]([^'\"]{1,100})['\"](?:\s*,\s*['\"]([^'\"]{1,100})['\"])?", re.MULTILINE
)


def _requirement(line: str, group: str) -> Declared | None:
    found = _REQUIREMENT.match(line.partition(";")[0].partition(" --")[0])
    return Declared(found[1], found[2].strip().strip("()"), group) if found else None


def _requirements(lines: Iterable[object], group: str) -> Iterator[Declared]:
    for line in lines:
        if isinstance(line, str) and (declared := _requirement(line, group)):
            yield declared


def _requirements_txt(text: str) -> Iterator[Declared]:
    lines = (_COMMENT.sub("", line).strip() for line in _CONTINUED.sub(" ", text).splitlines())
    # Options (-r, -e, --index-url) and bare paths or addresses declare no name.
    return _requirements((line for line in lines if line and _is_named(line)), "")


def _is_named(line: str) -> bool:
    name = line.partition(" ")[0].partition("@")[0]
    return not line.startswith(("-", ".", "/")) and "://" not in name


def _pyproject(text: str) -> Iterator[Declared]:
    document = tomllib.loads(text)
    project = _table(document.get("project"))
    yield from _requirements(_list(project.get("dependencies")), "")
    for group, lines in _table(project.get("optional-dependencies")).items():
        yield from _requirements(_list(lines), group)
    for group, lines in _table(document.get("dependency-groups")).items():
        yield from _requirements(_list(lines), group)
    build = _table(document.get("build-system"))
    yield from _requirements(_list(build.get("requires")), "build-system")
    yield from _poetry(_table(_table(document.get("tool")).get("poetry")))


def _poetry(poetry: Mapping[str, object]) -> Iterator[Declared]:
    for declared in _constraints(poetry.get("dependencies"), ""):
        if declared.name != "python":
            yield declared
    yield from _constraints(poetry.get("dev-dependencies"), "dev")
    for group, table in _table(poetry.get("group")).items():
        yield from _constraints(_table(table).get("dependencies"), group)


def _setup_cfg(text: str) -> Iterator[Declared]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    lines = parser.get("options", "install_requires", fallback="")
    yield from _requirements(filter(None, lines.splitlines()), "")
    if parser.has_section("options.extras_require"):
        for group, extra in parser.items("options.extras_require"):
            yield from _requirements(filter(None, extra.splitlines()), group)


def _pipfile(text: str) -> Iterator[Declared]:
    document = tomllib.loads(text)
    yield from _constraints(document.get("packages"), "")
    yield from _constraints(document.get("dev-packages"), "dev")


def _npm(text: str) -> Iterator[Declared]:
    document = _table(json.loads(text))
    yield from _constraints(document.get("dependencies"), "")
    for group in ("dev", "peer", "optional"):
        yield from _constraints(document.get(f"{group}Dependencies"), group)


def _composer(text: str) -> Iterator[Declared]:
    document = _table(json.loads(text))
    yield from _constraints(document.get("require"), "")
    yield from _constraints(document.get("require-dev"), "dev")


def _cargo(text: str) -> Iterator[Declared]:
    document = tomllib.loads(text)
    places = [
        document,
        _table(document.get("workspace")),
        *map(_table, _table(document.get("target")).values()),
    ]
    for place in places:
        yield from _constraints(place.get("dependencies"), "")
        for group in ("dev", "build"):
            yield from _constraints(place.get(f"{group}-dependencies"), group)


def _go(text: str) -> Iterator[Declared]:
    # `replace` and `exclude` name modules too, but bring none in.
    wanted = re.sub(r"(?m)^\s*(?:replace|exclude|retract)\s*(?:\([^)]*\)|.*$)", "", text)
    for name, version in _GO.findall(wanted):
        yield Declared(name, version, "")


def _gemfile(text: str) -> Iterator[Declared]:
    for name, constraint in _GEM.findall(text):
        yield Declared(name, constraint, "")


def _maven(text: str) -> Iterator[Declared]:
    """Read by plain search: an XML parser would expand what a hostile document defines."""
    for rest in text.split("<dependency>")[1:]:
        block = rest.partition("</dependency>")[0]
        name = f"{_element(block, 'groupId')}:{_element(block, 'artifactId')}"
        yield Declared(name, _element(block, "version"), _element(block, "scope"))


def _element(block: str, name: str) -> str:
    return block.partition(f"<{name}>")[2].partition(f"</{name}>")[0].strip()


def _constraints(table: object, group: str) -> Iterator[Declared]:
    """Read a table of name to constraint, or to a table that has one among other things."""
    for name, value in _table(table).items():
        if isinstance(value, str):
            yield Declared(name, value, group)
            continue
        details = _table(value)
        version = details.get("version")
        elsewhere = next((key for key in _ELSEWHERE if key in details), "")
        yield Declared(
            name, version if isinstance(version, str) else elsewhere and f"{elsewhere}:", group
        )


_ELSEWHERE: Final = ("path", "git", "url", "file", "workspace")


def _table(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list) else ()


def _nothing(_: str) -> Iterator[Declared]:
    return iter(())


_READERS: Final[Mapping[Manifest, Callable[[str], Iterator[Declared]]]] = {
    Manifest.PYPROJECT: _pyproject,
    Manifest.REQUIREMENTS: _requirements_txt,
    Manifest.SETUP_CFG: _setup_cfg,
    Manifest.PIPFILE: _pipfile,
    Manifest.NPM: _npm,
    Manifest.GO: _go,
    Manifest.CARGO: _cargo,
    Manifest.GEMFILE: _gemfile,
    Manifest.MAVEN: _maven,
    Manifest.COMPOSER: _composer,
    Manifest.UNREAD: _nothing,
}
