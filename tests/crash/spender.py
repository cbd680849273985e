"""`skep`, with nothing reserved before a call: to see that the rig of the purse finds that out.

A life of the nest (`nest.py`).
"""

from skep.agent.journal import Bill, RunJournal
from skep.cli import main as skep
from skep.records.step import Effect
from skep.records.values import Digest


def main() -> int:
    """Leave the reservation out of every intent, then run the command line as it is."""
    announce = RunJournal._announce  # pyright: ignore[reportPrivateUsage] - to break it

    async def unreserved(
        self: RunJournal, key: str, fingerprint: Digest, effect: Effect, *, bill: Bill | None
    ) -> str | None:
        return await announce(self, key, fingerprint, effect, bill=None)

    name = "_announce"
    setattr(RunJournal, name, unreserved)
    return skep()
