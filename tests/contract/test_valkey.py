"""The Redis store keeps the contract on Valkey too."""

import pytest

from skep.testing import contract
from skep.testing.redis import RedisHarness

pytestmark = pytest.mark.deep


@pytest.fixture
def harness(valkey_url: str) -> RedisHarness:
    """The Redis store on Valkey."""
    return RedisHarness(valkey_url)


class TestSubmitting(contract.SubmittingContract):
    """Submitting swarms to the Redis store."""


class TestAdding(contract.AddingContract):
    """Adding tasks in the Redis store."""


class TestClaiming(contract.ClaimingContract):
    """Claiming from the Redis store."""


class TestFairness(contract.FairnessContract):
    """Fair shares of the Redis store."""


class TestPatience(contract.PatienceContract):
    """Waiting at the Redis store."""


class TestSettling(contract.SettlingContract):
    """Settling in the Redis store."""


class TestFencing(contract.FencingContract):
    """The fence of the Redis store."""


class TestLeases(contract.LeasesContract):
    """Leases of the Redis store."""


class TestSweeping(contract.SweepingContract):
    """Sweeping the Redis store."""


class TestSteering(contract.SteeringContract):
    """Steering swarms in the Redis store."""


class TestReopening(contract.ReopeningContract):
    """Reopening in the Redis store."""


class TestJournal(contract.JournalContract):
    """The journal of the Redis store."""


class TestLog(contract.LogContract):
    """The log of the Redis store."""


class TestRegistry(contract.RegistryContract):
    """Reading from the Redis store."""


class TestBlobs(contract.BlobsContract):
    """Blobs of the Redis store."""


class TestCrashes(contract.CrashContract):
    """What the Redis store keeps when its process dies."""
