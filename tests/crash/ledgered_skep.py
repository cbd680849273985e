"""`skep`, with every tool call written to a ledger outside Skep before it is made.

Usage: python ledgered_skep.py LEDGER skep-arguments…
The ledger is fsynced line by line: `<seconds since 1970> <pid> <tool>`.
"""

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from skep.agent.journal import RunJournal
from skep.agent.tools import shelf


def ledgered(tool: shelf.Tool, ledger: int) -> shelf.Tool:
    """Give the tool that notes each of its calls first."""

    @functools.wraps(tool.run)
    def run(*args: object, **kwargs: object) -> Mapping[str, object]:
        os.write(ledger, f"{time.time()} {os.getpid()} {tool.name}\n".encode())
        os.fsync(ledger)
        return tool.run(*args, **kwargs)

    return replace(tool, run=run)


def forget() -> None:
    """Break the journal: what it found recorded is not used, and the call is made again."""

    async def replay(self: RunJournal) -> int:
        return 0

    announce = RunJournal._announce  # pyright: ignore[reportPrivateUsage] - to break it

    async def announce_and_forget(self: RunJournal, *args: object, **kwargs: object) -> None:
        await announce(self, *args, **kwargs)  # pyright: ignore[reportArgumentType]

    RunJournal.replay = replay
    setattr(RunJournal, "_announce", announce_and_forget)  # noqa: B010 - the same


def main(path: str, arguments: list[str]) -> object:
    """Replace the shelf, then run the command line as it is (or forgetful, to test the rig)."""
    if os.environ.get("RIG_FORGETS"):
        forget()
    ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    # Before anything that takes the shelf's name into its own is imported.
    shelf.SHELF = {name: ledgered(tool, ledger) for name, tool in shelf.SHELF.items()}
    from skep.cli import main as cli  # noqa: PLC0415 - after the shelf was replaced

    command: Callable[[], object] = cli
    sys.argv = ["skep", *arguments]
    return command()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))  # type: ignore[arg-type]
