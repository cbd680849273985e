"""What people tell a live swarm: words that its agents hear at their next turn."""

from dataclasses import dataclass

from skep.records.ids import SwarmId, TaskKey
from skep.records.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message of a person to a swarm, or to one `task` of it; numbered from 1 in the swarm.

    `by` says who told it, and may be empty; `at` is in seconds since 1970.
    """

    swarm: SwarmId
    number: int
    text: str
    by: str
    at: float
    task: TaskKey | None = None

    def is_for(self, task: TaskKey) -> bool:
        """Say whether a task is to hear it."""
        return self.task in {None, task}

    def as_json(self) -> dict[str, Json]:
        """Write it without its swarm, as journals and documents have it."""
        return {
            "number": self.number,
            "text": self.text,
            "by": self.by,
            "at": self.at,
            "task": self.task,
        }


def told_from(swarm: SwarmId, value: Json) -> Told:
    """Read what `Told.as_json` wrote."""
    assert isinstance(value, dict), value
    number, at, task = value["number"], value["at"], value["task"]
    assert isinstance(number, int), value
    assert isinstance(at, float | int), value
    return Told(
        swarm=swarm,
        number=number,
        text=str(value["text"]),
        by=str(value["by"]),
        at=float(at),
        task=TaskKey(str(task)) if task is not None else None,
    )
