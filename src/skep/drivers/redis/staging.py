"""Large submissions in pieces: the tasks, then the edges, then the flip that shows them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from skep.drivers.redis import asks
from skep.policy.references import of_specs
from skep.records.command import Submission
from skep.records.errors import StoreUnavailable
from skep.records.values import Json, canonical

PIECE_MAX: Final = 128
"""Tasks and edges that one call stores: about 3 ms of the server's time."""

BEGINNINGS_MAX: Final = 8

Call = Callable[..., Awaitable[Any]]


def is_large(submission: Submission) -> bool:
    """Say whether a submission takes more than one call."""
    tasks = submission.plan.tasks
    return len(tasks) + sum(len(task.after) for task in tasks) > PIECE_MAX


async def submit_by_pieces(call: Call, submission: Submission) -> Sequence[str]:
    """Store a large submission; the answer is that of the function `submit`.

    A submission that was cut off is taken up where it stands by its repetition, from this process
    or another; until the flip nothing of it can run.
    """
    begin = asks.staging_ask(submission)
    total = len(submission.plan.tasks) + sum(1 for _ in _edges(submission))
    for _ in range(BEGINNINGS_MAX):
        answer = await call("stage", begin)
        while answer[0] == "STAGED":
            _, swarm, progress = answer
            if int(progress) == total:
                answer = await call("stage_flip", _flip(submission, swarm, total))
            elif int(progress) < 0:
                answer = ["GONE"]
            else:
                answer = await _send(call, submission, answer)
        if answer[0] != "GONE":
            return answer
    raise StoreUnavailable("The submission was discarded again and again while it came in.")


async def _send(call: Call, submission: Submission, stood: Sequence[str]) -> Sequence[str]:
    """Send what follows the progress of an answer, until another is given than expected."""
    _, swarm, progress = answer = stood
    for offset, piece in _pieces(submission, int(progress)):
        told: dict[str, Json] = {"command": submission.command, "swarm": swarm, "offset": offset}
        answer = await call("stage_piece", canonical({**told, **piece}))
        size = len(piece["tasks"]) + len(piece["edges"])
        if answer != ["STAGED", swarm, str(offset + size)]:
            break
    return answer


def _pieces(submission: Submission, start: int) -> Iterator[tuple[int, dict[str, list[Json]]]]:
    tasks, texts = submission.plan.tasks, submission.spec_texts
    offset = start
    while offset < len(tasks):
        part = tasks[offset : offset + PIECE_MAX]
        specs = list(map(asks.staged_spec, part, texts[offset : offset + PIECE_MAX]))
        blobs = sorted(of_specs(part))
        yield offset, {"tasks": specs, "edges": [], "blobs": [*blobs]}
        offset += len(specs)
    edges = islice(_edges(submission), offset - len(tasks), None)
    while piece := list(islice(edges, PIECE_MAX)):
        yield offset, {"tasks": [], "edges": piece}
        offset += len(piece)


def _edges(submission: Submission) -> Iterator[Json]:
    ordinals = {task.key: place for place, task in enumerate(submission.plan.tasks)}
    for task in submission.plan.tasks:
        for up in task.after:
            yield [up, ordinals[up], task.key, ordinals[task.key]]


def _flip(submission: Submission, swarm: str, total: int) -> str:
    return canonical(
        {
            "command": submission.command,
            "digest": submission.digest,
            "swarm": swarm,
            "total": total,
        }
    )
