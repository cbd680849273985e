"""How rough it gets: the figures of one run of the rig."""

from dataclasses import dataclass

MIXED = ("fan", "chain", "letters", "fan", "brood", "chain", "fan", "letters", "brood", "fan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Who dies how often, and what there is to do meanwhile.

    `shapes` are submitted in turn by each submitter, and each `wide_every`th plan of the first
    one is a wide one (0: none). A worker that was killed stays away with the chance `away_share`
    for `away_leases` leases; now and then one is frozen for `freeze_leases` leases.
    """

    kill_every_s: tuple[float, float] = (0.5, 3.0)
    freeze_every_s: tuple[float, float] = (10.0, 20.0)
    freeze_leases: tuple[float, float] = (1.2, 1.8)
    away_share: float = 0.15
    away_leases: tuple[float, float] = (1.2, 1.8)
    lease_s: float = 5.0
    workers: int = 4
    submitters: int = 2
    slots: int = 8
    live_swarms: int = 5
    slowest_s: float = 0.05
    shapes: tuple[str, ...] = MIXED
    wide_every: int = 40
    settled_within_s: float = 60.0


ROUGH = Weather()
"""The weather of the promise: a kill every 0.5 to 3 seconds."""
