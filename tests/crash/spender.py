"""`skep`, with nothing reserved before a call: to see that the rig of the purse finds that out.

A life of the nest (`nest.py`).
"""

from dataclasses import replace

from skep.agent.journal import RunJournal
from skep.cli import main as skep
from skep.records.step import Intent


def main() -> int:
    """Leave the reservation out of every intent, then run the command line as it is."""
    announce = RunJournal._announce  # pyright: ignore[reportPrivateUsage] - to break it

    async def unreserved(self: RunJournal, intent: Intent) -> str | None:
        return await announce(self, replace(intent, reserve=None))

    name = "_announce"
    setattr(RunJournal, name, unreserved)
    return skep()
