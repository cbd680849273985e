"""Retry, fencing, expiry, journaling, reopening and endings, case by case."""

from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skep.policy.endings import ending, is_over, is_stalled, takes_grants
from skep.policy.expiry import LEASE_S_MAX, is_expired, lease_end, loss_of
from skep.policy.fencing import is_current, is_same_grant, judge
from skep.policy.journaling import is_new_call, judge_intent, judge_record, opened
from skep.policy.reopening import check_reopening
from skep.policy.retry import QUOTA_WAIT_S, outcome_of, rest_s
from skep.records.errors import Conflict, TaskNotFound
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Held, Token
from skep.records.limits import RUN_STEPS_MAX
from skep.records.outcome import (
    ErrorClass,
    Failed,
    HandedBack,
    Retried,
    SettleVerdict,
    Snoozed,
)
from skep.records.step import Effect, Step, StepState, StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy, Task, TaskMove, TaskStatus
from skep.records.values import digest_of
from skep.testing.samples import failure, intent, order, record, task

TOKEN = Token(
    incarnation="i", swarm=SwarmId("s"), task=TaskKey("a"), run=2, attempt=3, nonce="n" * 32
)
HELD = Held(incarnation="i", run=2, attempt=3, nonce="n" * 32, spent="", status=TaskStatus.RUNNING)
NOW = 1_000.0


# --- retry ---------------------------------------------------------------------------------------


@given(
    st.integers(0, 5_000),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.integers(0, 2**32),
)
def test_a_rest_is_between_nothing_and_its_ceiling(
    failures: int, base_s: float, cap_s: float, seed: int
) -> None:
    """Full jitter: from 0 to base times two to the failures, capped, for any number of them."""
    policy = RetryPolicy(base_s=base_s, cap_s=cap_s)

    rest = rest_s(failures, policy, Random(seed))

    assert 0 <= rest <= cap_s
    assert rest <= base_s * 2.0 ** min(failures, 60)


def test_jitter_uses_the_whole_width() -> None:
    """Rests are spread from near nothing to near the ceiling."""
    chance = Random(1)
    rests = [rest_s(2, RetryPolicy(base_s=1.0, cap_s=60.0), chance) for _ in range(1_000)]

    assert min(rests) < 0.1
    assert max(rests) > 3.9


@given(st.integers(0, 6), st.integers(1, 6))
def test_a_transient_error_is_retried_up_to_the_limit(failures: int, attempts_max: int) -> None:
    """With one failure more the task has used its attempts, or it rests."""
    outcome = outcome_of(
        failure(ErrorClass.TRANSIENT),
        failures=failures,
        policy=RetryPolicy(attempts_max=attempts_max),
        now=NOW,
        chance=Random(1),
    )

    assert isinstance(outcome, Failed if failures + 1 >= attempts_max else Retried)
    if isinstance(outcome, Retried):
        assert outcome.wake_at >= NOW


@pytest.mark.parametrize(
    ("retry_at", "wake_at"), [(NOW + 5, NOW + 5), (None, NOW + QUOTA_WAIT_S), (NOW - 5, NOW)]
)
def test_a_quota_sleeps_until_the_provider_s_time(retry_at: float | None, wake_at: float) -> None:
    """A quota counts as no failure, whatever number there was before."""
    met = replace(failure(ErrorClass.QUOTA), retry_at=retry_at)

    outcome = outcome_of(
        met, failures=99, policy=RetryPolicy(attempts_max=1), now=NOW, chance=Random(1)
    )

    assert outcome == Snoozed(reason="it broke", wake_at=wake_at)


@pytest.mark.parametrize(
    ("error_class", "outcome"),
    [
        (ErrorClass.PERMANENT, Failed),
        (ErrorClass.BUDGET, Failed),
        (ErrorClass.CANCELLED, HandedBack),
    ],
)
def test_other_errors_are_decided_at_once(error_class: ErrorClass, outcome: type[object]) -> None:
    """What cannot get better fails; what was stopped is handed back."""
    met = failure(error_class)

    chosen = outcome_of(met, failures=0, policy=RetryPolicy(), now=NOW, chance=Random(1))

    assert isinstance(chosen, outcome)


# --- fencing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        replace(TOKEN, nonce="m" * 32),
        replace(TOKEN, run=1),
        replace(TOKEN, attempt=2),
        replace(TOKEN, incarnation="j"),
    ],
)
def test_a_token_is_compared_in_every_part(other: Token) -> None:
    """Each part of the token alone decides."""
    assert is_same_grant(HELD, TOKEN)
    assert not is_same_grant(HELD, other)
    assert judge(HELD, other, "d") is SettleVerdict.FENCED


def test_a_void_grant_has_no_token() -> None:
    """An empty nonce matches nothing, itself neither."""
    assert not is_same_grant(replace(HELD, nonce=""), replace(TOKEN, nonce=""))


def test_the_truth_table_of_settlements() -> None:
    """For the same grant: what was spent decides first, then where the task stands."""
    for status, spent in product(TaskStatus, ("", "d", "e")):
        held = replace(HELD, status=status, spent=spent)

        verdict = judge(held, TOKEN, "d")

        if spent:
            assert verdict == ("already" if spent == "d" else "conflict")
        elif status is TaskStatus.RUNNING:
            assert verdict is SettleVerdict.OK
        else:
            late = status is TaskStatus.CANCELLED
            assert verdict is (SettleVerdict.LATE if late else SettleVerdict.FENCED)
        assert is_current(held, TOKEN) == (status is TaskStatus.RUNNING and not spent)
    assert judge(None, TOKEN, "d") is SettleVerdict.FENCED


# --- expiry --------------------------------------------------------------------------------------


@given(st.floats(0, 1e9), st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_lease_ends_at_the_soonest_bound(now: float, lease_s: float, hard_s: float) -> None:
    """Asked for, longest allowed, start-to-close: the soonest counts."""
    end = lease_end(now=now, lease_s=lease_s, hard_until=now + hard_s)

    assert end == min(now + lease_s, now + LEASE_S_MAX, now + hard_s)


@pytest.mark.parametrize(
    ("lease_until", "expired"),
    [
        (NOW, False),
        (NOW - 0.001, True),
        (NOW + LEASE_S_MAX, False),
        (NOW + 2 * LEASE_S_MAX, False),
        (NOW + 2 * LEASE_S_MAX + 1, True),
    ],
)
def test_when_a_lease_has_run_out(lease_until: float, *, expired: bool) -> None:
    """Past its deadline, or so far from it that the clock must have been set back."""
    assert is_expired(lease_until, now=NOW) is expired


@pytest.mark.parametrize(("failures", "move"), [(1, TaskMove.LOSE), (2, TaskMove.GIVE_UP)])
def test_a_loss_counts(failures: int, move: TaskMove) -> None:
    """The loss that reaches the limit gives the task up."""
    assert loss_of(failures=failures, retry=RetryPolicy(attempts_max=2)) is move


# --- journaling ----------------------------------------------------------------------------------

STEP = Step(
    ref=TOKEN.ref,
    run=2,
    key="k",
    fingerprint=digest_of("q"),
    effect=Effect.PURE,
    state=StepState.OPEN,
    intent="i",
    calls=1,
)


@pytest.mark.parametrize("current", [True, False])
@pytest.mark.parametrize("effect", Effect)
def test_the_truth_table_of_intents(effect: Effect, *, current: bool) -> None:
    """For each class and state of a step, what a second announcement is told."""
    step = replace(STEP, effect=effect)
    unknown = replace(step, state=StepState.UNKNOWN)
    recorded = replace(step, state=StepState.RECORDED, value="1")
    again = StepVerdict.UNKNOWN if effect is Effect.ONCE else StepVerdict.OPENED
    cases = [
        (None, intent(TOKEN), StepVerdict.OPENED),
        (step, intent(TOKEN), StepVerdict.OPENED),
        (step, intent(TOKEN, name="j"), again),
        (step, intent(TOKEN, asks="r"), StepVerdict.DIVERGED),
        (recorded, intent(TOKEN, name="j"), StepVerdict.FOUND),
        (recorded, intent(TOKEN, asks="r"), StepVerdict.DIVERGED),
        (unknown, intent(TOKEN, name="j"), again),
    ]

    for found, asked, verdict in cases:
        expected = verdict if current else StepVerdict.FENCED
        assert judge_intent(found, asked, current=current, steps=0) is expected


def test_a_full_journal_takes_no_new_step() -> None:
    """At the limit a new key is refused, and one that stands is not."""
    new, known = intent(TOKEN), intent(TOKEN, name="j")

    verdicts = [
        judge_intent(None, new, current=True, steps=RUN_STEPS_MAX - 1),
        judge_intent(None, new, current=True, steps=RUN_STEPS_MAX),
        judge_intent(STEP, known, current=True, steps=RUN_STEPS_MAX),
    ]

    assert verdicts == [StepVerdict.OPENED, StepVerdict.FULL, StepVerdict.OPENED]


@pytest.mark.parametrize("current", [True, False])
@pytest.mark.parametrize("effect", Effect)
def test_the_truth_table_of_results(effect: Effect, *, current: bool) -> None:
    """A fenced result passes for pure calls only; a result never replaces another request's."""
    step = replace(STEP, effect=effect)
    passes = current or effect is Effect.PURE
    cases = [
        (step, record(TOKEN), StepVerdict.RECORDED),
        (replace(step, state=StepState.RECORDED, value="1"), record(TOKEN), StepVerdict.RECORDED),
        (step, record(TOKEN, asks="r"), StepVerdict.DIVERGED),
        (replace(step, state=StepState.UNKNOWN), record(TOKEN), StepVerdict.UNKNOWN),
    ]

    for found, told, verdict in cases:
        expected = verdict if passes else StepVerdict.FENCED
        assert judge_record(found, told, current=current) is expected
    assert judge_record(None, record(TOKEN), current=current) is StepVerdict.MISSING


def test_a_call_is_counted_once_for_each_announcement() -> None:
    """The same announcement is no new call; another one is."""
    assert opened(None, intent(TOKEN)) == replace(STEP, run=2)
    assert not is_new_call(STEP, intent(TOKEN))
    assert is_new_call(STEP, intent(TOKEN, name="j"))
    assert opened(STEP, intent(TOKEN, name="j")).calls == 2


# --- reopening -----------------------------------------------------------------------------------


def swarm_of(**statuses: str) -> dict[TaskKey, Task]:
    """Make tasks in the order given."""
    return {
        TaskKey(key): Task(
            ref=TaskRef(swarm=SwarmId("s"), key=TaskKey(key)),
            ordinal=ordinal,
            spec=task(key),
            status=TaskStatus(status),
            unmet=0,
        )
        for ordinal, (key, status) in enumerate(statuses.items())
    }


def downs_of(**downs: str) -> dict[TaskKey, list[TaskKey]]:
    """Name dependents by single letters."""
    return {TaskKey(up): [TaskKey(down) for down in text] for up, text in downs.items()}


@given(st.data())
def test_a_retry_takes_exactly_what_follows(data: st.DataObject) -> None:
    """What is reopened is what was meant and all that can be reached from it, in plan order."""
    keys = "abcdef"
    downs = {
        key: data.draw(st.sets(st.sampled_from(keys[place + 1 :])))
        if keys[place + 1 :]
        else set[str]()
        for place, key in enumerate(keys)
    }
    meant = data.draw(st.sets(st.sampled_from(keys), min_size=1))
    tasks = swarm_of(**dict.fromkeys(keys, "succeeded"))

    reopened = check_reopening(
        order("s", SwarmMove.REOPEN, *meant),
        tasks=tasks,
        downs=downs_of(**{key: "".join(sorted(found)) for key, found in downs.items()}),
    )

    reached = set(meant)
    for key in keys:
        if key in reached:
            reached |= downs[key]
    assert list(reopened) == sorted(reached)


def test_unnamed_a_retry_means_what_went_wrong() -> None:
    """Failed, cancelled and blocked tasks are meant; succeeded ones only as followers."""
    tasks = swarm_of(a="succeeded", b="failed", c="cancelled", d="blocked", e="succeeded")

    reopened = check_reopening(order("s", SwarmMove.REOPEN), tasks=tasks, downs=downs_of(b="e"))

    assert reopened == ("b", "c", "d", "e")


@pytest.mark.parametrize("status", ["ready", "running", "sleeping"])
def test_what_is_under_way_is_not_reopened(status: str) -> None:
    """Neither when it is meant nor when it follows."""
    tasks = swarm_of(a="failed", b=status)

    for named in ("a", "b"):
        with pytest.raises(Conflict, match="cannot begin anew"):
            check_reopening(order("s", SwarmMove.REOPEN, named), tasks=tasks, downs=downs_of(a="b"))


def test_a_waiting_follower_is_taken_along() -> None:
    """A task that has not begun waits again, and may not be meant itself."""
    tasks, downs = swarm_of(a="failed", b="waiting"), downs_of(a="b")

    assert check_reopening(order("s", SwarmMove.REOPEN), tasks=tasks, downs=downs) == ("a", "b")
    with pytest.raises(Conflict):
        check_reopening(order("s", SwarmMove.REOPEN, "b"), tasks=tasks, downs=downs)
    with pytest.raises(TaskNotFound):
        check_reopening(order("s", SwarmMove.REOPEN, "z"), tasks=tasks, downs=downs)
    with pytest.raises(Conflict, match="nothing to retry"):
        check_reopening(order("s", SwarmMove.REOPEN), tasks=swarm_of(a="succeeded"), downs={})


# --- endings -------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(TaskStatus), st.integers(0, 3)), st.booleans())
def test_a_sealed_swarm_without_live_tasks_is_over(
    counts: dict[TaskStatus, int],
    sealed: bool,  # noqa: FBT001 - drawn
) -> None:
    """It is over exactly when it is sealed and every task is terminal."""
    terminal = {TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED}
    live = sum(count for status, count in counts.items() if status not in terminal)

    assert is_over(sealed=sealed, counts=counts) == (sealed and live == 0)


def test_how_a_swarm_ends() -> None:
    """One unserved end of the plan fails it."""
    assert ending(unserved_sinks=0) is SwarmMove.COMPLETE
    assert ending(unserved_sinks=1) is SwarmMove.FAIL


def test_when_a_swarm_waits_for_a_person() -> None:
    """Blocked tasks alone stall a swarm; anything that moves by itself does not."""
    blocked = {TaskStatus.BLOCKED: 1, TaskStatus.WAITING: 2}

    assert is_stalled(blocked)
    assert not is_stalled({TaskStatus.WAITING: 2})
    for moving in (TaskStatus.READY, TaskStatus.RUNNING, TaskStatus.SLEEPING):
        assert not is_stalled({**blocked, moving: 1})


def test_only_an_active_swarm_gives_out_tasks() -> None:
    """Every other status holds its tasks back."""
    assert [status for status in SwarmStatus if takes_grants(status)] == [SwarmStatus.ACTIVE]
