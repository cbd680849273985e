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

from skep.policy.approving import asked_as
from skep.records.approval import ApprovalState, Ask, AskVerdict, ReplyVerdict, Verdict
from skep.records.command import Addition, Order, Receipt, ReceiptVerdict, Submission
from skep.records.errors import CommandConflict, SkepError
from skep.records.event import Cursor
from skep.records.ids import WorkerId
from skep.records.lease import BeatVerdict, Grant, Token
from skep.records.outcome import Blocked, Outcome, Settlement, SettleVerdict, Succeeded
from skep.records.step import Effect, Intent, StepAnswer, StepVerdict
from skep.records.swarm import SwarmMove
from skep.records.task import TaskSpec
from skep.testing.acts import all_dead_letters
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.samples import (
    OfferFields,
    RequestFields,
    addition,
    intent,
    offer,
    order,
    question,
    record,
    reply,
    submission,
    task,
)
from skep.testing.strategies import (
    EVERYWHERE,
    GPU,
    PICKS,
    SHAPES,
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
        self.asked: list[Ask] = []
        self.submitted: list[Submission] = []
        self.added: list[Addition] = []
        self.spawned = 0
        self.ordered = 0
        self.named: list[Order] = []

    @initialize(tasks=plans(), sealed=st.booleans())
    def open(self, tasks: tuple[TaskSpec, ...], *, sealed: bool) -> None:
        """Open the twins, with one swarm to begin with."""
        self.runner.run(self.twins.open())
        self.submit(swarm="s", tasks=tasks, sealed=sealed, shape={})

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
        shape=st.sampled_from(SHAPES),
    )
    def submit(
        self, *, swarm: str, tasks: tuple[TaskSpec, ...], sealed: bool, shape: RequestFields
    ) -> None:
        """Submit a sound plan; it is accepted once per swarm."""
        asked = submission(swarm, *tasks, sealed=sealed, **shape)
        [answer] = self.all_of(lambda store: store.work.submit([asked]))
        if isinstance(answer, Receipt) and answer.verdict is ReceiptVerdict.OK:
            self.submitted.append(asked)

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

    @rule(pick=PICKS, other=st.booleans(), flawed=flawed_plans())
    def repeat(self, pick: int, *, other: bool, flawed: tuple[TaskSpec, ...]) -> None:
        """Repeat commands, or use their ids for other bodies; submit a plan that is refused."""
        first = _picked(self.submitted, pick)
        first = replace(first, digest="another") if other else first
        [answer] = self.unmoved(lambda store: store.work.submit([first]))
        _is_repeat(answer, other=other)
        if self.added:
            then = _picked(self.added, pick)
            then = replace(then, digest="another") if other else then
            [answer] = self.unmoved(lambda store: store.work.add([then]))
            _is_repeat(answer, other=other)
        bad = submission("flawed", *flawed)
        [refusal] = self.unmoved(lambda store: store.work.submit([bad]))
        assert isinstance(refusal, SkepError)

    # --- tasks go out, outcomes come back -----------------------------------------------------

    @rule(worker=st.sampled_from(WORKERS), fields=offers(), limit=st.integers(1, 5))
    def claim(self, worker: str, fields: OfferFields, limit: int) -> None:
        """Take what is ready."""
        asked = offer(worker, **fields)
        self.grants.extend(self.all_of(lambda store: store.work.claim(asked, limit=limit)))

    @rule(worker=st.sampled_from(WORKERS), data=st.data())
    def work(self, worker: str, data: st.DataObject) -> None:
        """Take up to three tasks and settle all but the last, each in its own way."""
        self.claim(worker, OfferFields(queues=EVERYWHERE, capabilities=GPU), limit=3)
        for grant in self.grants[-3:-1]:
            outcome: Outcome = data.draw(outcomes(self.clock.now()))
            self._settle([Settlement(token=grant.token, outcome=outcome)])

    @precondition(lambda self: self.grants)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3), data=st.data())
    def settle(self, picks: list[int], data: st.DataObject) -> None:
        """Settle some grants, current or stale, one of them perhaps twice."""
        outcome: Outcome = data.draw(outcomes(self.clock.now()))
        settlements = [
            Settlement(token=_picked(self.grants, pick).token, outcome=outcome) for pick in picks
        ]
        self._settle(settlements)

    @precondition(lambda self: self.settled)
    @rule(pick=PICKS, data=st.data())
    def settle_again(self, pick: int, data: st.DataObject) -> None:
        """Repeat a settlement whose answer was lost, then say something else in its place."""
        settlement = _picked(self.settled, pick)
        [verdict] = self.unmoved(lambda store: store.work.settle([settlement]))
        assert verdict in {SettleVerdict.ALREADY, SettleVerdict.FENCED}, verdict
        outcome: Outcome = data.draw(outcomes(self.clock.now()))
        otherwise = replace(settlement, outcome=outcome)
        [verdict] = self.unmoved(lambda store: store.work.settle([otherwise]))
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
        noted = self.unmoved(lambda store: store.log.remark(forged, [{"forged": True}]))
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

    @rule(passed_s=seconds, limit=st.sampled_from([1, 2, 256]))
    def let_time_pass(self, passed_s: float, limit: int) -> None:
        """Let leases and timers run out, and do what is due."""
        self.clock.advance(passed_s)
        self.all_of(lambda store: store.leases.sweep(limit=limit))

    @rule(pick=PICKS, move=orders, named=st.booleans())
    def steer(self, pick: int, move: SwarmMove, *, named: bool) -> None:
        """Steer a swarm; what is so already does not change when asked for again."""
        asked = _picked(self.submitted, pick)
        keys = [_picked(asked.plan.tasks, pick).key] if named else []
        self.all_of(lambda store: store.work.steer([order(asked.swarm, move, *keys)]))
        if move in {SwarmMove.PAUSE, SwarmMove.INTERRUPT, SwarmMove.CANCEL, SwarmMove.SEAL}:
            self.unmoved(lambda store: store.work.steer([order(asked.swarm, move, *keys)]))

    @rule(pick=PICKS, named=st.booleans())
    def retry(self, pick: int, *, named: bool) -> None:
        """Let a swarm go on that was stopped, or begin anew what has ended in it."""
        asked = _picked(self.submitted, pick)
        keys = [_picked(asked.plan.tasks, pick).key] if named else []
        for move in (SwarmMove.RESUME, SwarmMove.REOPEN):
            self.all_of(
                lambda store, move=move: store.work.steer([order(asked.swarm, move, *keys)])
            )

    @rule(pick=PICKS, max_agents=st.integers(1, 3))
    def cap(self, pick: int, max_agents: int) -> None:
        """Change how many tasks of a swarm may run at once."""
        swarm = _picked(self.submitted, pick).swarm
        asked = order(swarm, SwarmMove.CAP, max_agents=max_agents)
        self.all_of(lambda store: store.work.steer([asked]))

    @rule(pick=PICKS, move=orders | st.just(SwarmMove.REOPEN), is_replay=st.booleans())
    def order_twice(self, pick: int, move: SwarmMove, *, is_replay: bool) -> None:
        """Give an order by its name, then again: once is all that it was carried out."""
        self.ordered += 1
        swarm, command = _picked(self.submitted, pick).swarm, f"order {self.ordered}"
        asked = order(swarm, move, command=command, is_replay=is_replay)
        first = self.all_of(lambda store: store.work.steer([asked]))
        if not isinstance(first[0], SkepError):
            self.named.append(asked)

    @precondition(lambda self: self.named)
    @rule(pick=PICKS, other=st.booleans())
    def order_again(self, pick: int, *, other: bool) -> None:
        """Repeat an order carried out at any time before, or use its name for another body."""
        asked = _picked(self.named, pick)
        asked = replace(asked, reason="another") if other else asked
        [answer] = self.unmoved(lambda store: store.work.steer([asked]))
        assert isinstance(answer, CommandConflict) is other

    # --- the journal and the log --------------------------------------------------------------

    @precondition(lambda self: self.grants)
    @rule(pick=PICKS, key=st.sampled_from(STEP_KEYS), effect=effects, asks=st.sampled_from("qqqr"))
    def announce(self, pick: int, key: str, *, effect: Effect, asks: str) -> None:
        """Announce a call."""
        token = _picked(self.grants, pick).token
        name, told = f"i{token.attempt}", (None, 0, 1)[pick % 3]
        announced = intent(token, key, asks=asks, effect=effect, name=name, told=told)
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
        glance = [intent(told.token, "glance"), record(told.token, "glance", value=value)]
        entries = [told, *glance, intent(told.token, "next", told=0)] if goes_on else [told]
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

    # --- people -------------------------------------------------------------------------------

    @precondition(lambda self: self.grants)
    @rule(
        pick=PICKS,
        name=st.sampled_from(STEP_KEYS),
        expires_s=st.sampled_from([None, 1.0, 3.0]),
        asks=st.sampled_from("qqqr"),
        blocks=st.booleans(),
    )
    def ask(
        self, pick: int, *, name: str, expires_s: float | None, asks: str, blocks: bool
    ) -> None:
        """Put a question, and perhaps wait for it and for others."""
        token = _picked(self.grants, pick).token
        asked = question(token, name, asks=asks, expires_s=expires_s)
        [answer] = self.all_of(lambda store: store.approvals.ask([asked]))
        if answer.verdict in {AskVerdict.ASKED, AskVerdict.DECIDED}:
            self.asked.append(asked)
            assert self.all_of(lambda store: store.approvals.ask([asked])) == [answer]
        if blocks and self.asked:
            awaits = tuple(asked_as(each) for each in [*self.asked[-2:], _picked(self.asked, pick)])
            self._settle([Settlement(token=token, outcome=Blocked(reason="asks", awaits=awaits))])

    @precondition(lambda self: self.asked)
    @rule(pick=PICKS, verdict=st.sampled_from([Verdict.APPROVED, Verdict.DENIED]))
    def decide(self, pick: int, verdict: Verdict) -> None:
        """Decide a question, however old; the same again changes nothing, and nor does another."""
        told = reply(asked_as(_picked(self.asked, pick)), verdict, by="ann", reason="so")
        [first] = self.all_of(lambda store: store.approvals.decide([told]))
        [again] = self.unmoved(lambda store: store.approvals.decide([told]))
        is_decided = isinstance(first, ReplyVerdict)
        assert type(first) is type(again)
        assert (again is ReplyVerdict.ALREADY) is is_decided

    @precondition(lambda self: self.asked)
    @rule(pick=PICKS, state=st.sampled_from([None, *ApprovalState]), everywhere=st.booleans())
    def look_for(self, pick: int, state: ApprovalState | None, *, everywhere: bool) -> None:
        """Read questions in pages."""
        asked = _picked(self.asked, pick)
        swarm, before = (None if everywhere else asked.token.swarm), asked_as(asked)
        self.unmoved(lambda store: store.approvals.find(swarm=swarm, state=state, limit=2))
        self.unmoved(lambda store: store.approvals.find(swarm=swarm, state=state, before=before))

    # --- following ----------------------------------------------------------------------------

    @precondition(lambda self: self.grants)
    @rule(pick=PICKS, seq=st.integers(0, 20), is_old=st.booleans())
    def follow(self, pick: int, seq: int, *, is_old: bool) -> None:
        """Tell of progress, and read a page of the log and all that can be read beside it."""
        token = _picked(self.grants, pick).token
        self.all_of(lambda store: store.log.remark(token, [{"n": 1}, {"n": 2}]))
        swarm = _picked(self.submitted, pick).swarm  # that of the token may be forgotten
        cursor = Cursor(incarnation="another" if is_old else "", swarm=swarm, seq=seq)
        page = self.unmoved(lambda store: store.log.read(cursor, limit=5))
        assert page.gap is is_old
        self.unmoved(lambda store: store.registry.tasks(swarm))
        self.unmoved(lambda store: store.registry.artifacts(swarm))
        self.unmoved(lambda store: store.registry.swarms(limit=2))
        self.unmoved(lambda store: store.registry.dead_letters(swarm=swarm))
        self.unmoved(all_dead_letters)

    # --- retention ----------------------------------------------------------------------------

    @rule(
        pick=PICKS, content=st.sampled_from([b"1", b"22"]), kept_s=st.sampled_from([0.0, 1.0, 60.0])
    )
    def collect(self, pick: int, content: bytes, kept_s: float) -> None:
        """Put a content, drop what is loose, and forget whichever swarm may be forgotten."""
        before = self.clock.now() - kept_s
        self.all_of(lambda store: store.blobs.put([content]))
        swarm = _picked(self.submitted, pick).swarm
        due = self.unmoved(lambda store: store.retention.due(before))
        answer = self._forgetting(lambda store: store.retention.forget([swarm], before=before))
        assert (answer[0] is True) == (swarm in {each.id for each in due})
        self.all_of(_cleared if pick % 2 else _begun_to_clear)
        self.all_of(lambda store: store.retention.drop_blobs(before))
        if answer[0] is True:
            self._strike_out(swarm)

    # --- faults -------------------------------------------------------------------------------

    @rule(
        fault=st.sampled_from(["crash", "lost queues", "restarted worker", "turned clock"]),
        worker=st.sampled_from(WORKERS),
        turned_s=st.sampled_from([-300.0, -2.0, 2.0]),
    )
    def fail(self, fault: str, worker: str, turned_s: float) -> None:
        """Have something go wrong, and mend it."""
        match fault:
            case "crash":
                self.runner.run(self.twins.crash())
            case "lost queues":
                self.all_of(_rebuild)
                assert self.unmoved(lambda store: store.leases.reconcile()) == 0
            case "restarted worker":
                self.all_of(lambda store: store.leases.reclaim(WorkerId(worker)))
                assert self.unmoved(lambda store: store.leases.reclaim(WorkerId(worker))) == 0
            case _:
                self.clock.turn(turned_s)

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

    def _forgetting(self, command: Callable[[InspectableStore], Awaitable[Answer]]) -> Answer:
        """Ask both stores to forget; what they remember now is where the next step begins."""
        self.runner.run(self.twins.look())
        answer = self.all_of(command)
        self.twins.seen = None
        return answer

    def _strike_out(self, swarm: str) -> None:
        """Forget what was told of a swarm here as well; its grants stay, and are good no more."""
        self.submitted = [asked for asked in self.submitted if asked.swarm != swarm]
        self.added = [asked for asked in self.added if asked.swarm != swarm]
        self.settled = [told for told in self.settled if told.token.swarm != swarm]
        self.intents = [told for told in self.intents if told[0].token.swarm != swarm]
        self.asked = [asked for asked in self.asked if asked.token.swarm != swarm]
        self.named = [order for order in self.named if order.swarm != swarm]
        self.spawned += 1
        name = f"again{self.spawned}"
        self.submit(swarm=name, tasks=(task("t"),), sealed=True, shape={})

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        verdicts = self.all_of(lambda store: store.work.settle(settlements))
        for settlement, verdict in zip(settlements, verdicts, strict=True):
            if verdict in (SettleVerdict.OK, SettleVerdict.LATE):
                self.settled.append(settlement)


async def _cleared(store: InspectableStore) -> bool:
    while await store.retention.clear(limit=3):
        pass
    return True


async def _begun_to_clear(store: InspectableStore) -> bool:
    await store.retention.clear(limit=3)
    return True


async def _rebuild(store: InspectableStore) -> int:
    await store.forget_queues()
    return await store.leases.reconcile()


def _picked(things: Sequence[Thing], pick: int) -> Thing:
    return things[-1 - pick % len(things)]


def _is_repeat(answer: Receipt | SkepError, *, other: bool) -> None:
    if other:
        assert isinstance(answer, CommandConflict), answer
    else:
        assert isinstance(answer, Receipt), answer
        assert answer.verdict is ReceiptVerdict.ALREADY
