"""Random histories of messages: sent, taken, returned, late, dead, replayed, with crashes and time.

After each step the invariants are checked on what the store shows, and the store is compared with
the memory store that was told the same. A failure prints the shortest history found.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.message import Delivery, MailVerdict, Return, address_of, ref_of
from skep.records.swarm import SwarmMove
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.mail import message
from skep.testing.samples import order, submission
from skep.testing.strategies import PICKS
from skep.testing.twins import Twins

Answer = TypeVar("Answer")

SWARMS: Final = ("s", "t", "u")
INBOXES: Final = ("s", "s/x", "t", "u", "ghost")
SENDERS: Final = ("a", "b", "t/x")
NAMES: Final = tuple(f"m{n}" for n in range(8))
LIVES: Final = (None, None, None, 2.0, 8.0)
LEASES: Final = (1.0, 5.0, 90.0)


class MailMachine(RuleBasedStateMachine):
    """Subclass it with a `new_harness`, and give its `TestCase` to pytest."""

    def new_harness(self) -> Harness:
        """Make a harness for one history."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.twins = Twins(self.new_harness(), clock=self.clock)
        self.runner = asyncio.Runner()
        self.taken: list[Delivery] = []
        self.named = 0

    @initialize()
    def open(self) -> None:
        """Open the twins, with a swarm for each inbox."""
        self.runner.run(self.twins.open())
        for swarm in SWARMS:
            self.submit(swarm)

    @override
    def teardown(self) -> None:
        """Throw the twins away."""
        self.runner.run(self.twins.dispose())
        self.runner.close()

    @invariant()
    def stands_as_it_must(self) -> None:
        """Every invariant holds, and the twins are alike."""
        self.runner.run(self.twins.look())

    @rule(
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
        to=st.sampled_from(INBOXES),
        sender=st.sampled_from(SENDERS),
        priority=st.sampled_from([2, 5, 9]),
        ttl_s=st.sampled_from(LIVES),
    )
    def send(
        self, names: list[str], to: str, *, sender: str, priority: int, ttl_s: float | None
    ) -> None:
        """Send messages, under names that may be taken; sent again they change nothing."""
        sent = [
            message(name, to=to, sender=sender, priority=priority, ttl_s=ttl_s) for name in names
        ]
        self.all_of(lambda store: store.mailbox.send(sent))
        self.unmoved(lambda store: store.mailbox.send(sent))

    @rule(
        inboxes=st.lists(st.sampled_from(INBOXES), min_size=1, max_size=4, unique=True),
        limit=st.integers(1, 5),
        lease_s=st.sampled_from(LEASES),
    )
    def take(self, inboxes: list[str], limit: int, *, lease_s: float) -> None:
        """Take what can be taken."""
        to = [address_of(name) for name in inboxes]
        found = self.all_of(lambda store: store.mailbox.take(to, limit=limit, lease_s=lease_s))
        lines = [(each.message.to, each.message.sender) for each in found]
        assert len(set(lines)) == len(lines) <= limit
        self.taken += found

    @precondition(lambda self: self.taken)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=4))
    def acknowledge(self, picks: list[int]) -> None:
        """Acknowledge deliveries, stale ones among them; again, nothing changes."""
        tokens = [self.picked(pick).token for pick in picks]
        first = self.all_of(lambda store: store.mailbox.acknowledge(tokens))
        again = self.unmoved(lambda store: store.mailbox.acknowledge(tokens))
        for before, after in zip(first, again, strict=True):
            assert after is not MailVerdict.OK
            # What was acknowledged long ago may have left the history with the first call.
            assert after is MailVerdict.ALREADY or before is not MailVerdict.OK

    @precondition(lambda self: self.taken)
    @rule(pick=PICKS, delay_s=st.sampled_from([0.0, 0.0, 2.0]), is_failure=st.booleans())
    def give_back(self, pick: int, delay_s: float, *, is_failure: bool) -> None:
        """Give a delivery back; a second time it is somebody else's."""
        token = self.picked(pick).token
        back = Return(token=token, reason="back", delay_s=delay_s, is_failure=is_failure)
        self.all_of(lambda store: store.mailbox.give_back([back]))
        [verdict] = self.unmoved(lambda store: store.mailbox.give_back([back]))
        assert verdict is not MailVerdict.OK

    @precondition(lambda self: self.taken)
    @rule(pick=PICKS, lease_s=st.sampled_from(LEASES))
    def renew(self, pick: int, lease_s: float) -> None:
        """Renew a lease, which may have been lost."""
        token = self.picked(pick).token
        self.all_of(lambda store: store.mailbox.renew([token], lease_s=lease_s))

    @precondition(lambda self: self.taken)
    @rule(pick=PICKS)
    def fail_for_good(self, pick: int) -> None:
        """Let a message fail as often as it may."""
        to = self.picked(pick).message.to
        for _ in range(6):
            found = self.all_of(lambda store: store.mailbox.take([to], limit=1, lease_s=5.0))
            self.taken += found
            backs = [Return(token=each.token, reason="bad") for each in found]
            self.all_of(partial(_return_all, backs=backs))

    @rule(swarm=st.sampled_from([None, *SWARMS]), pick=PICKS, replays=st.booleans())
    def bury(self, swarm: str | None, pick: int, *, replays: bool) -> None:
        """List the dead, and perhaps replay one of them, or one that is not dead."""
        whose = SwarmId(swarm) if swarm is not None else None
        found = self.all_of(lambda store: store.mailbox.dead(swarm=whose))
        if replays:
            refs = [posted.ref for posted in found] or [ref_of(message(NAMES[pick % 8]))]
            self.all_of(lambda store: store.mailbox.replay([refs[pick % len(refs)]]))

    @rule(swarm=st.sampled_from(SWARMS), after=st.integers(0, 9), limit=st.integers(1, 5))
    def read(self, swarm: str, after: int, limit: int) -> None:
        """Read along with a mailbox."""
        self.runner.run(
            self.twins.ask(
                lambda store: store.mailbox.read(SwarmId(swarm), after=after, limit=limit)
            )
        )

    @rule(seconds=st.sampled_from([0.5, 1.5, 6.0, 61.0, 4000.0]))
    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule()
    def crash(self) -> None:
        """Have the subject's process die."""
        self.runner.run(self.twins.crash())

    @rule(swarm=st.sampled_from(SWARMS), forgets=st.booleans())
    def cancel(self, swarm: str, *, forgets: bool) -> None:
        """End a swarm, and perhaps forget it; another of its name may come after it."""
        self.runner.run(
            self.twins.ask(lambda store: store.work.steer([order(swarm, SwarmMove.CANCEL)]))
        )
        if not forgets:
            return
        self.clock.advance(0.1)
        ids, before = [SwarmId(swarm)], self.clock.now()
        self.all_of(lambda store: store.retention.forget(ids, before=before))
        self.twins.seen = None
        self.submit(swarm)

    def submit(self, swarm: str) -> None:
        """Have an open swarm."""
        self.named += 1
        asked = submission(swarm, sealed=False, command=f"make-{self.named}")
        self.all_of(lambda store: store.work.submit([asked]))

    def picked(self, pick: int) -> Delivery:
        """One of the latest deliveries."""
        return self.taken[-1 - pick % min(len(self.taken), 8)]

    def all_of(self, command: Callable[[InspectableStore], Awaitable[Answer]]) -> Answer:
        """Ask both stores; no command drawn here may raise."""
        answer = self.runner.run(self.twins.ask(command))
        assert not isinstance(answer, SkepError), answer
        return answer

    def unmoved(self, command: Callable[[InspectableStore], Awaitable[Answer]]) -> Answer:
        """Ask both stores what must change nothing."""
        before = self.runner.run(self.twins.look())
        answer = self.all_of(command)
        assert self.runner.run(self.twins.look()) == before
        return answer


async def _return_all(store: InspectableStore, *, backs: Sequence[Return]) -> Sequence[MailVerdict]:
    return await store.mailbox.give_back(backs)
