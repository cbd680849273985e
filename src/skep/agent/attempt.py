"""One attempt at one task, as a pipeline over one value: grant, brief, work, outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from skep.agent.approving import AwaitsDecision, blocked, parted
from skep.agent.brief import Brief, Finding, Performer, Work
from skep.agent.failures import failure_of
from skep.agent.gathering import Gathering
from skep.agent.hints import Listener
from skep.agent.journal import PurseEmpty, PurseWaits, RunJournal, UnknownEffect
from skep.policy.retry import outcome_of
from skep.ports.store import Blobs, Store
from skep.ports.system import Chance, Clock
from skep.records.codec import charter_from
from skep.records.errors import Fenced
from skep.records.ids import TaskRef
from skep.records.lease import Grant
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.outcome import Artifact, Blocked, HandedBack, Outcome, Snoozed, Succeeded
from skep.records.role import Charter
from skep.records.task import AgentKind, Task
from skep.records.values import BlobRef, Digest, Json, blob_ref, parsed, storable

PURSE_WAIT_S: Final = 0.1
"""How long an attempt waits at least for room in its swarm's purse; ten times as long at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where attempts are made: the store, the system, and a performer for each kind of agent.

    `listener` hears what models are saying while they say it.
    """

    store: Store
    clock: Clock
    chance: Chance
    performers: Mapping[AgentKind, Performer]
    listener: Listener | None = None
    charters: dict[str, Charter] = field(default_factory=dict[str, Charter])
    """Charters read so far, by digest."""
    gathering: Gathering = field(default_factory=Gathering)


async def attempt(grant: Grant, bench: Bench) -> Outcome:
    """Make one attempt and say what became of it; raises nothing but cancellation.

    The edge of the attempt: whatever goes wrong inside is classified here, and the retry policy
    of the task decides what it means.
    """
    try:
        brief = await prepare(grant, bench)
        work = await bench.performers[grant.spec.kind].perform(brief)
        return await conclude(work, bench)
    except (UnknownEffect, Fenced, PurseEmpty, PurseWaits) as error:
        return _given_back(error, bench)
    except Exception as error:  # noqa: BLE001 - the edge of an attempt
        return _failed(error, grant, bench)
    except (AwaitsDecision, BaseExceptionGroup) as signal:
        asked, other = parted(signal)
        if isinstance(other, Exception):
            return _failed(other, grant, bench)
        if other is not None:
            raise
        return blocked(asked)


def _given_back(error: UnknownEffect | Fenced | PurseEmpty | PurseWaits, bench: Bench) -> Outcome:
    """Say who must do something before the task can go on: a person, nobody, or other calls."""
    if isinstance(error, UnknownEffect):
        return Blocked(reason=f"{error.message} {error.hint}")
    if isinstance(error, PurseWaits):
        # For a moment, and not all who wait for the same moment (docs/adr/0018).
        rest_s = bench.chance.jitter.uniform(PURSE_WAIT_S, 10 * PURSE_WAIT_S)
        return Snoozed(reason=error.message, wake_at=bench.clock.now() + rest_s)
    return HandedBack(reason=error.message)


def _failed(error: Exception, grant: Grant, bench: Bench) -> Outcome:
    return outcome_of(
        failure_of(error),
        failures=grant.failures,
        policy=grant.spec.retry,
        now=bench.clock.now(),
        chance=bench.chance.jitter,
    )


async def prepare(grant: Grant, bench: Bench) -> Brief:
    """Gather what the task's agent needs to know."""
    store = bench.store
    journal = RunJournal(
        store.journal,
        store.blobs,
        token=grant.token,
        clock=bench.clock,
        chance=bench.chance,
        told=grant.told,
    )
    if grant.has_steps:
        await journal.replay()
    return Brief(
        grant=grant,
        input=await _full(grant.spec.input, store),
        request=grant.request,
        charter=await _charter(grant.request.charter, bench),
        findings=await _findings(grant, bench) if grant.waited_for else (),
        journal=journal,
        store=store,
        clock=bench.clock,
        chance=bench.chance,
        listener=bench.listener,
    )


async def conclude(work: Work, bench: Bench) -> Succeeded:
    """Put the pieces of work into blobs, and the value too when it is too large for its record."""
    artifacts = [
        await _kept(name, media_type, content, blobs=bench.store.blobs)
        for name, (media_type, content) in sorted(work.pieces.items())
    ]
    outcome = Succeeded(value=work.value, artifacts=tuple(artifacts))
    content = outcome.text.encode()
    if len(content) <= VALUE_BYTES_MAX:
        return outcome
    (digest,) = await bench.store.blobs.put([content])
    ref = BlobRef(digest=digest, size_bytes=len(content))
    return Succeeded(value=ref.as_json(), artifacts=outcome.artifacts)


async def _kept(name: str, media_type: str, content: bytes, *, blobs: Blobs) -> Artifact:
    (digest,) = await blobs.put([content])
    return Artifact(
        name=storable(name), media_type=media_type, digest=digest, size_bytes=len(content)
    )


async def _charter(digest: str | None, bench: Bench) -> Charter | None:
    if digest is None:
        return None
    if digest not in bench.charters:
        bench.charters[digest] = charter_from(await bench.store.blobs.get(Digest(digest)))
    return bench.charters[digest]


async def _findings(grant: Grant, bench: Bench) -> list[Finding]:
    """Read the outcomes of what the task waited for, spawned tasks included."""
    refs = [TaskRef(swarm=grant.token.swarm, key=key) for key in grant.waited_for]
    tasks = await bench.gathering.read(bench.store.registry, bench.clock, refs)
    return [await _finding(task, bench.store) for task in tasks]


async def _finding(task: Task, store: Store) -> Finding:
    return Finding(
        key=task.ref.key,
        agent=task.spec.agent,
        title=task.spec.title,
        status=task.status,
        value=await full_value(task, store),
        reason=task.reason,
    )


async def full_value(task: Task, store: Store) -> Json:
    """Read what a task came to, from its blob when it was too large for its record."""
    return await _full(parsed(task.outcome) if task.outcome is not None else None, store)


async def _full(value: Json, store: Store) -> Json:
    ref = blob_ref(value)
    return parsed((await store.blobs.get(ref.digest)).decode()) if ref else value
