"""What the oracle goes by: the words of submitters, world, killer and store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from skep.records.event import Event
from skep.records.swarm import Swarm
from skep.records.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A swarm that a submitter meant to hand in, and whether that was acknowledged to it."""

    swarm: str
    shape: str
    n: int
    is_acknowledged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that the world saw: of which kind and key, by which life and attempt, asked when.

    The key is the idempotency key that Skep made; `swarm` and `task` are what the agent said.
    """

    kind: str
    key: str
    life: str
    attempt: int
    asked_at: float
    swarm: str
    task: str

    @property
    def run(self) -> str:
        """The run of the task that it belongs to."""
        return self.key.split("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A swarm as the store has it."""

    swarm: Swarm
    tasks: Mapping[str, Task]
    events: Sequence[Event]

    @property
    def objective(self) -> str:
        """What its submitter called it."""
        return self.swarm.request.objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What became of the lives: killed when, frozen from when to when, ended by themselves how."""

    killed: Mapping[str, float]
    frozen: Mapping[str, Sequence[tuple[float, float]]]
    ended: Mapping[str, int]

    @property
    def last_kill(self) -> float:
        """When the last one was killed; in a run without a kill, when the last one woke up."""
        woke = [until for spells in self.frozen.values() for _, until in spells]
        return max(self.killed.values(), default=max(woke, default=0.0))


@dataclass(kw_only=True)
class Evidence:
    """Everything there is to judge by, and what follows from the store's events at once."""

    wanted: Mapping[str, Wanted]
    calls: Mapping[str, Sequence[Call]]
    paid: Mapping[str, int]
    swarms: Sequence[Seen]
    fates: Fates
    recorded: dict[str, float] = field(default_factory=dict[str, float])
    claimed: dict[tuple[str, str, int], float] = field(
        default_factory=dict[tuple[str, str, int], float]
    )

    def __post_init__(self) -> None:
        for seen in self.swarms:
            self._read(seen.events)

    def _read(self, events: Sequence[Event]) -> None:
        runs: defaultdict[str, int] = defaultdict(lambda: 1)
        for event in events:
            task = event.task or ""
            if event.kind == "task.reopened":
                runs[task] = int(str(event.data["run"]))
            elif event.kind == "step.recorded":
                self.recorded[f"{event.swarm}/{task}/{runs[task]}/{event.data['key']}"] = event.at
            elif event.kind == "task.claimed":
                self.claimed[event.swarm, task, int(str(event.data["attempt"]))] = event.at

    def of_kind(self, kind: str) -> dict[str, list[Call]]:
        """The calls of a kind, by their keys."""
        found = {
            key: [call for call in calls if call.kind == kind] for key, calls in self.calls.items()
        }
        return {key: calls for key, calls in found.items() if calls}

    def recorded_at(self, key: str) -> float:
        """When the answer under a key was recorded; never, for one that was not."""
        return self.recorded.get(key, inf)

    def was_frozen(self, call: Call) -> bool:
        """Say whether a call's life was frozen between its grant and the record of the answer."""
        since = self.claimed.get((call.swarm, call.task, call.attempt), call.asked_at)
        until = max(self.recorded_at(call.key), call.asked_at)
        frozen = self.fates.frozen.get(call.life, ())
        return any(begin <= until and end >= since for begin, end in frozen)

    def was_killed_open(self, call: Call) -> bool:
        """Say whether a call's life was killed while its answer was not recorded."""
        return self.fates.killed.get(call.life, inf) < self.recorded_at(call.key)

    def is_struck(self, call: Call) -> bool:
        """Say whether a death, or a freeze as long as one, struck while the call was open."""
        return self.was_killed_open(call) or self.was_frozen(call)
