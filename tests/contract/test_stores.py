"""Every store keeps the contract: one suite, written once, run on each of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skep.testing import contract
from skep.testing.harness import Harness
from skep.testing.memory import MemoryHarness
from skep.testing.redis import RedisHarness
from skep.testing.sqlite import SqliteHarness

STORES = ("on-memory", "on-sqlite", "on-redis", pytest.param("on-valkey", marks=pytest.mark.deep))


@pytest.fixture(params=STORES)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    """Each store under test in turn; a new one is one line here."""
    harnesses: dict[str, Callable[[], Harness]] = {
        "on-memory": MemoryHarness,
        "on-sqlite": lambda: SqliteHarness(tmp_path / "skep.db"),
        "on-redis": lambda: RedisHarness(request.getfixturevalue("redis_url")),
        "on-valkey": lambda: RedisHarness(request.getfixturevalue("valkey_url")),
    }
    return harnesses[request.param]()


class TestSubmitting(contract.SubmittingContract):
    """Submitting swarms to a store."""


class TestAdding(contract.AddingContract):
    """Adding tasks in the store."""


class TestClaiming(contract.ClaimingContract):
    """Claiming from the store."""


class TestFairness(contract.FairnessContract):
    """Fair shares of the store."""


class TestPatience(contract.PatienceContract):
    """Waiting at the store."""


class TestResting(contract.RestingContract):
    """Waiting for the end of a swarm of the store."""


class TestSettling(contract.SettlingContract):
    """Settling in the store."""


class TestFencing(contract.FencingContract):
    """The fence of the store."""


class TestLeases(contract.LeasesContract):
    """Leases of the store."""


class TestSweeping(contract.SweepingContract):
    """Sweeping the store."""


class TestSteering(contract.SteeringContract):
    """Steering swarms in the store."""


class TestOrders(contract.OrdersContract):
    """Orders by their names in the store."""


class TestTelling(contract.TellingContract):
    """Messages of people to swarms in the store."""


class TestCapping(contract.CappingContract):
    """Changing caps in the store."""


class TestLetters(contract.LettersContract):
    """Dead letters of the store."""


class TestReopening(contract.ReopeningContract):
    """Reopening in the store."""


class TestJournal(contract.JournalContract):
    """The journal of the store."""


class TestAsking(contract.AskingContract):
    """Asking people in the store."""


class TestDeciding(contract.DecidingContract):
    """Deciding in the store."""


class TestLog(contract.LogContract):
    """The log of the store."""


class TestRegistry(contract.RegistryContract):
    """Reading from the store."""


class TestBlobs(contract.BlobsContract):
    """Blobs of the store."""


class TestCrashes(contract.CrashContract):
    """What the store keeps when its process dies."""


class TestRetention(contract.RetentionContract):
    """Forgetting in the store."""


class TestHoldings(contract.HoldingsContract):
    """What the store keeps because something refers to it."""


class TestReservations(contract.ReservationContract):
    """Reservations in the store."""


class TestFullPurses(contract.FullPurseContract):
    """Purses of the store that are full."""


class TestLostCalls(contract.LostCallContract):
    """Calls in the store that ended without an answer."""


class TestRaising(contract.RaisingContract):
    """Orders to the store about purses."""


class TestRates(contract.RatesContract):
    """Rates of the store's gates."""


class TestPlaces(contract.PlacesContract):
    """Places behind the store's gates."""


class TestBreakers(contract.BreakerContract):
    """Breakers of the store's gates."""


class TestRests(contract.RestsContract):
    """Rests of the store's gates."""


class TestSending(contract.SendingContract):
    """Sending messages through the store."""


class TestTaking(contract.TakingContract):
    """Taking messages out of the store."""


class TestDeadMail(contract.DeadMailContract):
    """Messages in the store that are given up."""


class TestKeptMail(contract.KeptMailContract):
    """What the store keeps of messages."""


class TestElections(contract.ElectionContract):
    """Elections in the store."""


class TestLeaderLeases(contract.LeaderLeaseContract):
    """Leases of leaders in the store."""


class TestMandates(contract.MandateContract):
    """Leaders' writes to the store."""


class TestNodes(contract.NodesContract):
    """Nodes of the store."""


class TestHosting(contract.HostingContract):
    """Hosts of the store's swarms."""


class TestAdoption(contract.AdoptionContract):
    """Orphans of the store, and who adopts them."""


class TestPlacing(contract.PlacingContract):
    """Finding a swarm for a task in the store."""


class TestShifting(contract.ShiftingContract):
    """Moving tasks of the store to swarms with free slots."""


class TestPools(contract.PoolsContract):
    """Sharing what there is only so much of."""


class TestPoolPatience(contract.PoolPatienceContract):
    """Waiting for what others hold."""


class TestImages(contract.ImagesContract):
    """Images of swarms of the store."""


class TestCaptures(contract.CapturesContract):
    """Captures in the store."""


class TestSuspending(contract.SuspendingContract):
    """Taking swarms of the store from those who work on them."""


class TestRecovering(contract.RecoveringContract):
    """Recovering swarms of the store."""


class TestFounding(contract.FoundingContract):
    """Founding swarms in the store."""


class TestDisputes(contract.DisputesContract):
    """Settling disputes in the store."""


class TestFinding(contract.FindingContract):
    """Finding swarms of the store."""


class TestStatistics(contract.StatisticsContract):
    """Figures of the store."""


class TestArchive(contract.ArchiveContract):
    """The archive of the store."""
