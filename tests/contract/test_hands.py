"""What tests hold in hand: a clock that obeys, and chance that repeats itself."""

import asyncio

from skep.testing.chance import SeededChance
from skep.testing.clock import START_S, ManualClock


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Advancing wakes exactly those that are due, the earliest first."""
    clock, woken = ManualClock(), list[float]()

    async def rest(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    sleepers = [asyncio.create_task(rest(seconds)) for seconds in (3.0, 1.0, 2.0, 0.0)]
    await asyncio.wait(sleepers, timeout=0.01)
    clock.advance(2)
    await asyncio.wait(sleepers, timeout=0.01)
    assert woken == [0.0, 1.0, 2.0]

    clock.advance(1)
    await asyncio.wait_for(sleepers[0], 1)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Advancing past a sleeper that was cancelled harms nobody."""
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(1))
    await asyncio.wait([sleeper], timeout=0.01)
    sleeper.cancel()
    await asyncio.wait([sleeper])

    clock.advance(2)

    assert (clock.now(), clock.monotonic()) == (START_S + 2, 2)


def test_turning_the_clock_passes_no_time() -> None:
    """The time of day may be set back, and the monotonic clock does not notice."""
    clock = ManualClock()
    clock.advance(10)

    clock.turn(-100)

    assert (clock.now(), clock.monotonic()) == (START_S - 90, 10)


def test_equal_seeds_give_equal_sequences() -> None:
    """Nonces, ids and jitter repeat, and asking for one does not change the others."""
    one, other = SeededChance(7), SeededChance(7)
    first = [(one.nonce(), one.uuid(), one.jitter.random()) for _ in range(5)]

    nonces = [other.nonce() for _ in range(5)]
    ids = [other.uuid() for _ in range(5)]

    assert [nonce for nonce, _, _ in first] == nonces
    assert [each for _, each, _ in first] == ids == sorted(ids)
    assert len(set(nonces)) == 5
    assert SeededChance(8).nonce() not in nonces
