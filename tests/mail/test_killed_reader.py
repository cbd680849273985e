"""A reader that is killed amid its messages: none is lost, and each sender's order holds (26)."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from skep.compose import open_store
from skep.drivers.system import SystemChance, SystemClock
from skep.ports.store import Store
from skep.records.limits import MESSAGE_TRIES_MAX
from skep.records.message import Message
from skep.settings import read_settings
from skep.testing.acts import submit
from skep.testing.mail import dead_of, message, send

READER: Final = Path(__file__).with_name("reader.py")
SENDERS: Final = 40
BATCH: Final = 64
LOOK_S: Final = 0.05
PATIENCE_S: Final = 240.0
"""How long a step may take on a machine that has other things to do."""


class Ledger:
    """What the readers wrote down, in the order in which they did."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[tuple[str, str, str]]:
        """Sender, payload and id of each message that was handled."""
        text = self.path.read_text() if self.path.exists() else ""
        whole = text[: text.rfind("\n") + 1].splitlines()
        return [(sender, payload, id_) for sender, payload, id_ in map(str.split, whole)]

    async def reaches(self, count: int) -> None:
        """Wait until so many different messages were handled."""
        async with asyncio.timeout(PATIENCE_S):
            while len({id_ for _, _, id_ in self.lines()}) < count:
                await SystemClock().sleep(LOOK_S)


@contextmanager
def at_work(reader: Process) -> Generator[None]:
    """See that a reader does not outlive the test."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            reader.kill()


async def begin(url: str, swarm: str, ledger: Ledger) -> Process:
    """Start a reader."""
    words = (str(READER), url, swarm, str(ledger.path))
    return await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ledger.path.parent, stdin=DEVNULL, stdout=DEVNULL
    )


def written(swarm: str, count: int) -> list[Message]:
    """Messages of many senders in turns, each with its number among its sender's."""
    return [
        message(f"m{n}", to=swarm, sender=f"a{n % SENDERS}", payload=n // SENDERS)
        for n in range(count)
    ]


async def handled(url: str, swarm: str, ledger: Ledger, *, count: int) -> None:
    """Send messages and a poisoned one, and kill two readers amid them; the third one ends."""
    async with await open_store(read_settings(store=url, folder=ledger.path.parent)) as store:
        await submit(store, swarm, sealed=False)
        await send(store, message("bad", to=swarm, sender="z", payload="poison"))
        await send(store, message("good", to=swarm, sender="z", payload="0"))
        sending = asyncio.create_task(send_all(store, written(swarm, count)))
        for share in (count // 4, count // 2):
            reader = await begin(url, swarm, ledger)
            with at_work(reader):
                await ledger.reaches(share)
            await reader.wait()
        reader = await begin(url, swarm, ledger)
        with at_work(reader):
            await sending
            await ledger.reaches(count + 1)
            await cured(store, swarm, ledger, count=count)
        await reader.wait()


async def send_all(store: Store, messages: Sequence[Message]) -> None:
    """Send while others read."""
    for start in range(0, len(messages), BATCH):
        await send(store, *messages[start : start + BATCH])


async def cured(store: Store, swarm: str, ledger: Ledger, *, count: int) -> None:
    """See the poisoned message dead after its tries, and handled once it is replayed."""
    [dead] = await dead_of(store, swarm)
    assert (dead.message.id, dead.tries) == ("bad", MESSAGE_TRIES_MAX)
    assert "poisoned" in dead.reason or "tries" in dead.reason
    ledger.path.with_name("cure").touch()
    assert await store.mailbox.replay([dead.ref]) == [True]
    await ledger.reaches(count + 2)


def check(ledger: Ledger, *, count: int) -> None:
    """Every message was handled, in order per sender; who came twice, came before the next."""
    by_sender = defaultdict[str, list[int]](list)
    for sender, payload, _ in ledger.lines():
        if sender != "z":
            by_sender[sender].append(int(payload))
    for numbers in by_sender.values():
        assert numbers == sorted(numbers)
    ids = {id_ for _, _, id_ in ledger.lines()}
    assert ids == {"bad", "good", *(f"m{n}" for n in range(count))}
    assert [payload for sender, payload, _ in ledger.lines() if sender == "z"] == ["0", "poison"]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_messages_outlive_their_readers(url: str, tmp_path: Path) -> None:
    """Killed twice amid 1,000 messages, readers handle all of them; a poisoned one is kept."""
    ledger = Ledger(tmp_path / "ledger")

    await handled(url, f"swarm-{SystemChance().uuid()}", ledger, count=1_000)

    check(ledger, count=1_000)


@pytest.mark.deep
@pytest.mark.timeout(900)
async def test_ten_thousand_messages_outlive_their_readers(url: str, tmp_path: Path) -> None:
    """Killed twice amid 10,000 messages, readers handle all of them; a poisoned one is kept."""
    ledger = Ledger(tmp_path / "ledger")

    await handled(url, f"swarm-{SystemChance().uuid()}", ledger, count=10_000)

    check(ledger, count=10_000)
