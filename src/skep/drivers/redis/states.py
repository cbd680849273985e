"""The Redis store's states: images, captures, and swarms that come in by pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from skep.drivers.redis.answers import event_of, receipt_of
from skep.drivers.redis.imaging import (
    Picture,
    event_text,
    laid,
    news_json,
    swarm_fields,
)
from skep.drivers.redis.ports import Desk
from skep.policy.capturing import KEPT, check_capture
from skep.records.capture import Capture, CaptureKind, CaptureTotals
from skep.records.command import Receipt
from skep.records.errors import (
    ArtifactNotFound,
    Conflict,
    IllegalMove,
    LimitExceeded,
    SkepError,
    StoreUnavailable,
    SwarmNotFound,
)
from skep.records.ids import SwarmId, TaskKey
from skep.records.image import Image
from skep.records.imaging import capture_from, capture_text
from skep.records.limits import CAPTURES_LABELLED_MAX, PLAN_TASKS_MAX
from skep.records.purse import UNTOUCHED, purse_text
from skep.records.recovering import Founding, Reinstatement
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.values import Json, canonical

PIECE_TASKS: Final = 64
PIECE_BYTES: Final = 512 * 1024
PIECE_EVENTS: Final = 500
BEGINNINGS_MAX: Final = 3
"""How often a founding is begun that somebody else begins at the same time."""

READINGS_MAX: Final = 3
"""How often a large swarm is read by pieces whose plan changes meanwhile."""

OF_THE_PLAN: Final = frozenset(
    map(
        str,
        (
            *(SwarmMove.EXTEND, SwarmMove.REOPEN, SwarmMove.CUT_SHORT),
            *(SwarmMove.REINSTATE, SwarmMove.RESUME),
        ),
    )
)
"""What changes tasks that its events do not name."""

STATS: Final = "swarm:state:manager:stats"


class RedisStates:
    """Captures of swarms, and how a swarm is rebuilt from one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def image(self, swarm: SwarmId) -> Image:
        """See `ports.states.States.image`."""
        for _ in range(READINGS_MAX):
            if (image := await self._pictured(swarm, at_once=PIECE_TASKS)) is not None:
                return image
        image = await self._pictured(swarm, at_once=PLAN_TASKS_MAX)
        assert image is not None, "one call reads one moment"
        return image

    async def keep(self, capture: Capture) -> Capture:
        """See `ports.states.States.keep`."""
        check_capture(capture)
        answer = await self._desk.call("keep", _keep_ask(capture), capture_text(capture))
        _check(answer, capture.swarm)
        return _capture(answer[1:])

    async def captures(
        self, swarm: SwarmId, *, kind: CaptureKind | None = None
    ) -> Sequence[Capture]:
        """See `ports.states.States.captures`."""
        answer = await self._desk.life.call("captures", swarm)
        _check(answer, swarm)
        found = [each for each in map(_capture, answer[1:]) if kind is None or each.kind is kind]
        return sorted(found, key=lambda each: (-each.seq, each.kind, -each.number))

    async def drop(self, swarm: SwarmId, kind: CaptureKind, number: int) -> bool:
        """See `ports.states.States.drop`."""
        answer = await self._desk.call("drop_capture", swarm, f"{kind}/{number}")
        _check(answer, swarm)
        return bool(answer[1])

    async def suspend(self, swarm: SwarmId) -> SwarmStatus:
        """See `ports.states.States.suspend`."""
        answer = await self._desk.call("suspend", swarm)
        _check(answer, swarm, move=SwarmMove.RECOVER)
        return SwarmStatus(answer[1])

    async def reinstate(self, reinstatement: Reinstatement) -> SwarmStatus:
        """See `ports.states.States.reinstate`."""
        ask = reinstatement
        total = len(ask.tasks) if ask.is_rewritten else 0
        if total:
            guard: dict[str, Json] = {"swarm": ask.swarm, "seq": ask.seq, "command": ""}
            await self._lay(laid(ask.tasks, ask.written), guard)
        answer = await self._desk.call("reinstate", _reinstate_ask(ask, total))
        _check(answer, ask.swarm, move=SwarmMove.REINSTATE)
        return SwarmStatus(answer[1])

    async def found(self, founding: Founding) -> Receipt | SkepError:
        """See `ports.states.States.found`."""
        for _ in range(BEGINNINGS_MAX):
            answer = await self._desk.call("found", _found_ask(founding))
            if answer[0] == "STAGED":
                try:
                    answer = await self._fill(founding)
                except Conflict:
                    continue
            if answer[0] != "MOVED":
                return receipt_of(answer, founding.image.swarm.id, refusal=None)
        raise StoreUnavailable("The swarm was begun again and again while it came in.")

    async def totals(self) -> CaptureTotals:
        """See `ports.states.States.totals`."""
        flat = await self._desk.wire.command("HGETALL", STATS)
        counts = {name: int(times) for name, times in zip(flat[::2], flat[1::2], strict=True)}
        return CaptureTotals(counts=counts)

    async def _pictured(self, swarm: SwarmId, *, at_once: int) -> Image | None:
        """Read an image of up to `at_once` tasks in one call, and of more in several.

        The log only grows, and tells which tasks have changed since they were read: the last call
        reads those again, with all that is new, at one moment. None when the plan itself changed.
        """
        picture = Picture(swarm=swarm)
        picture.events = await self._log(swarm)
        words = [[key, runs] for key, runs in picture.wanted()]
        call, have = self._desk.life.call, len(picture.events)
        first = words if len(words) <= at_once else []
        for at in range(0, 0 if first else len(words), at_once):
            piece = [word for pair in words[at : at + at_once] for word in pair]
            picture.take_in(await call("image", swarm, have, *piece))
        new = picture.take_in(
            await call("image", swarm, have, *[w for pair in first for w in pair])
        )
        if not first and any(event_of(swarm, text).kind in OF_THE_PLAN for text in new):
            return None
        picture.events += new
        return picture.image()

    async def _log(self, swarm: SwarmId) -> list[str]:
        events = list[str]()
        while piece := await self._desk.wire.command(
            "LRANGE", f"swarm:{swarm}:ev", len(events), len(events) + PIECE_EVENTS - 1
        ):
            events += piece
        return events

    async def _fill(self, founding: Founding) -> Sequence[str]:
        """Send the log and the plan of a swarm that was begun, and show it."""
        image = founding.image
        seq = len(image.events)
        guard: dict[str, Json] = {"swarm": image.swarm.id, "command": founding.command, "seq": seq}
        texts = [event_text(event) for event in image.events]
        for offset in range(0, seq, PIECE_EVENTS):
            piece = texts[offset : offset + PIECE_EVENTS]
            reached = await self._desk.call(
                "found_log", canonical({**guard, "offset": offset}), *piece
            )
            _check_reached(reached, offset + len(piece))
        everything = frozenset(task.key for task in image.tasks)
        await self._lay(laid(image.tasks, everything), guard)
        shown: dict[str, Json] = {
            **guard,
            "digest": founding.digest,
            "total": len(image.tasks),
            "status": image.swarm.status,
            "news": news_json(founding.news),
        }
        answer: Sequence[str] = await self._desk.call("show", canonical(shown))
        return answer

    async def _lay(self, tasks: Sequence[dict[str, Json]], guard: dict[str, Json]) -> None:
        offset = 0
        for piece in _pieces(tasks):
            ask = canonical({**guard, "offset": offset, "tasks": [*piece]})
            offset += len(piece)
            _check_reached(await self._desk.call("lay", ask), offset)


def _pieces(tasks: Sequence[dict[str, Json]]) -> Iterator[list[dict[str, Json]]]:
    piece, size = list[dict[str, Json]](), 0
    for task in tasks:
        weight = len(canonical(task))
        if piece and (len(piece) == PIECE_TASKS or size + weight > PIECE_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(task)
        size += weight
    if piece:
        yield piece


def _check_reached(reached: Any, expected: int) -> None:
    if int(reached) != expected:
        raise Conflict("The swarm has gone on while it was rebuilt.", hint="Recover it again.")


def _check(answer: Sequence[Any], swarm: SwarmId, *, move: SwarmMove = SwarmMove.RECOVER) -> None:
    match answer[0]:
        case "NOSWARM":
            raise SwarmNotFound(swarm=swarm)
        case "ILLEGAL":
            raise IllegalMove(status=answer[1], move=move)
        case "MOVED":
            raise Conflict("The swarm has gone on while it was rebuilt.", hint="Recover it again.")
        case "NOBLOB":
            missing = f"There is no content {answer[1][:12]}…."
            raise ArtifactNotFound(missing, hint="Put it once more.")
        case "LIMIT":
            _, limit, allowed, actual = answer
            raise LimitExceeded(limit=limit, allowed=float(allowed), actual=float(actual))
        case _:
            return


def _capture(row: Sequence[str]) -> Capture:
    text, number, at = row
    return replace(capture_from(text), number=int(number), at=float(at))


def _keep_ask(capture: Capture) -> str:
    parts = {part.digest for part in capture.parts if not part.inline}
    return canonical(
        {
            "swarm": capture.swarm,
            "kind": capture.kind,
            "label": capture.label,
            "seq": capture.seq,
            "digest": capture.digest,
            "blobs": list[Json](sorted(parts)),
            "kept": KEPT[capture.kind],
            "labelled": CAPTURES_LABELLED_MAX,
        }
    )


def _reinstate_ask(ask: Reinstatement, total: int) -> str:
    written: list[TaskKey] = sorted(ask.written)
    return canonical(
        {
            "swarm": ask.swarm,
            "seq": ask.seq,
            "total": total,
            "written": list[Json]([*written, *ask.dropped]),
            "dropped": list[Json](ask.dropped),
            "purse": purse_text(ask.purse) if ask.purse != UNTOUCHED else "",
            "forgotten": list[Json](ask.forgotten),
            "news": news_json(ask.news),
        }
    )


def _found_ask(ask: Founding) -> str:
    image = ask.image
    told = [canonical(told.as_json()) for told in image.told]
    return canonical(
        {
            "command": ask.command,
            "digest": ask.digest,
            "swarm": image.swarm.id,
            "fields": swarm_fields(image.swarm, seq=len(image.events)),
            "blobs": list[Json](sorted(image.contents)),
            "told": list[Json](told),
        }
    )
