"""Python's collector of reference cycles, while a process works on tasks.

What goes away goes by its reference count; the collector only looks for cycles, and to find them it
walks through all that lives: the modules of a provider's library and thousands of waiting runs,
again and again, for nothing. So while a process works, what it has loaded is set aside, and the
young are looked at less often. With the last hive of a process all of it is taken back.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

YOUNG_MAX: Final = 20_000
"""Objects made since the last look before there is another one; Python's own is 700 or so."""

_before: Final[list[tuple[int, int, int]]] = []
"""The thresholds that each open context found: a process has one collector, whoever asks."""


@contextmanager
def eased_collector() -> Generator[None]:
    """Let the collector look less often while the context lasts; contexts may overlap.

    A collector that somebody switched off, or told to look even less often, is left as it is.
    """
    young, middle, old = gc.get_threshold()
    _before.append((young, middle, old))
    if 0 < young < YOUNG_MAX:
        gc.set_threshold(YOUNG_MAX, middle, old)
    set_aside()
    try:
        yield
    finally:
        first = _before[0]
        _before.pop()
        if not _before:
            gc.set_threshold(*first)
            gc.unfreeze()


def set_aside() -> None:
    """Keep what lives now out of the collector's sight until the last eased context ends.

    For the moment after a library was loaded. A cycle among what is set aside is kept as long;
    outside of every such context nothing is set aside.
    """
    if _before:
        gc.freeze()
