"""Random histories: every command in any order, with crashes, repeats, stale tokens and time.

After each step the invariants are checked on what the store shows, and the store is compared
with the memory store that was told the same. A failure prints the shortest history found.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from skep.records.command import Addition, Receipt, ReceiptVerdict, Submission
from skep.records.errors import CommandConflict, SkepError
from skep.records.event import Cursor
from skep.records.ids import SwarmId, WorkerId
from skep.records.lease import BeatVerdict, Grant, Token
from skep.records.outcome import Outcome, Settlement, SettleVerdict, Succeeded
from skep.records.step import Effect, Intent, StepAnswer, StepVerdict
from skep.records.swarm import SwarmMove
from skep.records.task import TaskSpec
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.samples import OfferFields, addition, intent, offer, order, record, submission
from skep.testing.strategies import (
    PICKS,
    STEP_KEYS,
    SWARMS,
    WORKERS,
    effects,
    flawed_plans,
    offers,
    orders,
    outcomes,
    plans,
    seconds,
)
from skep.testing.twins import Twins

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

STALE = {SettleVerdict.FENCED, SettleVerdict.ALREADY, SettleVerdict.CONFLICT}


class StoreMachine(RuleBasedStateMachine):
    """Subclass it with a `new_harness`, and give its `TestCase` to pytest."""

    def new_harness(self) -> Harness:
        """Make a harness for one history."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.twins = Twins(self.new_harness(), clock=self.clock)
        self.runner = asyncio.Runner()
        self.grants: list[Grant] = []
        self.settled: list[Settlement] = []
        self.intents: list[tuple[Intent, StepAnswer]] = []
        self.submitted: list[Submission] = []
        self.added: list[Addition] = []
        self.spawned = 0

    @initialize()
    def open(self) -> None:
        """Open the twins."""
        self.runner.run(self.twins.open())

    @override
    def teardown(self) -> None:
        """Throw the twins away."""
        self.runner.run(self.twins.dispose())
        self.runner.close()

    @invariant()
    def stands_as_it_must(self) -> None:
        """Every invariant holds, and the twins are alike."""
        self.runner.run(self.twins.look())

    # --- plans come in ------------------------------------------------------------------------

    @rule(
        swarm=st.sampled_from(SWARMS),
        tasks=plans(),
        sealed=st.booleans(),
        cap=st.sampled_from([1, 2, 9]),
        priority=st.sampled_from([1, 5]),
        timeout_s=st.sampled_from([None, None, 20.0]),
    )
    def submit(
        self,
        *,
        swarm: str,
        tasks: tuple[TaskSpec, ...],
        sealed: bool,
        cap: int,
        priority: int,
        timeout_s: float | None,
    ) -> None:
        """Submit a sound plan; it is accepted once per swarm."""
        asked = submission(
            swarm, *tasks, sealed=sealed, max_agents=cap, priority=priority, timeout_s=timeout_s
        )
        [answer] = self.all_of(lambda store: store.work.submit([asked]))
        if isinstance(answer, Receipt) and answer.verdict is ReceiptVerdict.OK:
            self.submitted.append(asked)

    @rule(tasks=flawed_plans())
    def submit_flawed(self, tasks: tuple[TaskSpec, ...]) -> None:
        """Submit a plan that must be refused."""
        asked = submission("flawed", *tasks)
        [answer] = self.unmoved(lambda store: store.work.submit([asked]))
        assert isinstance(answer, SkepError)

    @precondition(lambda self: self.submitted)
    @rule(pick=PICKS, other=st.booleans())
    def submit_again(self, pick: int, *, other: bool) -> None:
        """Repeat a submission, or use its command id for another body."""
        asked = _picked(self.submitted, pick)
        asked = replace(asked, digest="another") if other else asked
        [answer] = self.unmoved(lambda store: store.work.submit([asked]))
        _is_repeat(answer, other=other)

    @precondition(lambda self: self.submitted)
    @rule(pick=PICKS, data=st.data(), spawn=st.booleans())
    def add(self, pick: int, data: st.DataObject, *, spawn: bool) -> None:
        """Add tasks from outside, or spawn them under some token, stale or not."""
        self.spawned += 1
        swarm: str = _picked(self.submitted, pick).swarm
        token: Token | None = None
        known: list[str] = []
        if spawn and self.grants:
            token = _picked(self.grants, pick).token
            swarm, known = token.swarm, [token.task]
        elif not spawn:
            known = [spec.key for spec in _picked(self.submitted, pick).plan.tasks]
        tasks = data.draw(plans(prefix=f"x{self.spawned}.", known=known))
        asked = addition(swarm, *tasks, token=token)
        [answer] = self.all_of(lambda store: store.work.add([asked]))
        if isinstance(answer, Receipt):
            self.added.append(asked)

    @precondition(lambda self: self.added)
    @rule(pick=PICKS, other=st.booleans())
    def add_again(self, pick: int, *, other: bool) -> None:
        """Repeat an addition whose answer was lost, or use its id for another body."""
        asked = _picked(self.added, pick)
        asked = replace(asked, digest="another") if other else asked
        [answer] = self.unmoved(lambda store: store.work.add([asked]))
        _is_repeat(answer, other=other)

    # --- tasks go out, outcomes come back -----------------------------------------------------

    @rule(worker=st.sampled_from(WORKERS), fields=offers(), limit=st.integers(1, 5))
    def claim(self, worker: str, fields: OfferFields, limit: int) -> None:
        """Take what is ready."""
        asked = offer(worker, **fields)
        self.grants.extend(self.all_of(lambda store: store.work.claim(asked, limit=limit)))

    @precondition(lambda self: self.grants)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3), data=st.data())
    def settle(self, picks: list[int], data: st.DataObject) -> None:
        """Settle some grants, current or stale, one of them perhaps twice."""
        outcome: Outcome = data.draw(outcomes(self.clock.now()))
        settlements = [
            Settlement(token=_picked(self.grants, pick).token, outcome=outcome) for pick in picks
        ]
        verdicts = self.all_of(lambda store: store.work.settle(settlements))
        for settlement, verdict in zip(settlements, verdicts, strict=True):
            if verdict in (SettleVerdict.OK, SettleVerdict.LATE):
                self.settled.append(settlement)

    @precondition(lambda self: self.settled)
    @rule(pick=PICKS)
    def settle_again(self, pick: int) -> None:
        """Repeat a settlement whose answer was lost."""
        settlement = _picked(self.settled, pick)
        [verdict] = self.unmoved(lambda store: store.work.settle([settlement]))
        assert verdict in {SettleVerdict.ALREADY, SettleVerdict.FENCED}, verdict

    @precondition(lambda self: self.settled)
    @rule(pick=PICKS, data=st.data())
    def settle_otherwise(self, pick: int, data: st.DataObject) -> None:
        """Say something else under a token that was settled."""
        outcome: Outcome = data.draw(outcomes(self.clock.now()))
        settlement = replace(_picked(self.settled, pick), outcome=outcome)
        [verdict] = self.unmoved(lambda store: store.work.settle([settlement]))
        assert verdict in STALE, verdict

    @precondition(lambda self: self.grants)
    @rule(pick=PICKS, part=st.sampled_from(["nonce", "run", "attempt", "incarnation"]))
    def forge(self, pick: int, part: str) -> None:
        """Try every kind of write under a token that was never granted."""
        token = _picked(self.grants, pick).token
        forged = {
            "nonce": replace(token, nonce="f" * 32),
            "run": replace(token, run=token.run + 1),
            "attempt": replace(token, attempt=token.attempt + 1),
            "incarnation": replace(token, incarnation="another"),
        }[part]
        asked = addition(token.swarm, token=forged, command="forged")
        [beat] = self.unmoved(lambda store: store.leases.renew([forged], lease_s=5.0))
        [told] = self.unmoved(lambda store: store.journal.write([intent(forged, "forged")]))
        [spawn] = self.unmoved(lambda store: store.work.add([asked]))
        noted = self.unmoved(lambda store: store.log.note(forged, [{"forged": True}]))
        assert beat.verdict is BeatVerdict.LOST
        assert told.verdict is StepVerdict.FENCED
        assert isinstance(spawn, SkepError)
        assert noted is False

    @precondition(lambda self: self.grants)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=4), limit=st.integers(1, 3), fields=offers())
    def all_at_once(self, picks: list[int], limit: int, fields: OfferFields) -> None:
        """Ask many things at once: beats, claims, a sweep, the same settlement from two sides."""
        tokens = [_picked(self.grants, pick).token for pick in picks]
        done = Settlement(token=tokens[0], outcome=Succeeded(value="done"))

        async def together(store: InspectableStore) -> Sequence[Grant]:
            _, one, _, other, _, _ = await asyncio.gather(
                store.leases.renew(tokens, lease_s=5.0),
                store.work.claim(offer("w0", **fields), limit=limit),
                store.work.settle([done]),
                store.work.claim(offer("w1", **fields), limit=limit),
                store.leases.sweep(),
                store.work.settle([done]),
            )
            return [*one, *other]

        self.grants.extend(self.all_of(together))

    # --- leases, time, steering ---------------------------------------------------------------

    @precondition(lambda self: self.grants)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=4))
    def renew(self, picks: list[int]) -> None:
        """Let some hearts beat."""
        tokens = [_picked(self.grants, pick).token for pick in picks]
        self.all_of(lambda store: store.leases.renew(tokens, lease_s=5.0))

    @rule(passed_s=seconds)
    def let_time_pass(self, passed_s: float) -> None:
        """Let leases and timers run out."""
        self.clock.advance(passed_s)

    @rule(turned_s=st.sampled_from([-300.0, -2.0, 2.0]))
    def turn_the_clock(self, turned_s: float) -> None:
        """Set the time of day."""
        self.clock.turn(turned_s)

    @rule(limit=st.sampled_from([1, 2, 256]))
    def sweep(self, limit: int) -> None:
        """Do what is due."""
        self.all_of(lambda store: store.leases.sweep(limit=limit))

    @rule(worker=st.sampled_from(WORKERS))
    def restart_worker(self, worker: str) -> None:
        """Take back what a worker held; the second time there is nothing."""
        self.all_of(lambda store: store.leases.reclaim(WorkerId(worker)))
        assert self.unmoved(lambda store: store.leases.reclaim(WorkerId(worker))) == 0

    @precondition(lambda self: self.submitted)
    @rule(pick=PICKS, move=orders, named=st.booleans())
    def steer(self, pick: int, move: SwarmMove, *, named: bool) -> None:
        """Steer a swarm; what is so already does not change when asked for again."""
        asked = _picked(self.submitted, pick)
        keys = [_picked(asked.plan.tasks, pick).key] if named and asked.plan.tasks else []
        self.all_of(lambda store: store.work.steer([order(asked.swarm, move, *keys)]))
        if move in {SwarmMove.PAUSE, SwarmMove.INTERRUPT, SwarmMove.CANCEL, SwarmMove.SEAL}:
            self.unmoved(lambda store: store.work.steer([order(asked.swarm, move, *keys)]))

    # --- the journal and the log --------------------------------------------------------------

    @precondition(lambda self: self.grants)
    @rule(pick=PICKS, key=st.sampled_from(STEP_KEYS), effect=effects, asks=st.sampled_from("qqqr"))
    def announce(self, pick: int, key: str, *, effect: Effect, asks: str) -> None:
        """Announce a call."""
        token = _picked(self.grants, pick).token
        name = f"i{token.attempt}"
        announced = intent(token, key, asks=asks, effect=effect, name=name)
        [answer] = self.all_of(lambda store: store.journal.write([announced]))
        self.intents.append((announced, answer))

    @precondition(lambda self: self.intents)
    @rule(pick=PICKS, value=st.integers(0, 2), goes_on=st.booleans())
    def tell(self, pick: int, value: int, *, goes_on: bool) -> None:
        """Tell a call's result, perhaps announcing the next call in the same breath."""
        announced = _picked(self.intents, pick)[0]
        told = replace(
            record(announced.token, announced.key, value=value), fingerprint=announced.fingerprint
        )
        entries = [told, intent(announced.token, "next")] if goes_on else [told]
        first, *_ = self.all_of(lambda store: store.journal.write(entries))
        if first.verdict is StepVerdict.RECORDED:
            [again] = self.unmoved(lambda store: store.journal.write([told]))
            assert again == first

    @precondition(lambda self: self.intents)
    @rule()
    def announce_again(self) -> None:
        """Repeat the last announcement, whose answer was lost."""
        announced, answer = self.intents[-1]
        [again] = self.all_of(lambda store: store.journal.write([announced]))
        if answer.verdict is StepVerdict.DIVERGED:
            assert again.verdict in {StepVerdict.DIVERGED, StepVerdict.FENCED}

    @precondition(lambda self: self.grants)
    @rule(pick=PICKS)
    def note(self, pick: int) -> None:
        """Tell of progress."""
        token = _picked(self.grants, pick).token
        self.all_of(lambda store: store.log.note(token, [{"n": 1}, {"n": 2}]))

    @precondition(lambda self: self.submitted)
    @rule(pick=PICKS, seq=st.integers(0, 20), is_old=st.booleans())
    def follow(self, pick: int, seq: int, *, is_old: bool) -> None:
        """Read a page of the log, and all that can be read beside it."""
        swarm: SwarmId = _picked(self.submitted, pick).swarm
        cursor = Cursor(incarnation="another" if is_old else "", swarm=swarm, seq=seq)
        page = self.unmoved(lambda store: store.log.read(cursor, limit=5))
        assert page.gap is is_old
        self.unmoved(lambda store: store.registry.tasks(swarm))
        self.unmoved(lambda store: store.registry.artifacts(swarm))
        self.unmoved(lambda store: store.registry.swarms(limit=2))

    # --- faults -------------------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        """Have the process die."""
        self.runner.run(self.twins.crash())

    @rule()
    def lose_the_queues(self) -> None:
        """Lose all derived data, and rebuild it."""

        async def rebuild(store: InspectableStore) -> int:
            await store.forget_queues()
            return await store.leases.reconcile()

        self.all_of(rebuild)
        assert self.unmoved(lambda store: store.leases.reconcile()) == 0

    # --- asking -------------------------------------------------------------------------------

    def all_of(self, command: Callable[[InspectableStore], Awaitable[Answer]]) -> Answer:
        """Ask both stores; no command drawn here may raise."""
        answer = self.runner.run(self.twins.ask(command))
        assert not isinstance(answer, SkepError), answer
        return answer

    def unmoved(self, command: Callable[[InspectableStore], Awaitable[Answer]]) -> Answer:
        """Ask both stores what must change nothing."""
        before = self.runner.run(self.twins.look())
        answer = self.all_of(command)
        after = self.runner.run(self.twins.look())
        assert after == before
        return answer


def _picked(things: Sequence[Thing], pick: int) -> Thing:
    return things[-1 - pick % len(things)]


def _is_repeat(answer: Receipt | SkepError, *, other: bool) -> None:
    if other:
        assert isinstance(answer, CommandConflict), answer
    else:
        assert isinstance(answer, Receipt), answer
        assert answer.verdict is ReceiptVerdict.ALREADY
