"""The end of a session: the report is written, and the user is told how it went and what is next."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text

from skep.cli.export import Exported, default_report, export_artifacts, put_report, swarm_folder
from skep.cli.failures import FAILED, INTERRUPTED
from skep.cli.foreground import model_shown
from skep.cli.ids import short
from skep.cli.screen import Screen, clean, shown_seconds
from skep.hive.fleet import Fleet, SwarmHandle
from skep.policy.endings import is_stalled
from skep.ports.store import Durability
from skep.records.event import Event
from skep.records.ids import TaskRef
from skep.records.outcome import Artifact
from skep.records.swarm import ENDED, Swarm, SwarmMove, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.values import Json
from skep.settings import Settings

LINES_SHOWN: Final = 12
BEGINNINGS: Final = frozenset({SwarmMove.START, SwarmMove.RESUME, SwarmMove.REOPEN})
STYLES: Final = {SwarmStatus.COMPLETED: "bold green", SwarmStatus.INTERRUPTED: "bold yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a session came to."""

    swarm: Swarm
    tasks: Sequence[Task]
    artifacts: Sequence[tuple[TaskRef, Artifact]]
    exported: Exported
    report: Path | None
    text: str
    elapsed_s: float
    store: str
    durability: str


async def conclude(
    handle: SwarmHandle, fleet: Fleet, settings: Settings, *, out: str | None
) -> Ending:
    """Write a swarm's report and artefacts, unless it was interrupted, and gather what to tell."""
    swarm, text, report, exported = await handle.state(), "", None, Exported()
    if swarm.status is not SwarmStatus.INTERRUPTED:
        text = await handle.report()
        exported = await export_artifacts(handle, swarm_folder(settings, handle.id) / "artifacts")
        report = Path(out) if out else default_report(settings, handle.id)
        put_report(text, report, within=None if out else settings.state_folder)
    return Ending(
        swarm=swarm,
        tasks=await handle.tasks(),
        artifacts=await handle.artifacts(),
        exported=exported,
        report=report,
        text=text,
        elapsed_s=elapsed([event async for event in handle.events(follow=False)]),
        store=settings.store,
        durability=fleet.store.durability,
    )


def elapsed(events: Sequence[Event]) -> float:
    """How long the last session took, from its events."""
    began = [event.at for event in events if event.kind in BEGINNINGS]
    return events[-1].at - began[-1] if began else 0.0


def told(ending: Ending, screen: Screen, *, as_json: bool) -> int:
    """Tell the user how the session ended; returns the exit code."""
    if as_json:
        sys.stdout.write(json.dumps(document(ending), indent=2) + "\n")
    else:
        _print(ending, screen)
    return exit_code(ending.swarm)


def exit_code(swarm: Swarm) -> int:
    """0 when the swarm completed, 130 when it was interrupted, 1 for anything else."""
    return {SwarmStatus.COMPLETED: 0, SwarmStatus.INTERRUPTED: INTERRUPTED}.get(
        swarm.status, FAILED
    )


def document(ending: Ending) -> dict[str, Json]:
    """Write an ending as the one JSON document of `--json`."""
    swarm = ending.swarm
    fields: dict[str, Json] = {
        "swarm": swarm.id,
        "status": swarm.status,
        "reason": swarm.reason or waits_for(ending.tasks, swarm),
        "objective": swarm.request.objective,
        "model": swarm.request.model,
        "store": ending.store,
        "durability": ending.durability,
        "workspace": swarm.request.workspace,
        "report": str(ending.report) if ending.report else None,
        "elapsed_s": round(ending.elapsed_s, 3),
        "tasks": [_task(task, ending) for task in ending.tasks],
    }
    if swarm.status is not SwarmStatus.COMPLETED:
        code = "interrupted" if swarm.status is SwarmStatus.INTERRUPTED else "swarm_not_completed"
        message = f"Swarm {swarm.id} is {swarm.status}."
        fields["error"] = {"code": code, "message": message, "hint": next_step(ending)}
    return fields


def next_step(ending: Ending) -> str:
    """Say what the user can do now."""
    name = short(ending.swarm.id)
    if ending.swarm.status is SwarmStatus.COMPLETED:
        return f"skep swarm show {name}"
    if ending.swarm.status not in ENDED and not is_stalled(ending.swarm.counts):
        return f"skep resume {name}"
    return f"skep swarm show {name}, then skep swarm retry {name}"


def waits_for(tasks: Sequence[Task], swarm: Swarm) -> str:
    """Say which decision a swarm waits for; empty when it waits for none."""
    if swarm.status in ENDED or not is_stalled(swarm.counts):
        return ""
    blocked = next(task for task in tasks if task.status is TaskStatus.BLOCKED)
    return f"Task {blocked.ref.key!r} needs a decision: {blocked.reason}"


def in_short(report: str) -> list[str]:
    r"""Take the first lines of a report: its section "In short", or else its opening.

    >>> in_short("# Audit\n\n## In short\n\n- 3 files\n\n## More")
    ['- 3 files']
    """
    lines = [line.strip() for line in report.splitlines()]
    starts = [at for at, line in enumerate(lines) if line.lower() == "## in short"]
    body = lines[starts[0] + 1 :] if starts else lines
    taken: list[str] = []
    for line in body:
        if line.startswith("#") and taken:
            break
        if line and not line.startswith("#"):
            taken.append(line)
    return taken[:LINES_SHOWN]


def _task(task: Task, ending: Ending) -> Json:
    return {
        "key": task.ref.key,
        "agent": task.spec.agent,
        "status": task.status,
        "attempts": task.attempt,
        "failures": task.failures,
        "reason": task.reason,
        "artifacts": [
            {
                "name": artifact.name,
                "media_type": artifact.media_type,
                "bytes": artifact.size_bytes,
                "sha256": artifact.digest,
                "path": str(ending.exported.get((ref, artifact.name), "")) or None,
            }
            for ref, artifact in ending.artifacts
            if ref == task.ref
        ],
    }


def _print(ending: Ending, screen: Screen) -> None:
    out = screen.out
    out.print()
    if ending.swarm.status is SwarmStatus.INTERRUPTED:
        _print_interruption(ending, screen)
        return
    out.print(_verdict(ending))
    for line in in_short(ending.text):
        out.print(Text(f"  {clean(line)}"))
    out.print()
    for name, value in _pointers(ending):
        out.print(Text.assemble((f"{name:<11}", "dim"), value), soft_wrap=True)


def _print_interruption(ending: Ending, screen: Screen) -> None:
    if ending.durability == Durability.MEMORY:
        screen.out.print("Interrupted. Its store was in memory, so nothing of it is left.")
        return
    screen.out.print(f"Interrupted. Go on with: skep resume {ending.swarm.id}", soft_wrap=True)


def _pointers(ending: Ending) -> Iterator[tuple[str, str]]:
    """Say where things are and what can be done next."""
    if ending.report:
        yield "Report", near(ending.report)
    if ending.exported:
        yield "Artefacts", f"{near(_artifact_folder(ending))}/ ({len(ending.exported)} files)"
    yield "Written by", model_shown(ending.swarm.request.model)
    yield "Next", next_step(ending)


def _verdict(ending: Ending) -> Text:
    swarm = ending.swarm
    done = swarm.counts.get(TaskStatus.SUCCEEDED, 0)
    figures = f": {done} of {swarm.tasks_total} tasks in {shown_seconds(ending.elapsed_s)}"
    reason = swarm.reason or waits_for(ending.tasks, swarm)
    text = Text.assemble((swarm.status.capitalize(), STYLES.get(swarm.status, "bold red")), figures)
    return text.append(f" ({clean(reason)})" if reason else "")


def _artifact_folder(ending: Ending) -> Path:
    first = next(iter(ending.exported.values()))
    return next(parent for parent in first.parents if parent.name == "artifacts")


def near(path: Path) -> str:
    """Write a path as seen from here, when that is shorter."""
    here = Path.cwd()
    return clean(str(path.relative_to(here) if path.is_relative_to(here) else path))
