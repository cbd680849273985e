"""What the state machine draws: plans good and bad, offers, outcomes, steps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from skep.records.ids import TaskKey
from skep.records.outcome import Blocked, Failed, HandedBack, Outcome, Retried, Snoozed, Succeeded
from skep.records.purse import Amount, Budget
from skep.records.step import Effect
from skep.records.swarm import SwarmMove
from skep.records.task import RetryPolicy, TaskSpec
from skep.testing.samples import OfferFields, RequestFields, TaskFields, failure, task

SWARMS: Final = ("s0", "s1", "s2")
WORKERS: Final = ("w0", "w1", "w2")
STEP_KEYS: Final = ("plan", "plan/tool:a", "plan/tool:b")
PICKS: Final = st.integers(0, 99)
"""A place in whatever list there is, counted round."""

ONCE: Final = RetryPolicy(attempts_max=1)
TWICE: Final = RetryPolicy(attempts_max=2)
GPU: Final = frozenset({"gpu"})
EVERYWHERE: Final = frozenset({"default", "other"})
TRAITS: Final[list[TaskFields]] = [
    {},
    {"retry": ONCE},
    {"retry": TWICE, "priority": 9},
    {"tolerant": True},
    {"tolerant": True, "priority": 9},
    {"queue": "other"},
    {"capabilities": GPU, "retry": TWICE},
    {"delay_s": 2.0},
    {"timeout_s": 4.0, "retry": TWICE},
]

SHAPES: Final[list[RequestFields]] = [
    {},
    {"max_agents": 1},
    {"max_agents": 2, "priority": 1},
    {"timeout_s": 20.0},
    {"budget": Budget(requests=3, nano_usd=100, kept=Amount(requests=1))},
    {"budget": Budget(requests=2, tokens=50)},
]

RESERVED: Final[list[Amount]] = [
    Amount(requests=1),
    Amount(requests=1, tokens=30, nano_usd=20),
    Amount(requests=1, tokens=30, nano_usd=9_007_199_254_740),
    Amount(requests=1, tokens=7, nano_usd=None),
]
USED: Final[list[Amount | None]] = [
    None,
    Amount(requests=1, tokens=12, nano_usd=9),
    Amount(requests=1, tokens=12, nano_usd=None),
    Amount(requests=1, tokens=40, nano_usd=123_456_789_012_345),
]
BUDGETS: Final = [Budget(requests=6), Budget(nano_usd=10**15), Budget(requests=1, tokens=90)]

orders = st.sampled_from(
    [
        SwarmMove.PAUSE,
        SwarmMove.INTERRUPT,
        SwarmMove.SEAL,
        SwarmMove.SEAL,
        SwarmMove.RESUME,
        SwarmMove.CANCEL,
        SwarmMove.START,
    ]
)
effects = st.sampled_from(Effect)
seconds = st.sampled_from([0.5, 1.0, 3.0, 3.0, 6.0, 6.0, 6.0, 130.0])


@st.composite
def plans(draw: st.DrawFn, prefix: str = "t", known: Sequence[str] = ()) -> tuple[TaskSpec, ...]:
    """Draw up to six tasks that wait for earlier ones, and for some of `known`."""
    specs: list[TaskSpec] = []
    for number in range(draw(st.integers(1, 6))):
        earlier = [*known, *(spec.key for spec in specs)]
        after = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        specs.append(task(f"{prefix}{number}", *after, **draw(st.sampled_from(TRAITS))))
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
        queues=draw(st.sampled_from([EVERYWHERE, EVERYWHERE, frozenset({"default"})])),
        capabilities=draw(st.sampled_from([GPU, GPU, frozenset[str]()])),
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
                *[Succeeded(value=[3])] * 6,
                Failed(failure=failure()),
                Retried(failure=failure(), wake_at=wake_at),
                Snoozed(reason="quota", wake_at=wake_at),
                Blocked(reason="asks"),
                HandedBack(reason="stops"),
            ]
        )
    )
