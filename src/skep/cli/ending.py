"""The end of a session: the report is written, and the user told how it went and what is next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text

from skep.cli.asked import answer_with, awaited_by
from skep.cli.board import Board
from skep.cli.documents import purse_json, write_json
from skep.cli.export import Exported, default_report, export_artifacts, put_report, swarm_folder
from skep.cli.failures import FAILED, INTERRUPTED, OUT_OF_BUDGET, flushed, hung_up, leave
from skep.cli.foreground import model_shown
from skep.cli.ids import short
from skep.cli.screen import Screen, clean, show, shown_seconds
from skep.cli.summary import summary
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.hive.spending import spent_in_words
from skep.policy.endings import is_stalled
from skep.policy.purse import EMPTY
from skep.ports.store import Durability
from skep.records.ids import TaskRef
from skep.records.outcome import Artifact
from skep.records.swarm import ENDED, Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.values import Json
from skep.settings import Settings, address_of

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
    agents_at_once: int
    store: str
    durability: str


async def conclude(
    handle: SwarmHandle, fleet: Fleet, settings: Settings, *, out: str | None
) -> Ending:
    """Write a swarm's report and artefacts, unless it was interrupted, and gather what to tell."""
    board, artifacts = await board_of(handle), await handle.artifacts()
    swarm, text, report, exported = await handle.state(), "", None, Exported()
    if swarm.status is not SwarmStatus.INTERRUPTED:
        text = await handle.report()
        folder = swarm_folder(settings, handle.id) / "artifacts"
        within = settings.state_folder
        exported = await export_artifacts(handle, artifacts, folder, within=within)
        report = Path(out) if out else default_report(settings, handle.id)
        put_report(text, report, within=None if out else within)
    return Ending(
        swarm=swarm,
        tasks=await handle.tasks(),
        artifacts=artifacts,
        exported=exported,
        report=report,
        text=text,
        elapsed_s=board.elapsed_s(board.last_at),
        agents_at_once=board.peak,
        store=address_of(settings.store),
        durability=fleet.store.durability,
    )


async def board_of(handle: SwarmHandle) -> Board:
    """Make the board that all events of a swarm so far add up to."""
    board = Board()
    board.know(await handle.tasks())
    async for event in handle.events(follow=False):
        board.apply(event)
    return board


def told(ending: Ending, screen: Screen, *, as_json: bool) -> int:
    """Tell the user how the session ended; returns the exit code, or leaves when interrupted."""
    try:
        _tell(ending, screen, as_json=as_json)
    except BrokenPipeError:
        hung_up()
    if ending.swarm.status is SwarmStatus.INTERRUPTED:
        leave(INTERRUPTED)  # the store is closed; tools in threads would be waited for
    return exit_code(ending.swarm)


def _tell(ending: Ending, screen: Screen, *, as_json: bool) -> None:
    if as_json:
        write_json(document(ending))
    else:
        _print(ending, screen)
    flushed()


def exit_code(swarm: Swarm) -> int:
    """0 when it completed, 130 when it was interrupted, 3 at its budget, 1 for anything else."""
    if swarm.purse.is_empty and swarm.status in {SwarmStatus.PAUSED, SwarmStatus.CANCELLED}:
        return OUT_OF_BUDGET
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
        "purse": purse_json(swarm.purse),
        "elapsed_s": round(ending.elapsed_s, 3),
        "agents_at_once": ending.agents_at_once,
        "tasks": [_task(task, ending) for task in ending.tasks],
    }
    if swarm.status is not SwarmStatus.COMPLETED:
        code = {INTERRUPTED: "interrupted", OUT_OF_BUDGET: "purse_empty"}.get(
            exit_code(swarm), "swarm_not_completed"
        )
        message = f"Swarm {swarm.id} is {swarm.status}."
        fields["error"] = {"code": code, "message": message, "hint": next_step(ending)}
    return fields


def next_step(ending: Ending) -> str:
    """Say what the user can do now."""
    name = short(ending.swarm.id)
    if decision := decide_budget(ending.swarm):
        return decision
    if answer := answer_with(awaited_by(ending.tasks)):
        return f"{answer}, then skep resume {name}"
    if ending.swarm.status is SwarmStatus.COMPLETED:
        return f"skep swarm show {name}"
    if ending.swarm.status not in ENDED and not is_stalled(ending.swarm.counts):
        return f"skep resume {name}"
    return f"skep swarm show {name}, then skep swarm retry {name}"


def decide_budget(swarm: Swarm) -> str:
    """Say how a person decides what becomes of a swarm that its purse paused; else empty."""
    if swarm.status is not SwarmStatus.PAUSED or not swarm.purse.is_empty:
        return ""
    return f"skep swarm budget {short(swarm.id)} --raise USD, or --finish, or --stop"


def waits_for(tasks: Sequence[Task], swarm: Swarm) -> str:
    """Say what a swarm waits for a person to do; empty when it waits for nobody."""
    if swarm.status is SwarmStatus.PAUSED and swarm.purse.is_empty:
        return f"It is paused: {EMPTY}."
    if asking := next((task for task in tasks if task.awaits), None):
        return f"Task {asking.ref.key!r} waits for an answer. {asking.reason}"
    if swarm.status in ENDED or not is_stalled(swarm.counts):
        return ""
    blocked = next(task for task in tasks if task.status is TaskStatus.BLOCKED)
    return f"Task {blocked.ref.key!r} needs a decision: {blocked.reason}"


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
    show(out, summary(ending.text, is_ascii=screen.is_ascii))
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
    if spent := spent_in_words(ending.swarm.purse):
        yield "Cost", spent
    yield "Written by", model_shown(ending.swarm.request.model)
    yield "Next", next_step(ending)


def _verdict(ending: Ending) -> Text:
    swarm = ending.swarm
    done = swarm.counts.get(TaskStatus.SUCCEEDED, 0)
    figures = (
        f": {done} of {swarm.tasks_total} tasks in {shown_seconds(ending.elapsed_s)},"
        f" up to {ending.agents_at_once} agents at once"
    )
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
