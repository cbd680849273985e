"""The settler: one call for everything that finished in one turn of the loop."""

import asyncio
from collections.abc import Sequence

import pytest

from skep.hive.settlement import Settler
from skep.policy.persistence import TRIES_MAX
from skep.records.errors import StoreUnavailable
from skep.records.ids import SwarmId, TaskKey
from skep.records.lease import Token
from skep.records.outcome import Settlement, SettleVerdict, Succeeded
from skep.testing.clock import ImpatientClock


class Counting:
    """A work port that counts its calls, and does not answer the first few."""

    def __init__(self, *, silent: int = 0) -> None:
        self.silent = silent
        self.batches: list[int] = []

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[SettleVerdict]:
        """Answer OK for each."""
        self.batches.append(len(settlements))
        if len(self.batches) <= self.silent:
            raise StoreUnavailable
        return [SettleVerdict.OK] * len(settlements)


def done(number: int) -> Settlement:
    """A settlement of some task."""
    token = Token(
        incarnation="i",
        swarm=SwarmId("s"),
        task=TaskKey(f"t{number}"),
        run=1,
        attempt=1,
        nonce=f"{number:032x}",
    )
    return Settlement(token=token, outcome=Succeeded(value=number))


async def test_what_finishes_in_one_turn_is_settled_in_one_call() -> None:
    """Fifty tasks that end together cost one call of the store."""
    work = Counting()
    settler = Settler(work, ImpatientClock())  # pyright: ignore[reportArgumentType]

    verdicts = await asyncio.gather(*(settler.settle(done(number)) for number in range(50)))

    assert verdicts == [SettleVerdict.OK] * 50
    assert work.batches == [50]


async def test_a_settlement_is_offered_again_until_the_store_answers() -> None:
    """A store that is away for a moment loses nothing; the same settlement is sent again."""
    work = Counting(silent=3)
    settler = Settler(work, ImpatientClock())  # pyright: ignore[reportArgumentType]

    assert await settler.settle(done(1)) is SettleVerdict.OK
    assert work.batches == [1, 1, 1, 1]


async def test_a_store_that_stays_away_is_an_error_for_each_of_the_batch() -> None:
    """When the tries are used up everyone who waits is told, and the leases run out."""
    work = Counting(silent=TRIES_MAX)
    settler = Settler(work, ImpatientClock())  # pyright: ignore[reportArgumentType]

    answers = await asyncio.gather(
        settler.settle(done(1)), settler.settle(done(2)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [StoreUnavailable, StoreUnavailable]


async def test_a_settler_goes_on_after_an_error() -> None:
    """What is settled after a failed batch is a batch of its own."""
    work = Counting(silent=TRIES_MAX)
    settler = Settler(work, ImpatientClock())  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreUnavailable):
        await settler.settle(done(1))

    assert await settler.settle(done(2)) is SettleVerdict.OK
