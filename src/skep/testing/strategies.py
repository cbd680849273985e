"""What the state machine draws: plans good and bad, offers, outcomes, steps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from skep.records.ids import TaskKey
from skep.records.outcome import Blocked, Failed, HandedBack, Outcome, Retried, Snoozed, Succeeded
from skep.records.step import Effect
from skep.records.swarm import SwarmMove
from skep.records.task import RetryPolicy, TaskSpec
from skep.testing.samples import OfferFields, failure, task

SWARMS: Final = ("s0", "s1", "s2")
WORKERS: Final = ("w0", "w1", "w2")
STEP_KEYS: Final = ("plan", "plan/tool:a", "plan/tool:b")
PICKS: Final = st.integers(0, 99)
"""A place in whatever list there is, counted round."""

orders = st.sampled_from(
    [
        SwarmMove.PAUSE,
        SwarmMove.RESUME,
        SwarmMove.RESUME,
        SwarmMove.INTERRUPT,
        SwarmMove.CANCEL,
        SwarmMove.SEAL,
        SwarmMove.REOPEN,
        SwarmMove.REOPEN,
        SwarmMove.START,
    ]
)
effects = st.sampled_from(Effect)
seconds = st.sampled_from([0.5, 1.0, 3.0, 6.0, 30.0, 130.0])


@st.composite
def plans(draw: st.DrawFn, prefix: str = "t", known: Sequence[str] = ()) -> tuple[TaskSpec, ...]:
    """Draw up to six tasks that wait for earlier ones, and for some of `known`."""
    specs: list[TaskSpec] = []
    for number in range(draw(st.integers(1, 6))):
        earlier = [*known, *(spec.key for spec in specs)]
        after = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        specs.append(_drawn_task(draw, f"{prefix}{number}", after))
    return tuple(draw(st.permutations(specs)) if draw(st.booleans()) else specs)


@st.composite
def flawed_plans(draw: st.DrawFn) -> tuple[TaskSpec, ...]:
    """Draw a plan and spoil it: a cycle, an unknown dependency, a key twice, a bad name."""
    specs = list(draw(plans()))
    place = draw(st.integers(0, len(specs) - 1))
    spoilt = specs[place]
    match draw(st.integers(0, 3)):
        case 0:
            specs[place] = replace(spoilt, after=(*spoilt.after, spoilt.key))
        case 1:
            specs[place] = replace(spoilt, after=(*spoilt.after, TaskKey("ghost")))
        case 2:
            specs.append(spoilt)
        case _:
            specs[place] = replace(spoilt, agent="no name")
    return tuple(specs)


@st.composite
def offers(draw: st.DrawFn) -> OfferFields:
    """Draw what a worker is ready to take."""
    return OfferFields(
        queues=frozenset(draw(st.sampled_from([("default",), ("other",), ("default", "other")]))),
        capabilities=frozenset(draw(st.sampled_from([(), ("gpu",)]))),
        lease_s=draw(st.sampled_from([2.0, 5.0])),
    )


@st.composite
def outcomes(draw: st.DrawFn, now: float) -> Outcome:
    """Draw an outcome, success more often than not."""
    wake_at = draw(st.sampled_from([now - 1, now, now + 2, now + 60]))
    return draw(
        st.sampled_from(
            [
                Succeeded(value=1),
                Succeeded(value=2),
                Succeeded(value=[3]),
                Failed(failure=failure()),
                Retried(failure=failure(), wake_at=wake_at),
                Snoozed(reason="quota", wake_at=wake_at),
                Blocked(reason="asks"),
                HandedBack(reason="stops"),
            ]
        )
    )


def _drawn_task(draw: st.DrawFn, key: str, after: Sequence[str]) -> TaskSpec:
    return task(
        key,
        *after,
        tolerant=draw(st.booleans()),
        priority=draw(st.sampled_from([2, 5, 5, 9])),
        queue=draw(st.sampled_from(["default", "default", "other"])),
        capabilities=frozenset(draw(st.sampled_from([(), (), ("gpu",)]))),
        delay_s=draw(st.sampled_from([0.0, 0.0, 0.0, 2.0])),
        timeout_s=draw(st.sampled_from([600.0, 4.0])),
        retry=RetryPolicy(attempts_max=draw(st.integers(1, 3))),
    )
