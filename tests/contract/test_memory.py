"""The memory store keeps the contract."""

import pytest

from skep.testing import contract
from skep.testing.memory import MemoryHarness


@pytest.fixture
def harness() -> MemoryHarness:
    """The memory store under test."""
    return MemoryHarness()


class TestSubmitting(contract.SubmittingContract):
    """Submitting swarms to the memory store."""


class TestAdding(contract.AddingContract):
    """Adding tasks in the memory store."""


class TestClaiming(contract.ClaimingContract):
    """Claiming from the memory store."""


class TestFairness(contract.FairnessContract):
    """Fair shares of the memory store."""


class TestPatience(contract.PatienceContract):
    """Waiting at the memory store."""


class TestSettling(contract.SettlingContract):
    """Settling in the memory store."""


class TestFencing(contract.FencingContract):
    """The fence of the memory store."""


class TestLeases(contract.LeasesContract):
    """Leases of the memory store."""


class TestSweeping(contract.SweepingContract):
    """Sweeping the memory store."""


class TestSteering(contract.SteeringContract):
    """Steering swarms in the memory store."""


class TestReopening(contract.ReopeningContract):
    """Reopening in the memory store."""


class TestJournal(contract.JournalContract):
    """The journal of the memory store."""


class TestLog(contract.LogContract):
    """The log of the memory store."""


class TestRegistry(contract.RegistryContract):
    """Reading from the memory store."""


class TestBlobs(contract.BlobsContract):
    """Blobs of the memory store."""


class TestCrashes(contract.CrashContract):
    """What the memory store keeps while its process lives."""
