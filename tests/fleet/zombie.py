"""A worker on the library's parts, which tries everything with a token that it has lost.

Usage: python zombie.py STORE-URL LEDGER. It works in rounds, by lines of stdin: on `claim` it
takes a task, begins two calls and holds the lease by its heartbeat; on `try` it tries each thing
that a token is good for, writes each try and its answer to the ledger, fsynced, and tells them all.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skep.compose import open_store
from skep.hive.heartbeat import Heartbeat
from skep.ports.store import Store
from skep.records.ids import WorkerId
from skep.records.lease import Offer, Token
from skep.records.outcome import Settlement, Succeeded
from skep.records.purse import Amount
from skep.records.step import Effect, Entry
from skep.settings import read_settings
from skep.testing.samples import addition, failed, intent, lapsed, record, retried, task

LEASE_S: Final = 0.3
OFFER: Final = Offer(worker=WorkerId("zombie"), lease_s=LEASE_S)
CALL: Final = Amount(requests=1, tokens=10)
OPENED: Final = {
    "pay": (Effect.ONCE, None),
    "send": (Effect.IDEMPOTENT, None),
    "buy": (Effect.IDEMPOTENT, CALL),
    "rent": (Effect.PURE, CALL),
}
"""The effect of each call that it begins, and what it reserves for it."""

Try = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Zombie:
    """The holder of a token, as it was when it fell asleep."""

    store: Store
    token: Token

    def tries(self) -> dict[str, Try]:
        """Everything that a token is good for. (A late result of a pure call is kept, on purpose.)

        The settlements come last, for a token is spent by one.
        """
        return {
            "renew": self.renew,
            "intent": lambda: self.journal(intent(self.token, "new")),
            "record once": lambda: self.journal(record(self.token, "pay", value="late")),
            "record idempotent": lambda: self.journal(record(self.token, "send", value="late")),
            "reserve": lambda: self.journal(intent(self.token, "hire", reserve=CALL)),
            "spend": lambda: self.journal(record(self.token, "buy", value="late", usage=CALL)),
            "charge": lambda: self.journal(lapsed(self.token, "rent", charge=CALL)),
            "remark": self.remark,
            "spawn": self.spawn,
            "retry": lambda: self.settle(Settlement(token=self.token, outcome=retried(0))),
            "fail": lambda: self.settle(Settlement(token=self.token, outcome=failed())),
            "succeed": lambda: self.settle(
                Settlement(token=self.token, outcome=Succeeded(value="zombie"))
            ),
        }

    async def begin(self) -> None:
        """Announce the calls whose results come too late."""
        for key, (effect, reserve) in OPENED.items():
            entry = intent(self.token, key, effect=effect, name=self.token.nonce, reserve=reserve)
            (answer,) = await self.store.journal.write([entry])
            assert answer.verdict == "opened", answer

    async def renew(self) -> str:
        """Hold on to the lease."""
        (beat,) = await self.store.leases.renew([self.token], lease_s=LEASE_S)
        return beat.verdict

    async def journal(self, entry: Entry) -> str:
        """Announce a call, record its result, or say that it ended without one."""
        (answer,) = await self.store.journal.write([entry])
        return answer.verdict

    async def remark(self) -> str:
        """Tell of progress."""
        is_told = await self.store.log.remark(self.token, [{"text": "still here"}])
        return "told" if is_told else "fenced"

    async def spawn(self) -> str:
        """Add a task."""
        asked = addition(self.token.swarm, task("brain"), token=self.token)
        (answer,) = await self.store.work.add([asked])
        return str(getattr(answer, "code", "added"))

    async def settle(self, settlement: Settlement) -> str:
        """Settle the task."""
        (verdict,) = await self.store.work.settle([settlement])
        return verdict


async def main(url: str, ledger: Path) -> None:
    """Do what is told, round by round."""
    lost: set[str] = set()

    def told_of_loss(token: Token, *, hand_back: bool) -> None:
        lost.add(token.nonce)

    settings = read_settings(store=url, folder=ledger.parent)
    async with await open_store(settings) as store:
        with Heartbeat(store.leases, lease_s=LEASE_S, lost=told_of_loss) as heartbeat:
            zombie: Zombie | None = None
            while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
                if word == "claim":
                    zombie = await _claimed(store)
                    heartbeat.hold(zombie.token)
                    say({"claimed": zombie.token.attempt})
                elif zombie is not None:
                    say(await _tried(zombie, ledger))
                    heartbeat.drop(zombie.token)


async def _claimed(store: Store) -> Zombie:
    grants = await store.work.claim(OFFER, limit=1, patience_s=20)
    zombie = Zombie(store, grants[0].token)
    await zombie.begin()
    return zombie


async def _tried(zombie: Zombie, ledger: Path) -> dict[str, str]:
    answers: dict[str, str] = {}
    with ledger.open("a") as file:
        for name, attempt in zombie.tries().items():
            answers[name] = await attempt()
            file.write(f"{zombie.token.ref} {zombie.token.attempt} {name}: {answers[name]}\n")
            file.flush()
            os.fsync(file.fileno())
    return answers


def say(document: object) -> None:
    """Answer in one line."""
    print(json.dumps(document), flush=True)  # noqa: T201 - how it answers


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
