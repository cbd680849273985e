"""The heartbeat: leases are renewed from a thread of its own, so a busy loop does not lose them.

A thread that beats also keeps a stuck task alive; the hard deadline of the lease, which no beat
moves, is what ends that (docs/leases.md).
"""

import asyncio
import threading
from contextlib import suppress
from typing import Final, Protocol, Self

from skep.ports.store import Leases
from skep.records.lease import BeatVerdict, Token
from skep.records.swarm import SwarmStatus

BEATS_PER_LEASE: Final = 3

HANDS_BACK: Final = frozenset({SwarmStatus.PAUSED, SwarmStatus.INTERRUPTED})
"""The statuses of a swarm in which what runs is to be handed back."""


class Lost(Protocol):
    """Whoever wants to know which attempts must stop; called in the heartbeat's thread."""

    def __call__(self, token: Token, *, hand_back: bool) -> None:
        """Hear that the attempt under a token must stop, handed back or simply dropped."""
        ...


class Heartbeat:
    """Renews the leases of the tokens it was given, at a third of their length."""

    def __init__(self, leases: Leases, *, lease_s: float, lost: Lost) -> None:
        self._leases = leases
        self._lease_s = lease_s
        self._lost = lost
        self._tokens: dict[str, Token] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, token: Token) -> None:
        """Begin to renew a lease."""
        self._tokens[token.nonce] = token

    def drop(self, token: Token) -> None:
        """Leave a lease to itself."""
        self._tokens.pop(token.nonce, None)

    async def tick(self) -> int:
        """Renew every lease once; returns how many were held."""
        tokens = list(self._tokens.values())
        if not tokens:
            return 0
        beats = await self._leases.renew(tokens, lease_s=self._lease_s)
        for token, beat in zip(tokens, beats, strict=True):
            if beat.verdict is BeatVerdict.LOST:
                self.drop(token)
                self._lost(token, hand_back=False)
            elif beat.swarm_status in HANDS_BACK:
                self._lost(token, hand_back=True)
        return sum(beat.verdict is BeatVerdict.HELD for beat in beats)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="skep-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while not self._stopped.wait(self._lease_s / BEATS_PER_LEASE):
                # The edge of a beat: a thread that died would renew nothing. The next beat tries
                # again, and the lease has room for two.
                with suppress(Exception):
                    runner.run(self.tick())
