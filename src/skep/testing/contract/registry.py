"""The registry: reading swarms, tasks and artefacts without changing any."""

# ruff: noqa: PLR2004 - expected figures are literal

from dataclasses import replace

import pytest

from skep.records.errors import SwarmNotFound, TaskNotFound
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.outcome import Artifact, Succeeded
from skep.records.swarm import Mode, Strategy, SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.records.values import blob_digest
from skep.testing.acts import claim, settle, steer, submit, succeed
from skep.testing.clock import START_S
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, submission, task

S = SwarmId("s")


def artifact(name: str) -> Artifact:
    """Name a small artefact."""
    content = name.encode()
    return Artifact(
        name=name, media_type="text/plain", digest=blob_digest(content), size_bytes=len(content)
    )


class RegistryContract:
    """Invariants 7 and 17, read: what stands is what was asked for and settled."""

    async def test_a_swarm_is_read_as_it_was_asked_for(self, store: InspectableStore) -> None:
        """Every field of a request comes back."""
        asked = submission("s", task("a"), timeout_s=60.0, priority=7, max_agents=3)
        request = replace(
            asked.request,
            objective="Ä “quoted” objective",
            strategy=Strategy.ANALYSIS,
            mode=Mode.MESH,
            workspace="/w",
            model="m",
            charter=(await store.blobs.put([b"charter"]))[0],
            metadata={"by": ["me", 1, None]},
        )

        await store.work.submit([replace(asked, request=request)])

        found = await store.registry.swarm(S)
        assert found.request == request
        assert (found.created_at, found.deadline, found.ended_at) == (START_S, START_S + 60, None)
        assert (found.sealed, found.reason, found.last_seq) == (True, "", 2)

    async def test_a_swarm_counts_its_tasks(self, store: InspectableStore) -> None:
        """The counters of every status are there, zero or not (invariant 7)."""
        await submit(store, "s", *many(3), task("z", "t0000"))
        await succeed(store, *await claim(store, 1))
        await claim(store, 1)

        found = await store.registry.swarm(S)

        assert dict(found.counts) == dict.fromkeys(TaskStatus, 0) | {
            TaskStatus.SUCCEEDED: 1,
            TaskStatus.RUNNING: 1,
            TaskStatus.READY: 2,
        }
        assert found.tasks_total == 4

    async def test_what_is_not_there_is_told(self, store: InspectableStore) -> None:
        """Unknown swarms and tasks raise, each by its name."""
        await submit(store, "s", task("a"))
        known, ghost = (TaskRef(swarm=S, key=TaskKey(key)) for key in ("a", "ghost"))

        with pytest.raises(SwarmNotFound):
            await store.registry.swarm(SwarmId("ghost"))
        with pytest.raises(SwarmNotFound):
            await store.registry.tasks(SwarmId("ghost"))
        with pytest.raises(TaskNotFound):
            await store.registry.read([known, ghost])

    async def test_swarms_are_read_youngest_first(self, store: InspectableStore) -> None:
        """Pages of swarms follow each other by `before`."""
        for number in range(5):
            await submit(store, f"s{number}", task("a"))

        first = await store.registry.swarms(limit=3)
        rest = await store.registry.swarms(limit=3, before=first[-1].id)

        assert [swarm.id for swarm in first] == ["s4", "s3", "s2"]
        assert [swarm.id for swarm in rest] == ["s1", "s0"]

    async def test_swarms_are_read_by_status(self, store: InspectableStore) -> None:
        """A status picks the swarms that stand so, page by page."""
        for number in range(6):
            await submit(store, f"s{number}", task("a"))
        for number in (0, 2, 4):
            await steer(store, f"s{number}", SwarmMove.PAUSE)

        first = await store.registry.swarms(status=SwarmStatus.PAUSED, limit=2)
        rest = await store.registry.swarms(status=SwarmStatus.PAUSED, before=first[-1].id)

        assert [swarm.id for swarm in first] == ["s4", "s2"]
        assert [swarm.id for swarm in rest] == ["s0"]

    async def test_tasks_are_read_in_the_order_of_the_plan(self, store: InspectableStore) -> None:
        """Neither names nor what happened change the order of tasks."""
        await submit(store, "s", task("z"), task("a"), task("m", "z"))
        await succeed(store, *await claim(store, 1))

        tasks = await store.registry.tasks(S)

        assert [(found.ref.key, found.ordinal) for found in tasks] == [("z", 0), ("a", 1), ("m", 2)]

    async def test_tasks_are_read_in_the_order_asked(self, store: InspectableStore) -> None:
        """Reading some tasks answers one by one, one asked for twice too."""
        await submit(store, "s", *many(3))
        refs = [TaskRef(swarm=S, key=TaskKey(f"t000{number}")) for number in (2, 0, 2)]

        assert [found.ref for found in await store.registry.read(refs)] == refs

    async def test_artefacts_are_read_by_task_and_name(self, store: InspectableStore) -> None:
        """What tasks left behind comes in the order of the plan, then by name."""
        await submit(store, "s", task("z"), task("a"))
        z, a = await claim(store)
        await store.blobs.put([b"x", b"d", b"c"])
        await settle(store, Succeeded(value=1, artifacts=(artifact("x"),)), a)
        await settle(store, Succeeded(value=1, artifacts=(artifact("d"), artifact("c"))), z)

        found = await store.registry.artifacts(S)

        assert [(ref.key, each) for ref, each in found] == [
            ("z", artifact("c")),
            ("z", artifact("d")),
            ("a", artifact("x")),
        ]

    async def test_a_reopened_task_has_left_nothing_yet(self, store: InspectableStore) -> None:
        """The next run of a task takes the artefacts of the last out of the list."""
        await submit(store, "s", task("a"))
        await store.blobs.put([b"x"])
        outcome = Succeeded(value=1, artifacts=(artifact("x"),))
        await settle(store, outcome, *await claim(store))

        await steer(store, "s", SwarmMove.REOPEN, "a")

        assert list(await store.registry.artifacts(S)) == []

    async def test_reading_changes_nothing(self, store: InspectableStore) -> None:
        """Whatever is read, the store stands as before."""
        await submit(store, "s", *many(2))
        before = await store.dump()

        await store.registry.swarm(S)
        await store.registry.swarms()
        await store.registry.tasks(S)
        await store.registry.artifacts(S)

        assert await store.dump() == before
