"""Which contents records refer to by hash: what retention must keep for them.

A reference stands in four places: the charter of a request, the input of a task, the value of a
step, and an outcome with its artefacts. Whoever adds a fifth tells the store of it in the same way.
"""

from collections.abc import Iterable

from skep.records.outcome import Outcome, Succeeded
from skep.records.step import Entry, Record
from skep.records.swarm import SwarmRequest
from skep.records.task import TaskSpec
from skep.records.values import Digest, blob_ref, referred


def of_request(request: SwarmRequest) -> set[Digest]:
    """The charter of a swarm."""
    return {Digest(request.charter)} if request.charter else set()


def of_specs(specs: Iterable[TaskSpec]) -> set[Digest]:
    """The inputs of tasks."""
    refs = (blob_ref(spec.input) for spec in specs)
    return {ref.digest for ref in refs if ref is not None}


def of_entry(entry: Entry) -> set[Digest]:
    """The value of a step; an intent has none."""
    digest = referred(entry.value) if isinstance(entry, Record) else None
    return {digest} if digest else set()


def of_outcome(outcome: Outcome) -> set[Digest]:
    """The value of an outcome, and the artefacts beside it."""
    if not isinstance(outcome, Succeeded):
        return set()
    ref = blob_ref(outcome.value)
    value = {ref.digest} if ref else set[Digest]()
    return value | {artifact.digest for artifact in outcome.artifacts}
