"""The oracle refuses what each of its checks is there for, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from tests.chaos.evidence import Call, Evidence, Fates
from tests.chaos.forgeries import (
    SWARM,
    called,
    done_by_hand,
    faultless,
    forged,
    numbered,
    told_again,
)
from tests.chaos.oracle import AT_THE_END, judge

from skep.records.swarm import SwarmStatus
from skep.records.task import TaskStatus
from skep.records.values import canonical

DEAD: Final = {"w0.1": 15.0, "w1.2": 50.0}
"""Killed between the call and its record."""


def letter_of(evidence: Evidence, life: str) -> Call:
    """A letter sent by a life."""
    first = next(iter(evidence.of_kind("ask").values()))[0]
    return replace(first, kind="letter", key="a/b/1/step/letters", life=life)


FORGERIES: Final[dict[str, tuple[Callable[[Evidence], Evidence], set[str]]]] = {
    "acknowledged and not there": (
        lambda faultless: replace(faultless, swarms=[]),
        {"accepted"},
    ),
    "there twice": (
        lambda faultless: replace(faultless, swarms=[*faultless.swarms, *faultless.swarms]),
        {"submitted_twice"},
    ),
    "never over": (
        lambda faultless: forged(
            faultless,
            lambda seen: replace(seen, swarm=replace(seen.swarm, status=SwarmStatus.ACTIVE)),
        ),
        {"terminal"},
    ),
    "over too late": (
        lambda faultless: forged(
            faultless, lambda seen: replace(seen, swarm=replace(seen.swarm, ended_at=110.5))
        ),
        {"terminal"},
    ),
    "a task stands still": (
        lambda faultless: forged(
            faultless,
            lambda seen: done_by_hand(seen, "link1", status=TaskStatus.WAITING, outcome=None),
        ),
        {"tasks_lost"},
    ),
    "a wrong sum": (
        lambda faultless: forged(
            faultless,
            lambda seen: done_by_hand(seen, "link0", outcome=canonical({"sum": 1, "attempt": 1})),
        ),
        {"results"},
    ),
    "two outcomes": (
        lambda faultless: forged(faultless, lambda seen: told_again(seen, "task.succeeded")),
        {"outcomes_twice"},
    ),
    "the outcome of one who was replaced": (
        lambda faultless: forged(
            faultless, lambda seen: told_again(seen, "task.claimed", attempt=2)
        ),
        {"replaced_holders"},
    ),
    "a gap in the log": (
        lambda faultless: forged(faultless, lambda seen: numbered(seen, seen.events, step=2)),
        {"out_of_order"},
    ),
    "begun too early": (
        lambda faultless: forged(
            faultless,
            lambda seen: numbered(
                seen,
                [
                    event
                    for event in seen.events
                    if (event.kind, event.task) != ("task.succeeded", "link0")
                ],
            ),
        ),
        {"out_of_order"},
    ),
    "paid twice under one key": (
        lambda faultless: replace(faultless, paid=dict.fromkeys(faultless.paid, 2)),
        {"effects_twice"},
    ),
    "paid under two keys": (
        lambda faultless: called(faultless, "pay", key=f"{SWARM}/link1/1/step/other"),
        {"effects_twice"},
    ),
    "never paid": (
        lambda faultless: replace(
            faultless,
            calls={key: calls for key, calls in faultless.calls.items() if "payments" not in key},
        ),
        {"effects_missing"},
    ),
    "sent twice": (
        lambda faultless: replace(
            faultless,
            calls={"a/b/1/step/letters": [letter_of(faultless, life) for life in DEAD]},
            paid={},
            fates=replace(faultless.fates, killed=DEAD),
        ),
        {"sent_twice", "effects_missing"},
    ),
    "asked again once it was recorded": (
        lambda faultless: replace(
            called(faultless, "ask", life="w1.3", asked_at=21.0),
            fates=replace(faultless.fates, killed=DEAD),
        ),
        {"asked_again"},
    ),
    "repeated without a death": (
        lambda faultless: called(faultless, "ask", life="w1.3", asked_at=16.0),
        {"repeats"},
    ),
    "repeated after a death that came too late": (
        lambda faultless: replace(
            called(faultless, "ask", life="w1.3", asked_at=16.0),
            fates=replace(faultless.fates, killed={"w0.1": 30.0}),
        ),
        {"repeats"},
    ),
    "a worker that ended by itself": (
        lambda faultless: replace(faultless, fates=replace(faultless.fates, ended={"w0.1": 0})),
        {"ended_alone"},
    ),
}


def test_a_faultless_run_is_accepted() -> None:
    """Where all went well, no check finds anything."""
    assert judge(faultless(), AT_THE_END) == {}


def test_a_call_may_be_repeated_after_a_death_in_the_middle_of_it() -> None:
    """A second call is no fault when the life that made the first was killed before the record."""
    repeated = called(faultless(), "ask", life="w1.3", asked_at=16.0)

    accepted = replace(repeated, fates=replace(repeated.fates, killed=DEAD))

    assert judge(accepted, AT_THE_END) == {}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_oracle_names_the_fault(name: str) -> None:
    """Each fault makes the checks fail that are there for it, and no other."""
    forge, checks = FORGERIES[name]

    assert judge(forge(faultless()), AT_THE_END).keys() == checks


def test_every_check_is_seen_to_fail() -> None:
    """No check of the oracle is without a fault that it finds."""
    assert set().union(*(checks for _, checks in FORGERIES.values())) == AT_THE_END.keys()


def test_without_a_kill_the_end_of_the_last_freeze_counts() -> None:
    """A run in weather that only freezes is not measured from the beginning of time."""
    frozen = Fates(killed={}, frozen={"w0.1": [(1.0, 2.0)], "w1.1": [(5.0, 7.0)]}, ended={})

    assert frozen.last_kill == 7.0
    assert replace(frozen, killed={"w0.1": 3.0}).last_kill == 3.0
