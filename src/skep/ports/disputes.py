"""The disputes port: what swarms cannot both have, who voted, and what was ruled.

The facts that a ruling goes by are read from the store when the dispute is opened; ballots are kept
as they are cast, and a ruling is made once and stands. `policy.conflict` has the rules.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.dispute import Ballot, Case, Dispute
from skep.records.errors import SkepError


class Disputes(Protocol):
    """Disputes between swarms, kept with their ballots and rulings."""

    async def open(self, disputes: Sequence[Dispute]) -> Sequence[Case | SkepError]:
        """Write disputes down, with the priority and age of each party.

        Idempotent by id. Answers `InvalidInput`, `LimitExceeded`, `SwarmNotFound`, or
        `CommandConflict` for an id that has another dispute.
        """
        ...

    async def cast(self, ballots: Sequence[Ballot]) -> Sequence[Case | SkepError]:
        """Count ballots: each voter has one, and the first one stands.

        The same ballot again changes nothing. Answers `DisputeNotFound`, `NotEntitled`,
        `AlreadyVoted`, or `DisputeRuled`.
        """
        ...

    async def settle(self, ids: Sequence[str]) -> Sequence[Case | SkepError]:
        """Rule on disputes; what was ruled stands, whoever asks again.

        Answers `DisputeNotFound`, or `NotSettled` for a vote without a quorum or a winner.
        """
        ...

    async def read(self, ids: Sequence[str]) -> Sequence[Case]:
        """Read some in the order asked. Raises `DisputeNotFound`."""
        ...

    async def find(self, *, is_open: bool | None = None, limit: int = 50) -> Sequence[Case]:
        """Read disputes, newest first: open, ruled, or all."""
        ...


class Courts(Protocol):
    """What a store has to settle."""

    @property
    def disputes(self) -> Disputes:
        """Disputes between swarms."""
        ...
