"""Random histories in which swarms are looked for, counted, deregistered and archived."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from skep.records.directory import SwarmFilter, archived_of
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmStatus
from skep.testing.census_machine import MEANT, CensusMachine

KEEP_S = 60.0
"""No longer than a history may take, so that records go as well."""


class DirectoryMachine(CensusMachine):
    """The machine of the store, with nodes, hosts, and a directory of its swarms."""

    @rule(
        status=st.sampled_from([None, *SwarmStatus]),
        before=st.sampled_from([None, SwarmId("s1")]),
        limit=st.sampled_from([1, 50]),
    )
    def look_for(self, status: SwarmStatus | None, before: SwarmId | None, *, limit: int) -> None:
        """Find swarms, and count them."""
        meant = SwarmFilter(status=status)
        self.unmoved(lambda store: store.directory.find(meant, before=before, limit=limit))
        self.unmoved(lambda store: store.directory.statistics())

    @rule(swarms=st.lists(MEANT, min_size=1, max_size=3), outcome=st.sampled_from(["done", "é"]))
    def deregister(self, swarms: list[SwarmId], outcome: str) -> None:
        """Have done with swarms that are there or not."""
        self.all_of(lambda store: store.directory.deregister(swarms, outcome))

    @rule(kept_s=st.sampled_from([0.0, 3.0]), limit=st.sampled_from([1, 50]))
    def archive(self, kept_s: float, limit: int) -> None:
        """Archive what departed, twice, and drop old records."""
        before = self.clock.now() - kept_s
        found = self.unmoved(lambda store: store.directory.departed(before, limit=limit))
        records = [archived_of(each) for each in found]
        done = self._forgetting(lambda store: store.directory.archive(records, keep_s=KEEP_S))
        assert all(done), "whatever departed may be archived"
        for record in records:
            self._strike_out(record.id)
        again = self.unmoved(lambda store: store.directory.archive(records, keep_s=KEEP_S))
        assert not any(again)
        self.unmoved(lambda store: store.directory.archived())
        self.all_of(lambda store: store.directory.expire(self.clock.now() - KEEP_S))
