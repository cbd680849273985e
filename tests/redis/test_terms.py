"""Leaders on a Redis that is killed or emptied: terms go on, and old mandates do not (14, 15)."""

import pytest
from tests.redis.conftest import AOF, Opened, Raw, again, written
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore
from skep.drivers.system import SystemChance, SystemClock
from skep.hive.election import Elector
from skep.records.errors import StaleTerm
from skep.records.ids import WorkerId

pytestmark = pytest.mark.slow

ANN = WorkerId("ann")
LEASE_S = 60.0


def elector(store: RedisStore, name: str = "ann") -> Elector:
    """An elector on a store."""
    node = WorkerId(name)
    return Elector(store.terms, SystemClock(), SystemChance(), node=node, lease_s=LEASE_S)


async def term_of(elector: Elector) -> int:
    """Have a node campaign until it leads; gives its term."""
    while not await elector.tick():
        pass
    assert elector.mandate is not None
    return elector.mandate.term


async def test_a_leader_leads_on_after_a_restart_of_its_server(
    server: RedisProcess, opened: Opened
) -> None:
    """What was written down is there: the same term, and nobody else gets in."""
    store, other = await opened(server.url), await opened(server.url)
    won = await store.terms.campaign(ANN, lease_s=LEASE_S)
    written(server.port)

    server.kill()
    server.start()

    renewed = await again(lambda: store.terms.renew(won.mandate, lease_s=LEASE_S))
    assert (renewed.term, renewed.is_mine) == (1, True)
    assert not await again(elector(other, "bob").tick)


async def test_an_emptied_server_lets_nobody_lead_on_and_repeats_no_term(
    server: RedisProcess, opened: Opened, raw: Raw
) -> None:
    """The mandate names another life; who remembers it begins the term after it."""
    store = await opened(server.url)
    ann = elector(store)
    for _ in range(3):
        await store.terms.campaign(ANN, lease_s=LEASE_S)
    assert await term_of(ann) == 4
    held = ann.mandate
    assert held is not None

    raw("FLUSHALL")

    with pytest.raises(StaleTerm) as refused:
        await store.leases.sweep(mandate=held)
    assert (refused.value.term, refused.value.current) == (4, 0)
    ann.depose(held)
    assert await term_of(ann) == 5
    assert ann.mandate is not None
    assert ann.mandate.incarnation != held.incarnation


async def test_a_functions_flush_is_not_noticed(
    server: RedisProcess, opened: Opened, raw: Raw
) -> None:
    """The functions are loaded again, and the term goes on."""
    store = await opened(server.url)
    won = await store.terms.campaign(ANN, lease_s=LEASE_S)

    raw("FUNCTION", "FLUSH")

    assert (await store.terms.renew(won.mandate, lease_s=LEASE_S)).term == 1


@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_the_key_of_the_leader_has_no_time_to_live(
    opened: Opened, fsync: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The deadline is a value: the server never takes the election away."""
    with RedisProcess(tmp_path_factory.mktemp("own"), *AOF, fsync) as own:
        store = await opened(own.url)
        await store.terms.campaign(ANN, lease_s=0.1)

        assert int(await store.desk.wire.command("TTL", "swarm:leader")) == -1
        assert await store.desk.wire.command("HGET", "swarm:leader", "node") == ANN
