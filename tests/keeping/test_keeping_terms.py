"""A restore ends every leadership, and no term is opened twice because of it (14)."""

from pathlib import Path

import pytest
from tests.keeping.conftest import Places

from skep.records.errors import StaleTerm
from skep.records.ids import WorkerId
from skep.records.leadership import Leadership
from skep.testing.acts import submit
from skep.testing.samples import task

ANN, BOB = WorkerId("ann"), WorkerId("bob")


async def elected(places: Places, *, times: int) -> Leadership:
    """Let a node be elected so many times, in a store with a swarm."""
    async with await places.here.open() as store:
        if not await store.registry.swarms():
            await submit(store, "s", task("a"))
        won = [await store.terms.campaign(ANN, lease_s=60.0) for _ in range(times)]
        return won[-1]


async def test_a_store_that_is_replaced_leaves_its_terms(places: Places, tmp_path: Path) -> None:
    """The next leader begins after those of the store that was there, not of the backup."""
    await elected(places, times=1)
    await places.here.back_up(tmp_path / "backup")
    last = await elected(places, times=3)

    await places.here.restore(tmp_path / "backup", force=True)

    async with await places.here.open() as store:
        with pytest.raises(StaleTerm):
            await store.leases.sweep(mandate=last.mandate)
        won = await store.terms.campaign(BOB, lease_s=60.0)
        assert (last.term, won.term, won.is_mine) == (4, 5, True)


async def test_nobody_leads_a_restored_store(places: Places, tmp_path: Path) -> None:
    """In another place the leader of the backup is refused, and whoever campaigns is elected."""
    last = await elected(places, times=2)
    await places.here.back_up(tmp_path / "backup")

    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        with pytest.raises(StaleTerm):
            await store.leases.reconcile(mandate=last.mandate)
        won = await store.terms.campaign(BOB, lease_s=60.0, seen=last.term)
        assert (won.term, won.is_mine) == (3, True)
