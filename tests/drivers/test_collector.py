"""The collector of cycles is eased while a process works, and taken back afterwards."""

import gc
from collections.abc import Generator

import pytest

from skep.drivers.collector import YOUNG_MAX, eased_collector, set_aside

PYTHONS_OWN = (700, 10, 10)


@pytest.fixture(autouse=True)
def _as_python_has_it() -> Generator[None]:
    found = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(*PYTHONS_OWN)
    yield
    gc.set_threshold(*found)


def test_the_collector_looks_less_often_while_the_context_lasts() -> None:
    """The young are looked at after more of them, and what lived before is set aside."""
    with eased_collector():
        assert gc.get_threshold() == (YOUNG_MAX, *PYTHONS_OWN[1:])
        assert gc.get_freeze_count() > 0

    assert gc.get_threshold() == PYTHONS_OWN
    assert gc.get_freeze_count() == 0


def test_the_last_of_two_contexts_takes_it_back() -> None:
    """Contexts that overlap leave the collector eased until none of them is left."""
    first, second = eased_collector(), eased_collector()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)

    assert gc.get_threshold()[0] == YOUNG_MAX
    assert gc.get_freeze_count() > 0

    second.__exit__(None, None, None)

    assert gc.get_threshold() == PYTHONS_OWN
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("young", [0, YOUNG_MAX * 2])
def test_a_collector_that_somebody_has_set_is_left_alone(young: int) -> None:
    """One that is off stays off, and one that looks even less often is not sped up."""
    gc.set_threshold(young, 10, 10)

    with eased_collector():
        assert gc.get_threshold() == (young, 10, 10)

    assert gc.get_threshold() == (young, 10, 10)


def test_nothing_is_set_aside_outside_of_a_context() -> None:
    """A process that does not work keeps its collector as Python has it."""
    set_aside()

    assert gc.get_freeze_count() == 0
