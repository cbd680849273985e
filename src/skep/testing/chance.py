"""Chance that comes out the same each time: everything drawn from one seed."""

from itertools import count
from random import Random
from typing import Final

from skep.records.ids import uuid7

NONCE_BITS: Final = 128
UUID_RANDOM_BITS: Final = 74
FIRST_MS: Final = 1_800_000_000_000


class SeededChance:
    """Nonces, ids and jitter from a seed; equal seeds give equal sequences.

    >>> SeededChance(7).nonce() == SeededChance(7).nonce() != SeededChance(8).nonce()
    True
    """

    def __init__(self, seed: int = 0) -> None:
        # One generator each, so that asking for one thing does not change what another gives.
        self._nonces = Random(seed)  # noqa: S311 - a test wants to know its secrets
        self._ids = Random(seed)  # noqa: S311 - the same
        self._jitter = Random(seed)  # noqa: S311 - the same
        self._ms = count(FIRST_MS)

    def nonce(self) -> str:
        """128 bits, as 32 hex digits."""
        return f"{self._nonces.getrandbits(NONCE_BITS):032x}"

    def uuid(self) -> str:
        """A UUID version 7, a millisecond after the one before it."""
        bits = self._ids.getrandbits(UUID_RANDOM_BITS)
        return uuid7(unix_ms=next(self._ms), random_bits=bits)

    @property
    def jitter(self) -> Random:
        """A generator for spreading load."""
        return self._jitter
