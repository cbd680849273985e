"""Random histories in which swarms and tasks share pools, and ends of all kinds give parts back."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from skep.records.pool import Allocation, Pool, Requisition
from skep.testing.placing_machine import PlacingMachine
from skep.testing.samples import requisition
from skep.testing.strategies import PICKS

POOLS = ("cpu", "alone")


class PoolMachine(PlacingMachine):
    """The machine of the store, with pools."""

    def __init__(self) -> None:
        super().__init__()
        self.requisitions: list[Requisition] = []

    @rule(name=st.sampled_from(POOLS), capacity=st.integers(2, 8), is_shared=st.booleans())
    def declare(self, name: str, capacity: int, *, is_shared: bool) -> None:
        """Declare a pool, or change one that is used or not."""
        pool = Pool(name=name, capacity=capacity, is_shared=is_shared)
        self.all_of(lambda store: store.pools.declare([pool]))

    @rule(
        pick=PICKS,
        name=st.sampled_from([*POOLS, "ghost"]),
        amount=st.integers(1, 5),
        priority=st.sampled_from([3, 5, 5]),
        by_task=st.booleans(),
        times=st.integers(1, 3),
    )
    def allocate(
        self, *, pick: int, name: str, amount: int, priority: int, by_task: bool, times: int
    ) -> None:
        """Ask for parts, for a swarm or under a token that is current or stale."""
        token = self.grants[-1 - pick % len(self.grants)].token if by_task and self.grants else None
        swarm = token.swarm if token else self.submitted[-1 - pick % len(self.submitted)].swarm
        first = len(self.requisitions)
        asked = [
            requisition(
                f"r{first + n}", amount, pool=name, swarm=swarm, token=token, priority=priority
            )
            for n in range(times)
        ]
        self.requisitions.extend(asked)
        self.all_of(lambda store: store.pools.allocate(asked))

    @precondition(lambda self: self.requisitions)
    @rule(pick=PICKS)
    def allocate_again(self, pick: int) -> None:
        """Repeat a requisition whose answer was lost: it tells how it stands."""
        asked = self.requisitions[-1 - pick % len(self.requisitions)]
        [first] = self.all_of(lambda store: store.pools.allocate([asked]))
        if isinstance(first, Allocation):
            assert self.unmoved(lambda store: store.pools.allocate([asked])) == [first]

    @precondition(lambda self: self.requisitions)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3))
    def release(self, picks: list[int]) -> None:
        """Give parts back, held or waited for, twice or long gone."""
        ids = [self.requisitions[-1 - pick % len(self.requisitions)].id for pick in picks]
        self.all_of(lambda store: store.pools.release(ids))

    @rule()
    def sweep_pools(self) -> None:
        """Look for what belongs to nobody: there never is any."""
        swept = self.unmoved(lambda store: store.pools.sweep())
        assert swept == 0
