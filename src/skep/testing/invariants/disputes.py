"""Invariants of disputes: who voted may, once, and what stands is what policy rules."""

from dataclasses import replace

from skep.policy.conflict import ruled
from skep.ports.inspection import Dump
from skep.records.dispute import Case
from skep.testing.invariants.report import hold


def check_disputes(dump: Dump) -> None:
    """Invariant 52: ballots of the electorate alone, and a ruling that follows from the case."""
    ids = [case.dispute.id for case in dump.cases]
    hold(52, f"disputes stand as {ids}", that=len(ids) == len(set(ids)))
    for case in dump.cases:
        _check_ballots(case)
        if case.ruling is not None:
            again = ruled(replace(case, ruling=None), at=case.ruling.at)
            hold(52, f"{case.ruling} does not follow from {case}", that=again == case)


def _check_ballots(case: Case) -> None:
    voters = [ballot.voter for ballot in case.ballots]
    hold(52, f"{voters} voted on {case.dispute.id}", that=len(voters) == len(set(voters)))
    may = set(voters) <= set(case.dispute.electorate)
    hold(52, f"{voters} voted, of {case.dispute.electorate}", that=may)
    for ballot in case.ballots:
        hold(52, f"{ballot} is for no party", that=ballot.party in case.dispute.parties)
