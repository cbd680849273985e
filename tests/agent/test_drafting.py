"""Roles that draft: a model's plan is checked, mended by its own hand, or refused."""

from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from typing_extensions import override

from skep.agent.asking import Asker
from skep.agent.attempt import Bench, attempt
from skep.agent.catalog import read_catalog
from skep.agent.charter import draw_charter
from skep.agent.loop import LoopPerformer
from skep.agent.returns import REPAIRS_MAX
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.hive.opening import Parts
from skep.hive.registry import SwarmRegistry
from skep.policy.drafting import DRAFT_TASKS_MAX, PLAN_PIECE
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.outcome import Failed, Outcome, Settlement, Succeeded
from skep.records.task import AgentKind, Task
from skep.records.values import Json, parsed
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.models import Line, ScriptedModel

Draft = dict[str, Json]


def row(key: str, *after: str, agent: str = "researcher") -> dict[str, Json]:
    """One task of a draft."""
    done = {"title": f"Do {key}", "instructions": f"Do {key} well."}
    return {"key": key, "agent": agent, **done, "after": [*after]}


def handed_in(*rows: dict[str, Json], **more: Json) -> Line:
    """A model's answer that hands in a draft."""
    return [("final_result", {"tasks": [*rows], **more})]


GOOD = handed_in(
    row("menu"), row("till"), row("join", "menu", "till", agent="synthesizer"), assumptions="Both."
)


class Hearing(ScriptedModel):
    """A scripted model that keeps what it was told last."""

    told = ""

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer by the script."""
        self.told = str(messages[-1])
        return await super().request(messages, model_settings, model_request_parameters)


class Desk:
    """A swarm whose plan a scripted model is to draft, and what came of it."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.clock = ManualClock()
        self.chance = SeededChance(7)
        self.store = MemoryStore(self.clock, self.chance)
        self.grant: Grant | None = None
        registry = SwarmRegistry(
            store=self.store,
            chance=self.chance,
            draw_charter=partial(draw_charter, catalog=read_catalog()),
        )
        self.fleet = Fleet(Parts(store=self.store, registry=registry, clock=self.clock))

    async def submit(self, given: Json = None, queue: str | None = None) -> None:
        """Submit an objective without a plan."""
        await self.fleet.submit(
            "Review the shop",
            given=given,
            queue=queue,
            swarm="s",
            model="scripted",
            workspace=str(self.workspace),
        )

    async def attempt(self, *script: Line, queue: str = "default") -> tuple[Outcome, "Hearing"]:
        """Make one attempt, after a dead one if there was one."""
        self.clock.advance(10)
        await self.store.leases.sweep()
        offer = Offer(worker=WorkerId("w"), queues=frozenset({queue}))
        (self.grant,) = await self.store.work.claim(offer, limit=1)
        model = Hearing(script)
        bench = Bench(
            store=self.store,
            clock=self.clock,
            chance=self.chance,
            performers={AgentKind.LLM: LoopPerformer(Asker(model_of=lambda _: model))},
        )
        return await attempt(self.grant, bench), model

    async def settle(self, outcome: Outcome) -> None:
        """Store what the last attempt came to."""
        assert self.grant is not None
        await self.store.work.settle([Settlement(token=self.grant.token, outcome=outcome)])

    async def tasks(self) -> Sequence[Task]:
        """The tasks of the swarm."""
        return await self.store.registry.tasks(SwarmId("s"))


@pytest.fixture
def desk(folder: Path) -> Desk:
    """A desk in an empty folder."""
    return Desk(folder)


async def planned(desk: Desk, *script: Line) -> Mapping[str, Task]:
    """Submit, let the model draft, and give the tasks that came of it."""
    await desk.submit()
    outcome, _ = await desk.attempt(*script)
    assert isinstance(outcome, Succeeded), outcome
    return {task.ref.key: task for task in await desk.tasks()}


async def test_a_draft_joins_the_swarm_as_its_plan(desk: Desk) -> None:
    """The first drafted tasks wait for the planner, and the one that joins is the last."""
    tasks = await planned(desk, GOOD)

    assert {key: task.spec.after for key, task in tasks.items()} == {
        "plan": (),
        "menu": ("plan",),
        "till": ("plan",),
        "join": ("menu", "till"),
    }
    assert [key for key, task in tasks.items() if task.is_last] == ["join"]
    assert tasks["join"].spec.tolerant
    assert tasks["menu"].spec.input == "Do menu well."


async def test_the_plan_is_left_as_a_plan_file(desk: Desk) -> None:
    """What was drafted can be read, kept, and run again by itself."""
    await desk.submit()

    outcome, _ = await desk.attempt(GOOD)

    assert isinstance(outcome, Succeeded)
    assert "Assumptions: Both." in str(outcome.value)
    (piece,) = outcome.artifacts
    document = parsed((await desk.store.blobs.get(piece.digest)).decode())
    assert piece.name == PLAN_PIECE
    assert isinstance(document, dict)
    assert document["objective"] == "Review the shop"
    tasks = document["tasks"]
    assert isinstance(tasks, list)
    assert [(task["key"], task["after"]) for task in tasks if isinstance(task, dict)] == [
        ("menu", []),
        ("till", []),
        ("join", ["menu", "till"]),
    ]


WRONG: Mapping[str, tuple[Line, str]] = {
    "cycle": (handed_in(row("a", "b"), row("b", "a")), "Tasks wait for each other: a -> b -> a"),
    "role": (handed_in(row("a", agent="wizard")), "result.tasks[0].agent is none of"),
    "many": (
        handed_in(*(row(f"t{n}") for n in range(DRAFT_TASKS_MAX + 1))),
        f"the length of result.tasks is above {DRAFT_TASKS_MAX}",
    ),
    "ends": (handed_in(row("a"), row("b")), "end with one task that joins"),
    "taken": (handed_in(row("plan")), "the keys ['plan'] are taken"),
    "no draft": ([("final_result", {"plan": "none"})], "result.tasks is missing"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
async def test_a_draft_that_cannot_be_used_goes_back_in_words_and_is_mended(
    desk: Desk, wrong: Line, said: str
) -> None:
    """Nothing of it is added; the mended one is."""
    await desk.submit()

    outcome, model = await desk.attempt(wrong, GOOD)

    assert isinstance(outcome, Succeeded), outcome
    assert [task.ref.key for task in await desk.tasks()] == ["plan", "menu", "till", "join"]
    assert said in model.told
    assert "Hand in a mended one" in model.told


@pytest.mark.parametrize(("wrong", "said"), [*WRONG.values(), ("No.", "it was a text")])
async def test_a_model_that_never_drafts_a_plan_is_refused_with_the_last_reason(
    desk: Desk, wrong: Line, said: str
) -> None:
    """After the named number of repairs the task fails for good, and no task was added."""
    await desk.submit()

    outcome, model = await desk.attempt(wrong)

    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "plan_not_drafted"
    assert said in outcome.failure.message
    assert "--planner template" in outcome.failure.message
    assert model.asked == REPAIRS_MAX + 1
    assert [task.ref.key for task in await desk.tasks()] == ["plan"]


async def test_a_recorded_draft_is_neither_paid_nor_added_twice(desk: Desk) -> None:
    """A worker that dies after the spawn and before the settlement is taken over for nothing."""
    await desk.submit()
    first, dying = await desk.attempt(GOOD)

    second, heir = await desk.attempt(GOOD)

    assert (dying.asked, heir.asked) == (1, 0)
    assert isinstance(first, Succeeded)
    assert first == second
    assert [task.ref.key for task in await desk.tasks()] == ["plan", "menu", "till", "join"]


async def test_a_death_amid_repairs_repeats_none_of_them(desk: Desk) -> None:
    """The takeover finds the refused draft in the journal, and asks only for the mended one."""
    await desk.submit()
    with pytest.raises(CancelledError):
        await desk.attempt(handed_in(row("a", agent="wizard")), CancelledError())

    outcome, heir = await desk.attempt(handed_in(row("never", agent="asked")), GOOD)

    assert isinstance(outcome, Succeeded), outcome
    assert heir.asked == 1


async def test_a_plan_that_is_retried_takes_other_keys(desk: Desk) -> None:
    """The tasks of the first draft stay; a second draft that names them anew is told so."""
    await desk.submit()
    outcome, _ = await desk.attempt(handed_in(row("menu")))
    await desk.settle(outcome)
    outcome, _ = await desk.attempt("Tea.")
    await desk.settle(outcome)
    await desk.fleet.swarm("s").retry([TaskKey("plan")])

    outcome, model = await desk.attempt(handed_in(row("menu")), handed_in(row("menu-2")))

    assert isinstance(outcome, Succeeded), outcome
    assert model.asked == 2
    assert [each.ref.key for each in await desk.tasks()] == ["plan", "menu", "menu-2"]


async def test_drafted_tasks_go_where_their_planner_is_and_get_what_it_was_given(
    desk: Desk,
) -> None:
    """Queue and input are handed on, attachments too, and a large input goes into a blob."""
    await desk.submit(given={"attach": []}, queue="bulk")
    await desk.attempt(handed_in(row("menu")), queue="bulk")
    (_, task) = await desk.tasks()
    large = Desk(desk.workspace)
    await large.submit(given="x" * VALUE_BYTES_MAX)

    outcome, _ = await large.attempt(handed_in(row("menu")))

    assert task.spec.queue == "bulk"
    assert task.spec.input == {"attach": [], "instructions": "Do menu well."}
    assert isinstance(outcome, Succeeded), outcome
    assert [each.ref.key for each in await large.tasks()] == ["plan", "menu"]
