"""How a task finds its swarm: who may take it, who was chosen, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from skep.records.codec import spec_json
from skep.records.command import ReceiptVerdict
from skep.records.ids import SwarmId, TaskRef
from skep.records.task import TaskSpec
from skep.records.values import Digest, Json, canonical, digest_of


class Placement(StrEnum):
    """By what a distributed task's swarm is chosen."""

    LEAST_LOADED = "least_loaded"
    ROUND_ROBIN = "round_robin"
    PRIORITY = "priority"
    CAPABILITY = "capability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An open swarm as placement sees it.

    `busy` counts its tasks that are ready or run, `slots` how many may run at once; `skills` are
    the capabilities that it declared.
    """

    swarm: SwarmId
    priority: int
    busy: int
    slots: int
    skills: frozenset[str] = frozenset()

    @property
    def load(self) -> float:
        """How much it has to do for what it can do: 1.0 fills all its slots."""
        return self.busy / self.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Add a task to the open swarm that fits best, safe to repeat.

    `command` names this asking for it. The task waits for no other one. With the placement
    `capability` only a swarm that declared all of `needs` is chosen. `by` says who asked.
    """

    command: str
    task: TaskSpec
    placement: Placement = Placement.LEAST_LOADED
    needs: frozenset[str] = frozenset()
    by: str = ""

    @property
    def digest(self) -> Digest:
        """Tells the body of this command from another one under the same name."""
        body: dict[str, Json] = {
            "task": spec_json(self.task),
            "placement": self.placement,
            "needs": list[Json](sorted(self.needs)),
            "by": self.by,
        }
        return digest_of(canonical(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Why a task is where it is: the swarms that came first in the order, and their loads.

    The first of `looked` was chosen. A task that came from another swarm was `moved_from` there.
    """

    placement: Placement
    looked: tuple[tuple[SwarmId, float], ...]
    needs: frozenset[str] = frozenset()
    by: str = ""
    moved_from: SwarmId | None = None

    @property
    def swarm(self) -> SwarmId:
        """The swarm that was chosen."""
        return self.looked[0][0]

    @property
    def reason(self) -> str:
        """The choice in words."""
        (swarm, load), others = self.looked[0], len(self.looked) - 1
        told = f"{self.placement}: {swarm} at load {load:.2f}"
        if self.moved_from is not None:
            return f"{told}, moved from {self.moved_from} at load {self.looked[-1][1]:.2f}"
        return f"{told}, before {others} more" if others else f"{told}, the only one that fits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Move up to `number` tasks that nobody began from one open swarm to another."""

    source: SwarmId
    target: SwarmId
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The answer to a distribution: where the task is now, and why."""

    verdict: ReceiptVerdict
    ref: TaskRef
    choice: Choice


def choice_json(choice: Choice) -> dict[str, Json]:
    """Write a choice as its event tells it."""
    moved: dict[str, Json] = {"moved_from": choice.moved_from} if choice.moved_from else {}
    return {
        "placement": choice.placement.value,
        "looked": [[swarm, load] for swarm, load in choice.looked],
        "needs": list[Json](sorted(choice.needs)),
        "by": choice.by,
        **moved,
    }


def choice_from(told: Json) -> Choice:
    """Read a choice back."""
    fields = cast("Mapping[str, Any]", told)
    return Choice(
        placement=Placement(fields["placement"]),
        looked=tuple((SwarmId(swarm), float(load)) for swarm, load in fields["looked"]),
        needs=frozenset(fields["needs"]),
        by=fields["by"],
        moved_from=fields.get("moved_from"),
    )
