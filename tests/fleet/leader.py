"""A worker that may lead, and tries everything with a mandate that it has lost.

Usage: python leader.py STORE-URL NODE FOLDER. It works as `skep work` does, and leads when it is
elected, with one duty more: ten times a second it remembers its mandate and lets that be noted.
On a line `try` of stdin it tries each leader's write under the last mandate that it had, and tells
the answers.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from skep.compose import WorkerOptions, open_fleet, working
from skep.drivers.system import SystemClock
from skep.ports.store import Store
from skep.records.errors import StaleTerm, StoreUnavailable
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Mandate
from skep.settings import read_settings

TASK_LEASE_S: Final = 2.0
TRIES: Final = 50
REST_S: Final = 0.2

Try = Callable[[], Awaitable[object]]


@dataclass
class Beat:
    """A duty that does nothing but to be done."""

    name: str = "beat"
    every_s: float = 0.05
    held: Mandate | None = None
    done: int = 0

    async def perform(self, mandate: Mandate) -> int:
        """Remember the mandate; the coordinator writes under it."""
        self.held = mandate
        self.done += 1
        return self.done


def tries(store: Store, mandate: Mandate) -> dict[str, Try]:
    """Everything that a mandate is good for; the resignation comes last."""
    run = DutyRun(duty="stale", node=mandate.node, term=mandate.term)
    return {
        "renew": lambda: store.terms.renew(mandate, lease_s=1.0),
        "note": lambda: store.terms.note(mandate, run),
        "sweep": lambda: store.leases.sweep(mandate=mandate),
        "reconcile": lambda: store.leases.reconcile(mandate=mandate),
        "resign": lambda: store.terms.resign(mandate),
    }


async def answer(attempt: Try) -> str:
    """Try something until the store answers; `stale` is what must come of it."""
    for _ in range(TRIES):
        try:
            found = await attempt()
        except StaleTerm:
            return "stale"
        except StoreUnavailable:
            await SystemClock().sleep(REST_S)
        else:
            return "stale" if found is False else "accepted"
    return "unanswered"


async def main(url: str, node: str, folder: Path) -> None:
    """Work, perhaps lead, and do what is told."""
    sys.path.insert(0, str(folder))
    import_module("load_agents")
    settings = read_settings(store=url, folder=folder)
    options = WorkerOptions(identity=WorkerId(node), lease_s=TASK_LEASE_S)
    async with open_fleet(settings) as fleet, working(fleet, settings, options) as runtime:
        beat = Beat()
        assert runtime.coordinator is not None
        runtime.coordinator.register(beat)
        say({"ready": node})
        while (await asyncio.to_thread(sys.stdin.readline)).strip() == "try":
            held = beat.held
            todo = tries(fleet.store, held) if held is not None else {}
            told = {name: await answer(attempt) for name, attempt in todo.items()}
            say({"term": held.term if held is not None else 0, "answers": told})


def say(document: object) -> None:
    """Answer in one line."""
    print(json.dumps(document), flush=True)  # noqa: T201 - how it answers


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
