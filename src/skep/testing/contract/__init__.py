"""The contract of the store's ports, as test classes that every driver inherits and passes.

    from skep.testing.contract import WORK, ...

A driver's test module gives one pytest fixture, `harness`, that returns a
`skep.testing.harness.Harness`, and names the classes it inherits. The fixtures `store`, `clock`
and `chance` open the harness with a manual clock and seeded chance. A test states one fact, whose
number in the contract stands in the name of its class or in its sentence.
"""

from skep.testing.contract.adding import AddingContract
from skep.testing.contract.asking import AskingContract
from skep.testing.contract.blobs import BlobsContract
from skep.testing.contract.capping import CappingContract
from skep.testing.contract.census import AdoptionContract, HostingContract, NodesContract
from skep.testing.contract.claiming import ClaimingContract
from skep.testing.contract.crashes import CrashContract
from skep.testing.contract.deadmail import DeadMailContract
from skep.testing.contract.deciding import DecidingContract
from skep.testing.contract.directory import (
    ArchiveContract,
    FindingContract,
    StatisticsContract,
)
from skep.testing.contract.disputes import DisputesContract
from skep.testing.contract.electing import ElectionContract, LeaderLeaseContract, MandateContract
from skep.testing.contract.fairness import FairnessContract
from skep.testing.contract.fencing import FencingContract
from skep.testing.contract.founding import FoundingContract
from skep.testing.contract.gates import (
    BreakerContract,
    PlacesContract,
    RatesContract,
    RestsContract,
)
from skep.testing.contract.journal import JournalContract
from skep.testing.contract.keptmail import KeptMailContract
from skep.testing.contract.leases import LeasesContract
from skep.testing.contract.letters import LettersContract
from skep.testing.contract.log import LogContract
from skep.testing.contract.mailing import SendingContract, TakingContract
from skep.testing.contract.orders import OrdersContract
from skep.testing.contract.patience import PatienceContract
from skep.testing.contract.placing import PlacingContract
from skep.testing.contract.pools import PoolPatienceContract, PoolsContract
from skep.testing.contract.purses import (
    FullPurseContract,
    LostCallContract,
    RaisingContract,
    ReservationContract,
)
from skep.testing.contract.recovering import RecoveringContract, SuspendingContract
from skep.testing.contract.registry import RegistryContract
from skep.testing.contract.reopening import ReopeningContract
from skep.testing.contract.resting import RestingContract
from skep.testing.contract.retention import HoldingsContract, RetentionContract
from skep.testing.contract.settling import SettlingContract
from skep.testing.contract.shifting import ShiftingContract
from skep.testing.contract.states import CapturesContract, ImagesContract
from skep.testing.contract.steering import SteeringContract
from skep.testing.contract.submitting import SubmittingContract
from skep.testing.contract.sweeping import SweepingContract
from skep.testing.contract.telling import TellingContract

__all__ = [
    "AddingContract",
    "AdoptionContract",
    "ArchiveContract",
    "AskingContract",
    "BlobsContract",
    "BreakerContract",
    "CappingContract",
    "CapturesContract",
    "ClaimingContract",
    "CrashContract",
    "DeadMailContract",
    "DecidingContract",
    "DisputesContract",
    "ElectionContract",
    "FairnessContract",
    "FencingContract",
    "FindingContract",
    "FoundingContract",
    "FullPurseContract",
    "HoldingsContract",
    "HostingContract",
    "ImagesContract",
    "JournalContract",
    "KeptMailContract",
    "LeaderLeaseContract",
    "LeasesContract",
    "LettersContract",
    "LogContract",
    "LostCallContract",
    "MandateContract",
    "NodesContract",
    "OrdersContract",
    "PatienceContract",
    "PlacesContract",
    "PlacingContract",
    "PoolPatienceContract",
    "PoolsContract",
    "RaisingContract",
    "RatesContract",
    "RecoveringContract",
    "RegistryContract",
    "ReopeningContract",
    "ReservationContract",
    "RestingContract",
    "RestsContract",
    "RetentionContract",
    "SendingContract",
    "SettlingContract",
    "ShiftingContract",
    "StatisticsContract",
    "SteeringContract",
    "SubmittingContract",
    "SuspendingContract",
    "SweepingContract",
    "TakingContract",
    "TellingContract",
]
