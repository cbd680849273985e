"""What captures, exports and recoveries refuse; errors.py draws where each one stands."""

from skep.records.errors import Conflict, InvalidInput, NotFound


class CaptureUnusable(InvalidInput):
    """This is no whole image of a swarm."""

    code = "capture_unusable"


class CaptureNotFound(NotFound):
    """There is no such capture."""

    code = "capture_not_found"

    def __init__(self, *, swarm: str, capture: str) -> None:
        super().__init__(
            f"Swarm {swarm} has no {capture}.", hint=f"`skep swarm snapshots {swarm}` shows them."
        )
        self.swarm = swarm
        self.capture = capture


class NothingToRecover(Conflict):
    """The swarm has lost records, and no capture holds them."""

    code = "nothing_to_recover"

    def __init__(self, *, swarm: str, missing: int) -> None:
        super().__init__(
            f"{missing} tasks of swarm {swarm} have no record, and no capture holds them.",
            hint="Import an export of it, or restore a backup of the store.",
        )
        self.swarm = swarm
        self.missing = missing
