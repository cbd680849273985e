"""A process that reads the messages of one swarm, to be killed at any time.

Usage: python reader.py STORE-URL SWARM LEDGER. Each message that it handles is a line of the
ledger: who sent it, which number it bears, and its id. It stumbles over what says `poison`, until
there is a file beside the ledger that is called `cure`.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from skep.compose import open_store
from skep.drivers.system import SystemChance, SystemClock
from skep.hive.messenger import ANY, SwarmMessenger
from skep.hive.postman import Postman
from skep.records.message import Message, address_of
from skep.records.values import Json
from skep.settings import read_settings

LEASE_S: Final = 1.0


async def main(url: str, swarm: str, ledger: Path) -> None:
    """Read until killed."""
    written = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    cure = ledger.with_name("cure")

    async def handle(payload: Json, envelope: Message) -> None:
        if payload == "poison" and not cure.exists():
            raise RuntimeError("poisoned")
        os.write(written, f"{envelope.sender} {payload} {envelope.id}\n".encode())

    clock = SystemClock()
    async with (
        await open_store(read_settings(store=url, folder=ledger.parent)) as store,
        Postman(store.mailbox, clock, lease_s=LEASE_S) as postman,
    ):
        post = SwarmMessenger(address_of(swarm), store, chance=SystemChance(), postman=postman)
        post.on_message(ANY, handle)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
