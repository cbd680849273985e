"""The dependencies in words: what is declared, how firmly, and whether it is locked."""

from collections.abc import Iterator, Sequence
from typing import Final

from skep.agent.offline.sections.markup import and_more, code, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import not_read
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, listed, some
from skep.agent.tools.dependencies import Dependencies, DependencyFound, ManifestFound, Pin

_PINS: Final = {
    Pin.EXACT: "pinned exactly",
    Pin.RANGE: "with a range of versions",
    Pin.NONE: "without a constraint",
    Pin.REFERENCE: "by reference",
}
_OPEN: Final = frozenset({Pin.RANGE.value, Pin.NONE.value})
_LOOSEST_FIRST: Final = {Pin.NONE.value: 0, Pin.RANGE.value: 1, Pin.REFERENCE.value: 2}
_ROWS_MAX: Final = 20
_EXAMPLES_MAX: Final = 5


def dependencies(found: Dependencies) -> Section:
    """Write what the workspace declares to depend on."""
    return Section(
        tools=("dependencies",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: Dependencies) -> str:
    if not found["manifests"]:
        return f"No manifest was found, so no dependency is known.{_vendored(found)}"
    named = [code(manifest["path"]) for manifest in found["manifests"]]
    where = f"{counted(len(named), 'manifest')} ({some(named, total=len(named), most=3)})"
    declared = _declares(found["total"])
    return f"{declared} in {where}{_how(found)}. {_locks(found)}{_vendored(found)}"


def _how(found: Dependencies) -> str:
    pins = [
        (words, number) for pin, words in _PINS.items() if (number := found["by_pin"].get(pin, 0))
    ]
    if len(pins) == 1:
        return f", {'all ' if found['total'] > 1 else ''}{pins[0][0]}"
    told = listed([f"{figure(number)} {words}" for words, number in pins])
    return f": {told}" if told else ""


def _locks(found: Dependencies) -> str:
    locks = [code(lock["path"]) for lock in found["lock_files"]]
    if not locks:
        return "There is no lock file."
    shown = some(locks, total=len(locks), most=3)
    return f"Locked by {shown}."


def _vendored(found: Dependencies) -> str:
    number = found["vendored_manifests"]
    if not number:
        return ""
    left = counted(number, "vendored manifest is", many="vendored manifests are")
    return f" {left} left out."


def _evidence(found: Dependencies) -> Iterator[str]:
    if found["manifests"]:
        rows = [_manifest(manifest) for manifest in found["manifests"]]
        titles = ("Manifest", "Ecosystem", "Dependencies", "Lock", "Note")
        yield part("Manifests", table(titles, rows), not_read(found["scope"]))
    if found["dependencies"]:
        yield part("Declared dependencies, the loosest first", _declared(found), _NOT_LOOKED_UP)


_NOT_LOOKED_UP: Final = "Nothing was looked up: neither newer versions nor known flaws."


def _manifest(manifest: ManifestFound) -> tuple[str, str, int, str, str]:
    return (
        code(manifest["path"]),
        plain(manifest["ecosystem"]),
        manifest["dependencies"],
        "yes" if manifest["has_lock"] else "no",
        plain(manifest["problem"]),
    )


def _declared(found: Dependencies) -> str:
    ordered = sorted(found["dependencies"], key=lambda one: _LOOSEST_FIRST.get(one["pin"], 3))
    rows = [_dependency(one) for one in ordered[:_ROWS_MAX]]
    titles = ("Dependency", "Constraint", "Group", "Manifest")
    if len(found["manifests"]) == 1:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    drawn = table(titles, rows)
    return drawn + and_more(found["total"] - len(rows))


def _dependency(one: DependencyFound) -> Sequence[str]:
    return (
        code(one["name"]),
        code(one["constraint"]) if one["constraint"] else "none",
        plain(one["group"]),
        code(one["manifest"]),
    )


def _remarks(found: Dependencies) -> Iterator[Remark]:
    if number := found["by_pin"].get(Pin.NONE, 0):
        named = [f"{code(one['name'])} in {code(one['manifest'])}" for one in found["unpinned"]]
        yield Remark(Rule.UNPINNED, f"{some(named, total=number, most=_EXAMPLES_MAX)}.")
    if unlocked := _unlocked(found):
        shown = some(unlocked, total=len(unlocked), most=_EXAMPLES_MAX)
        yield Remark(Rule.UNLOCKED, f"{shown}.")
    problems = {manifest["path"]: manifest["problem"] for manifest in found["manifests"]}
    unread = [code(path) for path, why in problems.items() if why.startswith("cannot be read")]
    if unread:
        shown = some(unread, total=len(unread), most=_EXAMPLES_MAX)
        yield Remark(Rule.UNREAD_MANIFESTS, f"{shown}.")


def _unlocked(found: Dependencies) -> list[str]:
    opened = {one["manifest"] for one in found["dependencies"] if one["pin"] in _OPEN}
    return [
        f"{code(manifest['path'])} ({_declares(manifest['dependencies'])})"
        for manifest in found["manifests"]
        if not manifest["has_lock"] and manifest["path"] in opened
    ]


def _declares(number: int) -> str:
    return counted(number, "dependency", many="dependencies")
