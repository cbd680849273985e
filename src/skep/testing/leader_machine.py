"""Random histories in which nodes campaign, lead, are deposed, and write under any mandate."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from typing_extensions import override

from skep.records.errors import StaleTerm
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate
from skep.testing.harness import InspectableStore
from skep.testing.machine import StoreMachine
from skep.testing.strategies import PICKS

LEASES = st.sampled_from([0.5, 2.0, 30.0])
NODES = st.sampled_from(["ann", "bob", "cyd"])


class LeaderMachine(StoreMachine):
    """The machine of the store, with elections."""

    @override
    def __init__(self) -> None:
        super().__init__()
        self.mandates: list[Mandate] = []

    @rule(node=NODES, lease_s=LEASES, seen=st.sampled_from([0, 0, 0, 1, 9]))
    def campaign(self, node: str, lease_s: float, seen: int) -> None:
        """Campaign; who wins has a term above all before."""
        asked = WorkerId(node)
        stands = self.all_of(lambda store: store.terms.campaign(asked, lease_s=lease_s, seen=seen))
        assert stands.is_held
        if stands.is_mine:
            assert stands.term > max(seen, *(each.term for each in self.mandates), 0)
            self.mandates.append(stands.mandate)

    @precondition(lambda self: self.mandates)
    @rule(
        pick=PICKS,
        write=st.sampled_from(["renew", "resign", "note", "sweep", "reconcile"]),
        forges=st.sampled_from(["", "", "", "incarnation", "node", "term"]),
    )
    def write_as_leader(self, pick: int, write: str, forges: str) -> None:
        """Write under one of the last mandates, or a forged one: only the last may pass."""
        held = self.mandates[-1 - pick % min(len(self.mandates), 4)]
        forged = {"incarnation": "another", "node": "dan", "term": held.term + 1}
        mandate = replace(held, **{forges: forged[forges]}) if forges else held
        stands = self.all_of(lambda store: store.terms.read())
        may = stands is not None and stands.mandate == mandate and not stands.is_resigned
        answer = self.runner.run(self.twins.ask(lambda store: _write(store, mandate, write)))
        is_refused = answer is False or isinstance(answer, StaleTerm)
        assert is_refused is not may, (answer, stands, mandate)

    @rule()
    def ask_who_leads(self) -> None:
        """Read who leads and what was done, which changes nothing."""
        self.unmoved(lambda store: store.terms.read())
        self.unmoved(lambda store: store.terms.duties())


async def _write(
    store: InspectableStore, mandate: Mandate, write: str
) -> Leadership | bool | int | None:
    match write:
        case "renew":
            return await store.terms.renew(mandate, lease_s=2.0)
        case "resign":
            return await store.terms.resign(mandate)
        case "note":
            run = DutyRun(duty="d", node=mandate.node, term=mandate.term, result=mandate.node)
            return await store.terms.note(mandate, run)
        case "sweep":
            return (await store.leases.sweep(mandate=mandate)).total
        case _:
            return await store.leases.reconcile(mandate=mandate)
