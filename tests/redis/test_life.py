"""One incarnation per history: kept over a restart, changed when what was seen is gone."""

import shutil
from pathlib import Path

import pytest
from tests.redis.conftest import AOF, Opened, Raw, again, beside, written
from tests.servers import RedisProcess, valkey_binary

from skep.drivers.redis import RedisStore
from skep.records.errors import StoreUnavailable
from skep.records.event import Cursor
from skep.records.ids import SwarmId
from skep.records.lease import BeatVerdict, Grant
from skep.records.outcome import Settlement, SettleVerdict, Succeeded
from skep.testing.invariants import check
from skep.testing.samples import many, offer, submission

pytestmark = pytest.mark.slow

S = SwarmId("s")


def settlement(grant: Grant) -> Settlement:
    """Succeed."""
    return Settlement(token=grant.token, outcome=Succeeded(value=1))


def rewriter(raw: Raw) -> str:
    """The key under which one process has the file written anew, since this start."""
    run_id = raw("INFO", "server").partition("run_id:")[2].partition("\r")[0]
    return f"skep:rewriter:{run_id}"


async def claimed(store: RedisStore, swarm: str = "s") -> Grant:
    """Submit a swarm of two tasks and take one."""
    await store.work.submit([submission(swarm, *many(2))])
    [grant] = await store.work.claim(offer(), limit=1)
    return grant


@pytest.mark.parametrize("binary", [None, valkey_binary()], ids=["default", "valkey"])
@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_a_restart_with_its_file_keeps_incarnation_tokens_and_cursors(
    tmp_path: Path, opened: Opened, fsync: str, binary: str | None
) -> None:
    """The same data under other ids: both ids of a server change at every start."""
    with RedisProcess(tmp_path, *AOF, fsync, binary=binary) as server:
        store = await opened(server.url)
        grant, before = await claimed(store), store.incarnation
        cursor = (await store.log.read(Cursor(incarnation="", swarm=S))).cursor

        written(server.port)
        server.kill()
        server.start()
        [verdict] = await again(lambda: store.work.settle([settlement(grant)]))

        assert (verdict, store.incarnation) == (SettleVerdict.OK, before)
        page = await store.log.read(cursor)
        assert (page.gap, [event.kind for event in page.events]) == (False, ["task.succeeded"])
        check(await store.dump())


async def test_nothing_is_claimed_after_a_restart_before_the_file_is_written_anew(
    server: RedisProcess, store: RedisStore, opened: Opened, raw: Raw
) -> None:
    """While one process is at it, others get nothing; it is done once per start of the server."""
    await claimed(store)
    written(server.port)
    server.kill()
    server.start()
    raw("SET", rewriter(raw), "another")

    while_it_runs = await again(lambda: store.work.claim(offer(), limit=1))
    raw("DEL", rewriter(raw))
    after = await store.work.claim(offer(), limit=1)

    other = await opened(server.url)
    assert not await other.work.claim(offer(), limit=1)
    assert (len(while_it_runs), len(after)) == (0, 1)
    assert "cmdstat_bgrewriteaof:calls=1," in raw("INFO", "commandstats")


async def test_a_server_killed_while_its_file_is_written_anew_holds_nobody_up(
    server: RedisProcess, store: RedisStore, raw: Raw
) -> None:
    """What stands in the file about an earlier start's rewriting does not count for this one."""
    await claimed(store)
    raw("SET", rewriter(raw), "killed with the server", "EX", 60)
    written(server.port)
    server.kill()
    server.start()

    assert len(await again(lambda: store.work.claim(offer(), limit=1))) == 1


@pytest.mark.parametrize("sees_it", ["claimer", "newcomer"])
async def test_a_flush_opens_one_new_incarnation(
    server: RedisProcess, store: RedisStore, opened: Opened, raw: Raw, sees_it: str
) -> None:
    """Tokens and cursors from before are refused in every process, and work goes on."""
    second = await opened(server.url)
    grant, before = await claimed(store), store.incarnation
    old = Cursor(incarnation=before, swarm=S)

    raw("FLUSHALL")
    if sees_it == "newcomer":
        await opened(server.url)
    again = await claimed(store)

    assert again.token.incarnation == store.incarnation != before
    assert await second.work.settle([settlement(grant)]) == [SettleVerdict.FENCED]
    [beat] = await second.leases.renew([grant.token], lease_s=5)
    assert beat.verdict is BeatVerdict.LOST
    assert (await second.log.read(old)).gap
    assert second.incarnation == store.incarnation
    assert await store.work.settle([settlement(again)]) == [SettleVerdict.OK]
    check(await store.dump())


async def test_a_server_with_an_older_copy_is_another_store(
    server: RedisProcess, store: RedisStore, tmp_path: Path
) -> None:
    """What was acknowledged is missing in the copy: its tokens must not count there."""
    grant, before = await claimed(store), store.incarnation
    written(server.port)
    shutil.copytree(tmp_path / "appendonlydir", tmp_path / "copy")
    await store.work.submit([submission("s2", *many(2))])

    server.kill()
    shutil.rmtree(tmp_path / "appendonlydir")
    (tmp_path / "copy").rename(tmp_path / "appendonlydir")
    server.start()

    late = await again(lambda: store.work.settle([settlement(grant)]))
    assert late == [SettleVerdict.FENCED]
    assert store.incarnation != before
    assert len(await store.work.claim(offer(), limit=9)) == 1
    check(await store.dump())


async def test_histories_that_parted_are_told_apart_though_the_copy_grew_longer(
    server: RedisProcess, store: RedisStore, opened: Opened, tmp_path: Path
) -> None:
    """The copy's lineage says where it left the other server, whatever happened to it since."""
    await claimed(store)
    written(server.port)
    shutil.copytree(tmp_path / "appendonlydir", tmp_path / "copy")
    await store.work.submit([submission("seen", *many(1))])
    before = store.incarnation
    server.kill()
    shutil.rmtree(tmp_path / "appendonlydir")
    (tmp_path / "copy").rename(tmp_path / "appendonlydir")
    server.start()
    stranger = await opened(server.url)
    for number in range(20):
        await stranger.work.submit([submission(f"new{number}", *many(1))])
    assert stranger.incarnation == before, "a newcomer has seen nothing that is missing"

    await again(lambda: store.work.submit([submission("s3", *many(1))]))

    assert store.incarnation != before
    await stranger.leases.sweep()
    assert stranger.incarnation == store.incarnation


async def test_a_replica_is_refused_and_its_promotion_is_a_new_incarnation(
    server: RedisProcess, store: RedisStore, opened: Opened, tmp_path: Path
) -> None:
    """Replication may lose what was acknowledged, so tokens do not pass to the new master."""
    grant, before = await claimed(store), store.incarnation
    (tmp_path / "replica").mkdir()
    follows = ("--replicaof", f"127.0.0.1 {server.port}")
    with (
        RedisProcess(tmp_path / "replica", *AOF, "everysec", *follows) as replica,
        beside(replica.port) as send,
    ):
        while "master_link_status:up" not in send("INFO", "replication"):
            pass
        with pytest.raises(StoreUnavailable):
            await opened(replica.url)
        server.kill()
        send("REPLICAOF", "NO", "ONE")

        heir = await opened(replica.url)

        assert heir.incarnation != before
        assert await heir.work.settle([settlement(grant)]) == [SettleVerdict.FENCED]
        check(await heir.dump())


async def test_the_winner_of_a_new_incarnation_rebuilds_the_queues(
    store: RedisStore, raw: Raw
) -> None:
    """Ready tasks whose queues were lost along with the record of the incarnation come back."""
    await store.work.submit([submission("s", *many(3))])
    await store.forget_queues()
    raw("DEL", "skep:meta")

    assert len(await store.work.claim(offer(), limit=9)) == 3
    check(await store.dump())
