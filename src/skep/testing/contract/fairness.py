"""Fair shares: a swarm's turn comes by its weight, never by its size."""

# ruff: noqa: PLR2004 - expected figures are literal

from collections import Counter

from skep.policy.fairness import WEIGHTS
from skep.records.swarm import SwarmMove
from skep.testing.acts import claim, claim_one, keys, steer, submit, succeed, swarms
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, task


class FairnessContract:
    """Invariant 37: the order of claims between swarms and between lanes."""

    async def test_equal_swarms_take_turns(self, store: InspectableStore) -> None:
        """Ten swarms with work each get one task in ten."""
        for number in range(10):
            await submit(store, f"s{number}", *many(5))

        first = swarms(await claim(store, 10))
        second = swarms(await claim(store, 10))

        assert first == second == [f"s{number}" for number in range(10)]

    async def test_shares_follow_the_weights(self, store: InspectableStore) -> None:
        """Over time a swarm is served in proportion to the weight of its priority."""
        for priority in (1, 5, 7):
            await submit(store, f"p{priority}", *many(64), priority=priority)

        taken = Counter(swarms([*await claim(store, 33), *await claim(store, 33)]))

        total = sum(WEIGHTS[priority] for priority in (1, 5, 7))
        for priority in (1, 5, 7):
            assert abs(taken[f"p{priority}"] - 66 * WEIGHTS[priority] / total) <= 1

    async def test_a_large_swarm_does_not_starve_a_small_one(self, store: InspectableStore) -> None:
        """Three tasks beside a thousand are served within six grants."""
        await submit(store, "large", *many(1_000))
        await submit(store, "small", *many(3))

        taken = swarms(await claim(store, 6))

        assert taken.count("small") == 3

    async def test_a_large_claim_takes_a_few_at_a_time(self, store: InspectableStore) -> None:
        """A claim for 64 visits 16 swarms, and the next one begins with those it left out."""
        names = [f"s{number:02}" for number in range(20)]
        for name in names:
            await submit(store, name, *many(10))

        first = Counter(swarms(await claim(store, 64)))
        second = Counter(swarms(await claim(store, 64)))

        assert first == dict.fromkeys(names[:16], 4)
        assert second == dict.fromkeys([*names[16:], *names[:12]], 4)

    async def test_a_quantum_goes_no_further_than_a_swarm(self, store: InspectableStore) -> None:
        """What a seat has no task or no room for at its visit goes to the next ones."""
        await submit(store, "few", *many(3))
        await submit(store, "capped", *many(20), max_agents=2)
        await submit(store, "many", *many(100))

        taken = Counter(swarms(await claim(store, 64)))

        assert taken == {"few": 3, "capped": 2, "many": 59}

    async def test_a_full_claim_does_not_starve_a_small_one(self, store: InspectableStore) -> None:
        """Three tasks beside a thousand are served by the first claim, however large it is."""
        await submit(store, "large", *many(1_000), max_agents=1_000)
        await submit(store, "small", *many(3))

        taken = swarms(await claim(store, 64))

        assert taken[4:7] == ["small"] * 3

    async def test_a_newcomer_is_not_paid_for_the_past(self, store: InspectableStore) -> None:
        """A swarm that comes late shares from then on, and does not catch up."""
        await submit(store, "old", *many(100))
        await succeed(store, *await claim(store, 50))
        await submit(store, "new", *many(100))

        taken = Counter(swarms(await claim(store, 10)))

        assert taken["old"] in {4, 5}

    async def test_a_pause_earns_no_credit(self, store: InspectableStore) -> None:
        """A swarm that was paused comes back at the present time of its lane."""
        await submit(store, "a", *many(100))
        await submit(store, "b", *many(100))
        await claim(store, 2)
        await steer(store, "a", SwarmMove.PAUSE)
        await claim(store, 40)
        await steer(store, "a", SwarmMove.RESUME)

        taken = Counter(swarms(await claim(store, 10)))

        assert taken["a"] in {5, 6}

    async def test_lanes_take_turns(self, store: InspectableStore) -> None:
        """An offer that fits several lanes takes from each in turn, whatever their length."""
        await submit(store, "s", *(task(f"l{i}", queue="left") for i in range(50)))
        await submit(store, "t", *(task(f"r{i}", queue="right") for i in range(2)))
        both = frozenset({"left", "right"})

        singles = [await claim_one(store, queues=both) for _ in range(4)]

        assert sorted(keys(singles)) == ["l0", "l1", "r0", "r1"]

    async def test_a_capped_swarm_yields_its_turn(self, store: InspectableStore) -> None:
        """A swarm at its cap is passed over, and others get what it cannot take."""
        await submit(store, "capped", *many(20), max_agents=1, priority=9)
        await submit(store, "free", *many(20))

        taken = Counter(swarms(await claim(store, 10)))

        assert taken == {"capped": 1, "free": 9}
