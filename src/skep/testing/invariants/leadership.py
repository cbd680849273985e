"""Invariants of leadership: what one look, or two, can prove."""

from skep.ports.inspection import Dump
from skep.testing.invariants.report import hold


def check_leadership(dump: Dump) -> None:
    """Invariant 14: a term was opened before anything was done in it, and bears one leader."""
    stands = dump.leadership
    last = stands.term if stands else 0
    hold(14, f"the election stands as {stands}", that=stands is None or stands.term > 0)
    for run in dump.duties:
        hold(14, f"{run} was done in no term", that=0 < run.term <= last)
        is_same = stands is None or run.term < last or run.node == stands.node
        hold(14, f"{run} was not done by who led in its term", that=is_same)


def check_terms(before: Dump, after: Dump) -> None:
    """Invariant 14, between two looks: a term only grows, and who leads in it does not change."""
    was, now = before.leadership, after.leadership
    if was is None:
        return
    hold(14, f"the election {was} is forgotten", that=now is not None)
    if now is None:
        return
    hold(14, f"the term went from {was.term} to {now.term}", that=now.term >= was.term)
    if now.term == was.term:
        same = (now.node, now.incarnation, now.since) == (was.node, was.incarnation, was.since)
        hold(14, f"{was} became {now} in one term", that=same)
        hold(
            14, f"{was} was resigned and is held again", that=now.is_resigned or not was.is_resigned
        )
