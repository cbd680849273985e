"""What a worker tells of its work: a line for each thing that happens, for people or programs."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from skep.cli.documents import write_json
from skep.cli.failures import flushed, hung_up
from skep.cli.ids import short
from skep.cli.screen import Screen, clean, shown_seconds
from skep.cli.swarms import local_time
from skep.hive.worker import Witness
from skep.ports.system import Clock
from skep.records.lease import Grant
from skep.records.outcome import HandedBack, Outcome, Succeeded, move_of, reason_of
from skep.records.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a worker is there for, told once it is ready."""

    worker: str
    store: str
    url: str
    durability: str
    queues: Sequence[str]
    slots: int
    agents: Sequence[str]
    roles: int


class WorkLog(Witness):
    """Writes what a worker does to stdout, as it happens."""

    def __init__(self, screen: Screen, clock: Clock, *, as_json: bool) -> None:
        self._out = screen.out
        self._clock = clock
        self.as_json = as_json
        self._began: dict[str, float] = {}
        self._is_stopping = False
        self._handed_back = 0

    def ready(self, post: Post) -> None:
        """Tell that work can come."""
        agents = ", ".join([*post.agents, f"{post.roles} roles"])
        line = (
            f"Ready: worker {post.worker}, store {clean(post.store)} ({post.durability}),"
            f" queues {', '.join(post.queues)}, {post.slots} slots, agents {agents}"
        )
        fields: dict[str, Json] = {
            "worker": post.worker,
            "store": post.url,
            "durability": post.durability,
            "queues": list(post.queues),
            "slots": post.slots,
            "agents": list(post.agents),
            "roles": post.roles,
        }
        self._write("ready", line, fields)

    @override
    def begun(self, grant: Grant) -> None:
        """Tell that a task begins."""
        self._began[grant.token.nonce] = self._clock.monotonic()
        self._write("task.begun", self._line("begins", grant), _fields(grant))

    @override
    def ended(self, grant: Grant, outcome: Outcome | None) -> None:
        """Tell what became of a task."""
        took_s = self._clock.monotonic() - self._began.pop(grant.token.nonce)
        if self._is_stopping and isinstance(outcome, HandedBack):
            self._handed_back += 1
        move = move_of(outcome).removeprefix("task.") if outcome is not None else "lost"
        reason = reason_of(outcome) if outcome is not None else ""
        is_done = isinstance(outcome, Succeeded)
        word = f"done in {shown_seconds(took_s)}" if is_done else move.replace("_", " ")
        told: dict[str, Json] = {"outcome": move, "reason": reason, "took_s": round(took_s, 3)}
        line = self._line(word, grant, reason=reason)
        self._write("task.ended", line, {**_fields(grant), **told})

    @override
    def store_answers(self, *, now: bool) -> None:
        """Tell that the store is away, or back."""
        if now:
            self._write("store.back", self._stamped("The store answers again."), {})
        else:
            line = "The store does not answer; work goes on when it does."
            self._write("store.away", self._stamped(line), {})

    def stopping(self, *, running: int) -> None:
        """Tell that nothing more is claimed."""
        self._is_stopping = True
        line = f"Stopping, {running} tasks running; a second signal leaves at once."
        self._write("stopping", self._stamped(line), {"running": running})

    def stopped(self) -> None:
        """Tell how the worker left."""
        line = self._stamped(f"Stopped; handed back {self._handed_back} tasks.")
        self._write("stopped", line, {"handed_back": self._handed_back})

    def _line(self, word: str, grant: Grant, *, reason: str = "") -> str:
        token, spec = grant.token, grant.spec
        why = f": {clean(reason)}" if reason else ""
        name = f"{short(token.swarm)} {clean(token.task)} ({clean(spec.agent)})"
        return self._stamped(f"{word:<14} {name}{why}")

    def _stamped(self, line: str) -> str:
        return f"{local_time(self._clock.now())}  {line}"

    def _write(self, kind: str, line: str, fields: dict[str, Json]) -> None:
        try:
            if self.as_json:
                write_json({"event": kind, "at": self._clock.now(), **fields}, indent=None)
            else:
                self._out.print(line, soft_wrap=True)
            flushed()
        except BrokenPipeError:
            hung_up()  # the work goes on when nobody reads of it


def _fields(grant: Grant) -> dict[str, Json]:
    token = grant.token
    return {
        "swarm": token.swarm,
        "task": token.task,
        "agent": grant.spec.agent,
        "run": token.run,
        "attempt": token.attempt,
    }
