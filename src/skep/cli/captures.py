"""`skep swarm snapshot`, `snapshots`, `restore`, `recover`: swarms written down and taken up."""

from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from skep.cli.checks_sqlite import sized
from skep.cli.documents import write_json
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import clean, counted, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet
from skep.hive.state import SwarmState
from skep.records.capture import IMAGED, Capture, CaptureKind
from skep.records.capture_errors import CaptureNotFound
from skep.records.ids import SwarmId
from skep.records.recovering import Recovered, TaskNote
from skep.records.values import Json
from skep.settings import read_settings

NOTES_SHOWN: Final = 20


async def snapshot(
    swarm: SwarmName,
    /,
    *,
    label: Annotated[
        str, Parameter(help="A name; what has one stays when ten newer ones are.")
    ] = "",
    checkpoint: Annotated[
        bool, Parameter(help="Make a checkpoint, which recovery tries before any snapshot.")
    ] = False,
    common: Common = COMMON,
) -> int:
    """Write down how a whole swarm stands, while it is worked on.

    Ten without a label are kept of each kind; asking again before anything has happened gives the
    one that is there.
    """
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle, state = await find_swarm(fleet, swarm), fleet.state
        take = state.create_checkpoint if checkpoint else state.create_snapshot
        made = await take(handle.id, label)
    if common.json:
        write_json(capture_json(made))
        return 0
    out = open_screen().out
    done = f"{made.ended} of {counted(made.tasks, 'task')} ended"
    out.print(
        f"{made.name.capitalize()} of {short(made.swarm)}: {done}, {counted(made.seq, 'event')},"
        f" {sized(made.size_bytes)}.",
        soft_wrap=True,
    )
    _next(out, f"skep swarm restore {short(made.swarm)} {made.name}")
    return 0


async def snapshots(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """List the snapshots and checkpoints of a swarm, the newest first."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        captures = await fleet.state.captures(handle.id)
    if common.json:
        write_json({"swarm": handle.id, "captures": [capture_json(each) for each in captures]})
        return 0
    out = open_screen().out
    found = [each for each in captures if each.kind in IMAGED]
    if not found:
        out.print("Nothing was written down of this swarm yet.")
        _next(out, f"skep swarm snapshot {short(handle.id)}")
        return 0
    table = plain_table("capture", "taken", ">tasks", ">events", ">size", "label")
    for each in found:
        done = f"{each.ended}/{each.tasks}"
        at, size = local_time(each.at), sized(each.size_bytes)
        table.add_row(each.name, Text(at, "dim"), done, str(each.seq), size, clean(each.label))
    show(out, table)
    return 0


async def restore(
    swarm: SwarmName,
    capture: Annotated[
        str, Parameter(help="A snapshot's number, `checkpoint/2`, or a label, as listed.")
    ],
    /,
    *,
    common: Common = COMMON,
) -> int:
    """Begin a new swarm where a snapshot ends; the first one stays as it is.

    What was recorded until then is not paid again; what happened after it is not known there.
    """
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle, state = await find_swarm(fleet, swarm), fleet.state
        chosen = await _chosen(state, handle.id, capture)
        made = await state.restore(handle.id, chosen.number, kind=chosen.kind)
    if common.json:
        write_json({"swarm": made, "of": handle.id, "capture": chosen.name, "seq": chosen.seq})
        return 0
    out = open_screen().out
    out.print(
        f"Swarm {made} goes on where {chosen.name} of {short(handle.id)} ends.", soft_wrap=True
    )
    _next(out, f"skep resume {short(made)}, unless a worker (skep work) is about")
    return 0


async def recover(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """Rebuild a swarm that was left or has lost records, and let it go on.

    In this order: from its own records, from its newest checkpoint, from its newest snapshot, with
    the log replayed over it. What was done after that point and is gone is named, and done again.
    """
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        result = await fleet.state.recover(handle.id)
    if common.json:
        write_json(recovered_json(result))
        return 0
    _print_recovered(open_screen().out, result)
    return 0


def capture_json(capture: Capture) -> dict[str, Json]:
    """Write a capture, without what it holds."""
    return {
        "swarm": capture.swarm,
        "capture": capture.name,
        "kind": capture.kind.value,
        "number": capture.number,
        "label": capture.label,
        "at": capture.at,
        "seq": capture.seq,
        "tasks": capture.tasks,
        "ended": capture.ended,
        "bytes": capture.size_bytes,
        "digest": capture.digest,
    }


def recovered_json(result: Recovered) -> dict[str, Json]:
    """Write what a recovery came to."""
    return {
        "swarm": result.swarm,
        "success": result.success,
        "source": result.source.value,
        "capture": result.capture,
        "seq": result.seq,
        "plan": list[Json](result.plan),
        "confidence": result.confidence,
        "facts": [
            {"fact": fact.name, "share": fact.share, "note": fact.note} for fact in result.facts
        ],
        "redone": _notes_json(result.redone),
        "lost": _notes_json(result.lost),
        "rebuilt": len(result.notes) - len(result.redone) - len(result.lost),
    }


async def _chosen(state: SwarmState, swarm: SwarmId, name: str) -> Capture:
    """Find the capture that a user means: by number, by kind and number, or by label."""
    captures = [each for each in await state.captures(swarm) if each.kind in IMAGED]
    wanted = f"{CaptureKind.SNAPSHOT}/{name}" if name.isdecimal() else name
    for each in captures:
        if wanted in (each.name, each.label):
            return each
    raise CaptureNotFound(swarm=short(swarm), capture=f"capture {name!r}")


def _notes_json(notes: Sequence[TaskNote]) -> list[Json]:
    return [{"task": note.task, "note": note.note} for note in notes]


def _print_recovered(out: Console, result: Recovered) -> None:
    where = result.source if not result.capture else f"{result.source}/{result.capture}"
    out.print(f"Recovered {short(result.swarm)} from its {where}, as of event {result.seq}.")
    for step in result.plan:
        out.print(Text.assemble(("        ", "dim"), step), soft_wrap=True)
    out.print(Text.assemble(("Trust   ", "dim"), f"{result.confidence:.2f} of 0.95, for"))
    for fact in result.facts:
        out.print(Text.assemble(("        ", "dim"), f"{fact.name}: {fact.note}"), soft_wrap=True)
    _print_notes(out, "Again   ", result.redone)
    _print_notes(out, "Gone    ", result.lost)
    _next(out, f"skep resume {short(result.swarm)}, unless a worker (skep work) is about")


def _print_notes(out: Console, heading: str, notes: Sequence[TaskNote]) -> None:
    for note in notes[:NOTES_SHOWN]:
        line = f"{clean(note.task)}: {clean(note.note)}"
        out.print(Text.assemble((heading, "dim"), line), soft_wrap=True)
    if len(notes) > NOTES_SHOWN:
        out.print(Text.assemble((heading, "dim"), f"and {len(notes) - NOTES_SHOWN} more: --json"))


def _next(out: Console, command: str) -> None:
    out.print(Text.assemble(("Next    ", "dim"), command), soft_wrap=True)
