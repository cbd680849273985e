"""The worker: claims tasks, makes attempts side by side, and settles what became of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from skep.hive.heartbeat import Heartbeat
from skep.hive.settlement import Settler
from skep.ports.store import Store
from skep.ports.system import Clock
from skep.records.errors import InvalidInput, StoreUnavailable
from skep.records.lease import Grant, Offer, Token
from skep.records.limits import CLAIM_MAX
from skep.records.outcome import (
    ErrorClass,
    Failed,
    Failure,
    HandedBack,
    Outcome,
    Settlement,
    SettleVerdict,
)

PATIENCE_S: Final = 0.5
"""How long a claim waits for work; it is woken, and this only bounds how late a stop is seen."""

STORE_REST_S: Final = 1.0
"""How long a worker rests when the store does not answer."""

ACCEPTED: Final = frozenset({SettleVerdict.OK, SettleVerdict.ALREADY})

Attempt = Callable[[Grant], Awaitable[Outcome]]


class Witness:
    """Hears what a worker does, in the worker's loop; this one makes nothing of it."""

    def begun(self, grant: Grant) -> None:
        """Hear that an attempt begins."""

    def ended(self, grant: Grant, outcome: Outcome | None) -> None:
        """Hear what became of an attempt; None when the store has not accepted it."""

    def store_answers(self, *, now: bool) -> None:
        """Hear that the store has ceased to answer, or answers again."""


DEAF: Final = Witness()


@dataclass(slots=True)
class _Running:
    """An attempt under way."""

    grant: Grant
    task: asyncio.Task[None]
    is_handed_back: bool = False
    is_late: bool = False
    is_made: bool = False


class Worker:
    """Works on up to `slots` tasks at once; an async context manager that owns its attempts.

    Leaving the context cancels what runs and hands it back.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        offer: Offer,
        slots: int,
        attempt: Attempt,
        witness: Witness = DEAF,
    ) -> None:
        self._store = store
        self._clock = clock
        self._offer = offer
        self._slots = slots
        self._attempt = attempt
        self._witness = witness
        self._is_store_there = True
        self._settler = Settler(store.work, clock)
        self.heartbeat = Heartbeat(store.leases, lease_s=offer.lease_s, lost=self._told_of_loss)
        self._running: dict[str, _Running] = {}
        self._freed = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._store.leases.reclaim(self._offer.worker)
        await self._group.__aenter__()
        self.heartbeat.__enter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._clock.sleep(0)  # what was begun this turn must have started to be stopped
        for running in list(self._running.values()):
            self._stop(running, hand_back=True)
        try:
            await self._group.__aexit__(None, None, None)
        finally:
            # Joined off the loop: the thread's last beat may need the store, not us.
            await asyncio.to_thread(self.heartbeat.__exit__)

    @property
    def running(self) -> int:
        """How many attempts are under way."""
        return len(self._running)

    async def tick(self, *, patience_s: float = PATIENCE_S) -> int:
        """Claim for the free slots and begin; returns how many attempts were begun.

        Waits up to `patience_s` for work, or for a slot when all are taken.
        """
        free = self._slots - len(self._running)
        if free <= 0:
            await self._wait_for_a_slot(patience_s)
            return 0
        try:
            grants = await self._store.work.claim(
                self._offer, limit=min(free, CLAIM_MAX), patience_s=patience_s
            )
        except StoreUnavailable:
            self.saw_store(is_there=False)
            await self._clock.sleep(STORE_REST_S)
            return 0
        self.saw_store(is_there=True)
        for grant in grants:
            self._begin(grant)
        return len(grants)

    async def idle(self) -> None:
        """Wait until no attempt is under way."""
        while self._running:
            await self._wait_for_a_slot(PATIENCE_S)

    def saw_store(self, *, is_there: bool) -> None:
        """Take note of whether the store answered, and tell of it when that has changed."""
        if is_there is not self._is_store_there:
            self._is_store_there = is_there
            self._witness.store_answers(now=is_there)

    def _begin(self, grant: Grant) -> None:
        self.heartbeat.hold(grant.token)
        self._witness.begun(grant)
        name = f"{grant.token.swarm}/{grant.token.task}"
        task = self._group.create_task(self._work(grant), name=name)
        self._running[grant.token.nonce] = _Running(grant, task)

    async def _work(self, grant: Grant) -> None:
        settled: Outcome | None = None
        try:
            outcome = await self._outcome(grant)
            self._running[grant.token.nonce].is_made = True
            if outcome is not None:
                settled = await self._settle(grant, outcome)
        except StoreUnavailable:
            pass  # the lease runs out, and the journal keeps what was done
        finally:
            self.heartbeat.drop(grant.token)
            del self._running[grant.token.nonce]
            self._freed.set()
            self._witness.ended(grant, settled)

    async def _settle(self, grant: Grant, outcome: Outcome) -> Outcome | None:
        """Store the outcome of an attempt; gives the one that was accepted."""
        settlement = Settlement(token=grant.token, outcome=outcome)
        try:
            verdict = await self._settler.settle(settlement)
        except InvalidInput as refusal:
            # What the store cannot keep is the task's failure, and must not be the worker's.
            failure = Failure(
                error_class=ErrorClass.PERMANENT, code=refusal.code, message=refusal.message
            )
            settlement = Settlement(token=grant.token, outcome=Failed(failure=failure))
            verdict = await self._settler.settle(settlement)
        return settlement.outcome if verdict in ACCEPTED else None

    async def _outcome(self, grant: Grant) -> Outcome | None:
        """Make the attempt; None when it was lost, and there is nothing left to say."""
        running = self._running[grant.token.nonce]
        # Not `asyncio.timeout`, which would take a tenth of the time of a small task.
        loop = asyncio.get_running_loop()
        limit = loop.call_later(grant.spec.timeout_s, _time_out, running)
        try:
            return await self._attempt(grant)
        except asyncio.CancelledError:
            # The sweep sees the hard deadline of one that is late, counts it and tries again.
            may_go_on = running.is_handed_back and not running.is_late
            return HandedBack(reason="its worker stopped") if may_go_on else None
        finally:
            limit.cancel()

    def _told_of_loss(self, token: Token, *, hand_back: bool) -> None:
        """Called by the heartbeat's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(partial(self._drop, token, hand_back=hand_back))

    def _drop(self, token: Token, *, hand_back: bool) -> None:
        running = self._running.get(token.nonce)
        if running is not None:
            self._stop(running, hand_back=hand_back)

    def _stop(self, running: _Running, *, hand_back: bool) -> None:
        if running.is_made:
            return  # its outcome is on the way, in one batch with others'; the fence decides
        running.is_handed_back = hand_back
        running.task.cancel()

    async def _wait_for_a_slot(self, patience_s: float) -> None:
        self._freed.clear()
        try:
            async with asyncio.timeout(patience_s):
                await self._freed.wait()
        except TimeoutError:
            return


def _time_out(running: _Running) -> None:
    running.is_late = True
    running.task.cancel()
