"""Processes on one file wake each other by datagrams, each of which may be lost.

The safety poll is out of reach here unless a test says otherwise: what is woken, a hint has woken.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from skep.drivers.bell import Bell, Watch
from skep.drivers.sqlite import SqliteStore, hints
from skep.drivers.sqlite import store as store_module
from skep.drivers.sqlite.changes import WORK_TOPIC
from skep.drivers.sqlite.hints import EVERYTHING, Hints
from skep.drivers.system import SystemChance, SystemClock
from skep.records.event import Cursor
from skep.records.ids import SwarmId
from skep.records.lease import Grant
from skep.testing.clock import ManualClock
from skep.testing.samples import many, offer, submission

NEVER_S = 3600.0

Opened = Callable[[Path | None], Awaitable[SqliteStore]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the sockets stand: as short as their paths must be, and not there yet."""
    with TemporaryDirectory(prefix="skep-") as top:
        yield Path(top) / "hints"


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Opened]:
    """Opens the one file again and again, each time as another process would."""
    monkeypatch.setattr(store_module, "SAFETY_POLL_S", NEVER_S)
    async with AsyncExitStack() as stack:

        async def opening(folder: Path | None) -> SqliteStore:
            store = await SqliteStore.open(
                tmp_path / "skep.db", clock=SystemClock(), chance=SystemChance(), hints=folder
            )
            return await stack.enter_async_context(store)

        yield opening


async def put(store: SqliteStore, swarm: str) -> None:
    """Submit a swarm of one task."""
    await store.work.submit([submission(swarm, *many(1))])


async def waiting(store: SqliteStore) -> "asyncio.Task[list[Grant]]":
    """A claim that has looked, found nothing, and waits."""

    async def claim() -> list[Grant]:
        return list(await store.work.claim(offer(), limit=1, patience_s=NEVER_S))

    claiming = asyncio.create_task(claim())
    await asyncio.wait({claiming}, timeout=0.01)
    await store.leases.sweep()  # the writer takes its turn behind the look of the claim
    return claiming


@contextmanager
def ears(folder: Path, name: str) -> Generator[socket.socket]:
    """A socket of a process that waits, by the name that says for what."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(folder / name))
        made.settimeout(0)
        yield made
    with suppress(FileNotFoundError):
        (folder / name).unlink()


def heard(ear: socket.socket) -> list[bytes]:
    """All that came to a socket, which was there before the writer's call returned."""
    found = list[bytes]()
    with suppress(BlockingIOError):
        while True:
            found.append(ear.recv(100_000))
    return found


async def test_work_of_another_process_wakes_a_waiting_claim(opened: Opened, folder: Path) -> None:
    """A claim in one store gets the task that another one submits, at once."""
    submitter, worker = await opened(folder), await opened(folder)
    claiming = await waiting(worker)

    await put(submitter, "s")

    assert len(await claiming) == 1


async def test_events_of_another_process_wake_a_waiting_reader(
    opened: Opened, folder: Path
) -> None:
    """Whoever follows a swarm reads what another process has written to it, at once."""
    writer, reader = await opened(folder), await opened(folder)
    await put(writer, "s")
    seen = (await reader.log.read(Cursor(incarnation="", swarm=SwarmId("s")))).cursor
    reading = asyncio.create_task(reader.log.read(seen, patience_s=NEVER_S))
    await asyncio.wait({reading}, timeout=0.01)
    await reader.registry.swarms()  # which takes its turn behind the look of the other one

    await writer.work.claim(offer(), limit=1)

    assert [event.kind for event in (await reading).events] == ["task.claimed"]


async def test_without_hints_the_poll_finds_the_work(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losing every hint makes a claim late by no more than the poll, and never wrong."""
    monkeypatch.setattr(store_module, "SAFETY_POLL_S", 0.2)
    submitter, worker = await opened(None), await opened(None)
    claiming = await waiting(worker)

    await put(submitter, "s")

    assert len(await claiming) == 1


async def test_a_poll_looks_only_when_another_process_has_written() -> None:
    """While the version of the file stands still an idle process reads nothing of it."""
    versions, looks = iter([1, 1, 1, 2, 2]), list[int]()

    async def version() -> int:
        return next(versions)

    async def look() -> int:
        looks.append(len(looks))
        return len(looks)

    watch = Watch(bell=Bell(), clock=SystemClock(), poll_s=0.001, version=version)

    seen = await watch.until(lambda count: count == 3, look, topic="t", patience_s=NEVER_S)

    assert seen == 3  # at once, at the first poll, and when 1 had become 2
    assert list(versions) == [2]


async def test_each_is_told_what_it_waits_for(opened: Opened, folder: Path) -> None:
    """Work goes to those who wait for work, the swarm's name to those who follow swarms."""
    store = await opened(folder)
    with ears(folder, "w.a") as work, ears(folder, "s.b") as swarms, ears(folder, "ws.c") as both:
        await put(store, "one")
        await store.work.claim(offer(), limit=1)

        told = [set(b"\n".join(heard(each)).split(b"\n")) for each in (work, swarms, both)]

    assert told == [{b"work"}, {b"one"}, {b"work", b"one"}]


async def test_more_than_a_datagram_holds_is_told_as_everything(
    opened: Opened, folder: Path
) -> None:
    """A commit that touched many swarms tells that anything may have changed."""
    store = await opened(folder)
    with ears(folder, "s.a") as swarms:
        await store.work.submit([submission(f"swarm-{n:036}", *many(1)) for n in range(100)])

        assert heard(swarms) == [EVERYTHING]


def test_whoever_comes_is_told_from_then_on(folder: Path) -> None:
    """Sockets made in quick succession are seen, however coarse the folder's time of change is."""
    clock, topics = ManualClock(), {WORK_TOPIC}
    teller = Hints(folder, Bell(), clock=clock, chance=SystemChance())
    with contextlib.closing(teller), ears(folder, "w.first") as first:
        coarse_time(folder)
        teller.tell(topics)
        with ears(folder, "w.second") as second:
            coarse_time(folder)
            teller.tell(topics)
            clock.advance(1)
            teller.tell(topics)

            assert [len(heard(each)) for each in (first, second)] == [3, 2]


def coarse_time(folder: Path) -> None:
    """Set a folder's time of change as a file system does that cannot tell two changes apart."""
    os.utime(folder, ns=(1, 1))


async def test_the_socket_of_a_dead_process_is_removed(opened: Opened, folder: Path) -> None:
    """Whoever writes next meets it, and takes it away."""
    store = await opened(folder)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(folder / "w.dead"))

    await put(store, "s")

    assert list(folder.iterdir()) == []


async def test_a_process_that_does_not_listen_holds_nobody_up(opened: Opened, folder: Path) -> None:
    """A full queue drops the hint; the writer goes on, and so do the others' hints."""
    store = await opened(folder)
    with ears(folder, "w.stuck"), ears(folder, "w.well") as well:
        for number in range(600):
            await put(store, f"s{number}")
            assert heard(well) == [b"work"]


async def test_a_queue_that_was_full_rings_everything(opened: Opened, folder: Path) -> None:
    """What was dropped may have been meant for anybody who waits."""
    store = await opened(folder)
    claiming = await waiting(store)
    await put(await opened(None), "s")  # of which no hint came
    (ear,) = folder.iterdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        for _ in range(hints.QUEUE_FULL):
            other.sendto(b"another", str(ear))

    assert len(await claiming) == 1


@pytest.mark.parametrize("nonsense", [b"", b"\xff\xfe\n\n", b"x" * 100_000, b"\0*\n"])
async def test_a_datagram_that_makes_no_sense_wakes_nobody(folder: Path, nonsense: bytes) -> None:
    """It is read, cut to size and forgotten; the next good one wakes."""
    bell = Bell()
    with contextlib.closing(hints_of(folder, bell)) as listener:
        listener.listen(WORK_TOPIC)
        since = bell.heard(WORK_TOPIC)
        (ear,) = folder.iterdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.sendto(nonsense, str(ear))
            other.sendto(WORK_TOPIC.encode(), str(ear))

        woken = await bell.wait(WORK_TOPIC, since=since, patience_s=NEVER_S)

    assert woken
    assert bell.heard(WORK_TOPIC) == since + 1


async def test_a_path_too_long_for_a_socket_means_no_hints(opened: Opened, folder: Path) -> None:
    """The store works, and looks by itself."""
    long = folder.parent / ("x" * 200)
    store = await opened(long)

    assert await store.work.claim(offer(), limit=1, patience_s=0.01) == []
    await put(store, "s")
    assert len(await store.work.claim(offer(), limit=1, patience_s=0.01)) == 1


async def test_a_store_that_only_writes_makes_no_socket(opened: Opened, folder: Path) -> None:
    """Nobody is woken who does not wait."""
    store = await opened(folder)

    await put(store, "s")
    await store.work.claim(offer(), limit=1)

    assert not folder.exists()


async def test_closing_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    """The socket goes with its store, and the folder with the last socket."""
    store = await SqliteStore.open(
        tmp_path / "skep.db", clock=SystemClock(), chance=SystemChance(), hints=folder
    )
    async with store:
        await store.work.claim(offer(), limit=1, patience_s=0.01)
        (ear,) = folder.iterdir()

    assert ear.name.startswith(f"w.{os.getpid()}.")
    assert not folder.exists()


FORKED = """
import asyncio, os, sys
from pathlib import Path
from skep.drivers.bell import Bell
from skep.drivers.sqlite.hints import Hints
from skep.drivers.system import SystemChance, SystemClock

async def main(folder):
    hints = Hints(folder, Bell(), clock=SystemClock(), chance=SystemChance())
    hints.listen("work")
    child = os.fork()
    if not child:
        hints.close()
        os._exit(0)
    os.waitpid(child, 0)
    print(len(list(folder.iterdir())))
    hints.close()
    print(folder.exists())

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_forked_child_takes_nothing_from_its_parent(folder: Path) -> None:
    """What a child closes stays there for its parent, who closes it for good."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.split() == ["1", "False"]


async def test_a_bell_may_be_rung_from_any_thread(folder: Path) -> None:
    """What a writer's thread tells is heard in the loop of another store's bell."""
    bell = Bell()
    with (
        contextlib.closing(hints_of(folder, bell)) as listener,
        contextlib.closing(hints_of(folder, Bell())) as teller,
    ):
        listener.listen(WORK_TOPIC)
        since = bell.heard(WORK_TOPIC)

        await asyncio.to_thread(teller.tell, {WORK_TOPIC})

        assert await bell.wait(WORK_TOPIC, since=since, patience_s=NEVER_S)


def hints_of(folder: Path, bell: Bell) -> Hints:
    """The hints of one store."""
    return Hints(folder, bell, clock=SystemClock(), chance=SystemChance())
