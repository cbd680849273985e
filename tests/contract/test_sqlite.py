"""The SQLite store keeps the contract."""

from pathlib import Path

import pytest

from skep.testing import contract
from skep.testing.sqlite import SqliteHarness


@pytest.fixture
def harness(tmp_path: Path) -> SqliteHarness:
    """The SQLite store under test."""
    return SqliteHarness(tmp_path / "skep.db")


class TestSubmitting(contract.SubmittingContract):
    """Submitting swarms to the SQLite store."""


class TestAdding(contract.AddingContract):
    """Adding tasks in the SQLite store."""


class TestClaiming(contract.ClaimingContract):
    """Claiming from the SQLite store."""


class TestFairness(contract.FairnessContract):
    """Fair shares of the SQLite store."""


class TestPatience(contract.PatienceContract):
    """Waiting at the SQLite store."""


class TestSettling(contract.SettlingContract):
    """Settling in the SQLite store."""


class TestFencing(contract.FencingContract):
    """The fence of the SQLite store."""


class TestLeases(contract.LeasesContract):
    """Leases of the SQLite store."""


class TestSweeping(contract.SweepingContract):
    """Sweeping the SQLite store."""


class TestSteering(contract.SteeringContract):
    """Steering swarms in the SQLite store."""


class TestReopening(contract.ReopeningContract):
    """Reopening in the SQLite store."""


class TestJournal(contract.JournalContract):
    """The journal of the SQLite store."""


class TestLog(contract.LogContract):
    """The log of the SQLite store."""


class TestRegistry(contract.RegistryContract):
    """Reading from the SQLite store."""


class TestBlobs(contract.BlobsContract):
    """Blobs of the SQLite store."""


class TestCrashes(contract.CrashContract):
    """What the SQLite store keeps when its process dies."""
