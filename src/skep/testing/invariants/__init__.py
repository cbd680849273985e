"""The numbered invariants of live state, checked on all that a store shows.

`check` takes one dump; `check_step` takes two, and says whether one may follow the other. What a
dump cannot show (who was refused, who was woken) is proved by answers in `skep.testing.contract`.
"""

from skep.testing.invariants.check import check
from skep.testing.invariants.report import InvariantBroken
from skep.testing.invariants.succession import check_step

__all__ = ["InvariantBroken", "check", "check_step"]
