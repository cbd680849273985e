"""Invariants of contents: what a record refers to is there, and noted as in use."""

from collections import defaultdict

from skep.policy.references import of_request, of_specs
from skep.ports.inspection import Dump
from skep.records.ids import SwarmId
from skep.records.values import Digest, referred
from skep.testing.invariants.report import hold


def check_contents(dump: Dump) -> None:
    """Invariant 31: every reference leads to a content whose users name the swarm."""
    known = {swarm.id for swarm in dump.swarms}
    users = {content.digest: set(content.users) for content in dump.contents}
    for digest, named in users.items():
        hold(31, f"content {digest} is used by unknown {named - known}", that=named <= known)
    for swarm, digests in _references(dump).items():
        for digest in digests:
            is_kept = swarm in users.get(digest, set())
            hold(31, f"{swarm} refers to {digest}, which is not kept for it", that=is_kept)


def _references(dump: Dump) -> dict[SwarmId, set[Digest]]:
    found = defaultdict[SwarmId, set[Digest]](set)
    for swarm in dump.swarms:
        found[swarm.id] |= of_request(swarm.request)
    for task in dump.tasks:
        found[task.ref.swarm] |= of_specs([task.spec]) | _in(task.outcome)
    for step in dump.steps:
        found[step.ref.swarm] |= _in(step.value)
    return found


def _in(text: str | None) -> set[Digest]:
    digest = referred(text) if text else None
    return {digest} if digest else set()
