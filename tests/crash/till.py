"""The till: what the provider of the purse's rig answers, and what it bills for each call.

Its ledger is on disk before a call is answered, and knows nothing of Skep's sums.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.ledger import Ledger, read_ledger
from tests.providers.scenario import Asked, Says, Scene

MODEL: Final = "anthropic:claude-sonnet-4-6"
ANSWER_TOKENS: Final = 300
USAGE: Final = (1_500, 200)
BILL_NANO_USD: Final = (3 * 1_500 + 15 * 200) * 1_000
"""Three dollars for a million tokens asked, fifteen for a million answered."""

ROUNDS: Final = 4
"""How often each agent asks."""

TAKES_S: Final = (0.1, 0.6)
NAME: Final = re.compile(r"Swarm \d+")


def objective(number: int) -> str:
    """The objective of a swarm, by which the till tells who asks."""
    return f"Swarm {number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What the provider billed for one swarm."""

    calls: int
    nano_usd: int


class Till:
    """Answers agents, and keeps the provider's ledger."""

    def __init__(self, path: Path, *, seed: int) -> None:
        self._path = path
        self._ledger = Ledger(path)
        self._chance = random.Random(seed)

    def play(self, asked: Asked) -> Scene:
        """Bill a call, then answer it after a while: with a tool's call, at last with a text."""
        names: Sequence[str] = NAME.findall(asked.text)
        self._ledger.line(swarm=names[0], nano_usd=BILL_NANO_USD)
        takes_s = self._chance.uniform(*TAKES_S)
        if "list_files" in asked.tools and len(asked.results) < ROUNDS - 1:
            return Says(calls=[("list_files", {})], usage=USAGE, takes_s=takes_s)
        return Says(text="Honey keeps.", usage=USAGE, takes_s=takes_s)

    def billed(self, number: int) -> Billed:
        """What a swarm has to pay, by the ledger on disk."""
        lines = [line for line in read_ledger(self._path) if line["swarm"] == objective(number)]
        return Billed(calls=len(lines), nano_usd=sum(line["nano_usd"] for line in lines))
