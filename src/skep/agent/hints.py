"""Hints of what a model is saying, for whoever watches: never stored, never needed.

The truth of a model's answer is its recorded step. While it comes in, its pieces may be heard;
nobody hears them again after a crash, and an attempt that nobody listens to makes none.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from skep.records.ids import TaskRef

Heard: TypeAlias = Callable[[str], None]
"""Takes the next piece of one answer's text."""


class Listener(Protocol):
    """Hears what the models of running tasks are saying, in the worker's own loop."""

    def listen(self, ref: TaskRef) -> Heard | None:
        """Give who takes the pieces of a task's next answer, or None when nobody does.

        Asked once for each request. The pieces come in order, at once and without waiting, so
        taking one must be quick; a request that is made again begins anew.
        """
        ...
