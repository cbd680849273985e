"""Settlements: everything that finished in one turn of the loop is stored in one call."""

import asyncio

from skep.agent.offering import offered
from skep.policy.bounds import check_settlements
from skep.ports.store import Work
from skep.ports.system import Clock
from skep.records.errors import StoreUnavailable
from skep.records.outcome import Settlement, SettleVerdict


class Settler:
    """Collects settlements and stores them in batches."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._waiting: list[tuple[Settlement, asyncio.Future[SettleVerdict]]] = []

    async def settle(self, settlement: Settlement) -> SettleVerdict:
        """Store one outcome together with all others of this loop turn; gives its verdict.

        Not to be cancelled, for it may be storing the others' as well. Raises `InvalidInput` for
        an outcome that no store can keep, and `StoreUnavailable` when the store did not answer
        `TRIES_MAX` times.
        """
        check_settlements((settlement,))  # here: a store refuses the batch as a whole
        verdict: asyncio.Future[SettleVerdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((settlement, verdict))
        if len(self._waiting) == 1:
            await self._clock.sleep(0)  # let the others of this turn come in
            await self._flush()
        return await verdict

    async def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            settlements = [settlement for settlement, _ in batch]
            verdicts = await offered(lambda: self._work.settle(settlements), self._clock)
        except BaseException as error:
            for _, verdict in batch:
                if not verdict.done():
                    verdict.set_exception(_again(error))
                    verdict.exception()  # whoever flushed hears of it by `raise`, not from its own
            raise
        for (_, verdict), answer in zip(batch, verdicts, strict=True):
            if not verdict.done():
                verdict.set_result(answer)


def _again(error: BaseException) -> Exception:
    """What the others of a failed batch are told."""
    return error if isinstance(error, Exception) else StoreUnavailable()
