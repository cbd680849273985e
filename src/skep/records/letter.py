"""Dead letters: the tasks that failed for good, as a list that is read page by page."""

from dataclasses import dataclass

from skep.records.errors import InvalidInput
from skep.records.ids import TaskRef
from skep.records.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A task whose retries are over: what failed, when, and after how many attempts.

    It stands in the list until a replay opens the task's next run. `failed_at` is epoch seconds;
    `attempts` counts the grants of all runs, as `Task.attempt` does.
    """

    ref: TaskRef
    ordinal: int
    agent: str
    run: int
    attempts: int
    reason: str
    failed_at: float

    @property
    def place(self) -> str:
        """Where it stands among those that failed in the same moment."""
        return f"{self.ref.swarm}/{self.ordinal:06}/{self.ref.key}"

    @property
    def cursor(self) -> str:
        """What to ask for the letters after this one with."""
        return f"{self.failed_at!r}/{self.place}"


def letter_of(task: Task) -> DeadLetter:
    """Make the dead letter of a task that failed."""
    assert task.ended_at is not None, task.ref
    return DeadLetter(
        ref=task.ref,
        ordinal=task.ordinal,
        agent=task.spec.agent,
        run=task.run,
        attempts=task.attempt,
        reason=task.reason,
        failed_at=task.ended_at,
    )


def read_cursor(cursor: str) -> tuple[float, str]:
    """Read the time and the place out of a cursor. Raises `InvalidInput` when it is none.

    >>> read_cursor("12.5/s/000003/churn")
    (12.5, 's/000003/churn')
    """
    at, slash, place = cursor.partition("/")
    try:
        if slash:
            return float(at), place
    except ValueError:
        pass
    raise InvalidInput(
        f"{cursor!r} is no place in the list of dead letters.",
        hint="Give the cursor of a letter that was read before.",
    )
