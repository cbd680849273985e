"""What a fleet refuses; the rest of the tree stands in `records/errors.py`."""

from skep.records.errors import Conflict


class NodeAbsent(Conflict):
    """The node is not enrolled, or has missed its beats."""

    code = "node_absent"

    def __init__(self, *, node: str) -> None:
        super().__init__(
            f"The node {node} is not enrolled, or has missed its beats.",
            hint="Enrol it again; `skep fleet nodes` shows those that are present.",
        )
        self.node = node


class FleetFull(Conflict):
    """As many swarms live as may."""

    code = "fleet_full"
    http_status = 429

    def __init__(self, *, live: int, allowed: int) -> None:
        super().__init__(
            f"{live:,} swarms live, and {allowed:,} may.",
            hint="Let some of them end, or set SKEP_SWARMS_MAX.",
        )
        self.allowed = allowed
