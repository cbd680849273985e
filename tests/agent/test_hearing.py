"""Hearing what people tell a live swarm: when, by whom, once, and again after a crash."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from typing_extensions import override

from skep.agent.asking import Asker
from skep.agent.attempt import Bench, attempt
from skep.agent.catalog import Catalog
from skep.agent.charter import draw_charter
from skep.agent.conversation import TOLD_HEADER
from skep.agent.loop import LoopPerformer
from skep.drivers.memory import MemoryStore
from skep.records.codec import charter_bytes
from skep.records.command import Submission
from skep.records.ids import SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Outcome, Settlement, Succeeded
from skep.records.role import Role
from skep.records.swarm import Plan, SwarmMove, SwarmRequest
from skep.records.task import AgentKind, TaskSpec
from skep.testing.acts import steer
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.models import Line, ScriptedModel

BEE = Role(name="bee", description="Gathers.", instructions="You gather.", tools=("inventory",))
LOOK: Line = [("inventory", {})]

Hook = Callable[[], Awaitable[None]]


class Ear(ScriptedModel):
    """Keeps the prompts of each request, and does something before some of its answers."""

    def __init__(self, script: Sequence[Line], *, before: Mapping[int, Hook] | None = None) -> None:
        super().__init__(script)
        self._before = before or {}
        self.heard: list[list[str]] = []

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Take note, and answer by the script."""
        self.heard.append(_prompts(messages))
        if self.asked + 1 in self._before:
            await self._before[self.asked + 1]()
        return await super().request(messages, model_settings, model_request_parameters)


def _prompts(messages: Sequence[ModelMessage]) -> list[str]:
    """What was said to the model by whoever, the opening aside."""
    return [
        str(part.content)
        for message in messages[1:]
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart)
    ]


class Hive:
    """A swarm of two LLM tasks, `t` and `u`, on the memory store."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.clock = ManualClock()
        self.chance = SeededChance(3)
        self.store = MemoryStore(self.clock, self.chance)

    async def submit(self) -> None:
        """Store the swarm."""
        charter = draw_charter("scripted", ["bee"], catalog=Catalog(roles={"bee": BEE}))
        (digest,) = await self.store.blobs.put([charter_bytes(charter)])
        request = SwarmRequest(
            objective="Gather", model="scripted", workspace=str(self.workspace), charter=digest
        )
        plan = Plan(tasks=tuple(TaskSpec(key=TaskKey(key), agent="bee") for key in "tu"))
        submission = Submission(
            command="c", digest="d", swarm=SwarmId("s"), request=request, plan=plan
        )
        await self.store.work.submit([submission])

    async def tell(self, text: str, *tasks: str) -> None:
        """Tell the swarm something."""
        await steer(self.store, "s", SwarmMove.TELL, *tasks, text=text, by="ann")

    async def claim(self) -> Grant:
        """Take the next task, from a dead attempt if there was one."""
        self.clock.advance(10)
        await self.store.leases.sweep()
        (grant,) = await self.store.work.claim(Offer(worker=WorkerId("w")), limit=1)
        return grant

    async def attempt(self, model: Ear, grant: Grant | None = None) -> Outcome:
        """Make one attempt with a model."""
        bench = Bench(
            store=self.store,
            clock=self.clock,
            chance=self.chance,
            performers={AgentKind.LLM: LoopPerformer(Asker(model_of=lambda _: model))},
        )
        return await attempt(grant or await self.claim(), bench)

    async def finish(self, model: Ear) -> None:
        """Make an attempt, and settle it."""
        grant = await self.claim()
        outcome = await self.attempt(model, grant)
        await self.store.work.settle([Settlement(token=grant.token, outcome=outcome)])

    async def steps(self, task: str = "t") -> list[str]:
        """The keys of a task's steps, in the order of their opening."""
        ref = TaskRef(swarm=SwarmId("s"), key=TaskKey(task))
        return [step.key for step in await self.store.journal.read(ref, run=1)]


@pytest.fixture
async def hive(folder: Path, write: Callable[..., Path]) -> Hive:
    """A hive that was submitted, on a workspace of one file."""
    write("a.py", "print(1)\n")
    hive = Hive(folder)
    await hive.submit()
    return hive


def words(text: str, *, whom: str = "") -> str:
    """What the model reads of a message of Ann's."""
    return f"{TOLD_HEADER} (ann){whom}:\n\n{text}"


async def test_a_live_agent_hears_at_its_next_turn(hive: Hive) -> None:
    """A message that comes while the model answers is in the next request, and stays."""

    async def tell() -> None:
        await hive.tell("Hurry")

    model = Ear([LOOK, LOOK, "Done."], before={1: tell})

    assert isinstance(await hive.attempt(model), Succeeded)

    assert model.heard == [[], [words("Hurry")], [words("Hurry")]]
    assert [key for key in await hive.steps() if "told" in key] == ["turn/2/told"]


async def test_what_starts_later_hears_all_so_far(hive: Hive) -> None:
    """A task that is claimed after two messages hears both before it is asked anything."""
    await hive.tell("First")
    await hive.tell("Second")
    model = Ear(["Done."])

    await hive.attempt(model)

    assert model.heard == [[words("First"), words("Second")]]
    assert await hive.steps() == ["turn/1/told", "turn/1/model"]


async def test_one_task_alone_may_be_told(hive: Hive) -> None:
    """What is for another task is not heard, and costs this one no step."""
    await hive.tell("You of u", "u")
    t, u = Ear(["Done."]), Ear(["Done."])

    await hive.finish(t)
    await hive.finish(u)

    assert (t.heard, u.heard) == ([[]], [[words("You of u", whom=", for your task alone")]])
    assert await hive.steps("t") == ["turn/1/model"]


async def test_what_others_are_told_does_not_shift_what_is_heard(hive: Hive) -> None:
    """A takeover goes through messages of others differently, and hears the same."""
    await hive.tell("You of u", "u")

    async def tell() -> None:
        await hive.tell("All")

    dying = Ear([LOOK, CancelledError()], before={1: tell})
    with pytest.raises(CancelledError):
        await hive.attempt(dying)
    model = Ear([LOOK, "Done."])

    assert isinstance(await hive.attempt(model), Succeeded)

    assert model.heard == [dying.heard[-1]] == [[words("All")]]


async def test_a_takeover_between_hearing_and_answer_asks_the_same(hive: Hive) -> None:
    """Killed after it heard and before the answer, it goes on with the same conversation."""

    async def tell() -> None:
        await hive.tell("Hurry")

    dying = Ear([LOOK, CancelledError()], before={1: tell})
    with pytest.raises(CancelledError):
        await hive.attempt(dying)
    await hive.tell("Too late for this turn")
    model = Ear([LOOK, LOOK, "Done."])

    assert isinstance(await hive.attempt(model), Succeeded)

    late = words("Too late for this turn")
    assert model.heard == [dying.heard[-1], [words("Hurry"), late]]
    assert dying.heard[-1] == [words("Hurry")]


async def test_a_request_that_was_begun_without_a_message_stays_so(hive: Hive) -> None:
    """A takeover of a request in flight hears what came since at the turn after it."""

    async def tell() -> None:
        await hive.tell("Hurry")

    dying = Ear([CancelledError()], before={1: tell})
    with pytest.raises(CancelledError):
        await hive.attempt(dying)
    model = Ear([LOOK, "Done."])

    assert isinstance(await hive.attempt(model), Succeeded)

    assert model.heard == [[], [words("Hurry")]]


async def test_a_turn_that_heard_and_was_not_asked_hears_more(hive: Hive) -> None:
    """Between hearing and asking nothing is settled yet: a takeover adds what came since."""
    await hive.tell("First")
    grant = await hive.claim()
    await _heard_only(hive, grant)
    await hive.tell("Second")
    model = Ear(["Done."])

    assert isinstance(await hive.attempt(model), Succeeded)

    assert model.heard == [[words("First"), words("Second")]]
    assert await hive.steps() == ["turn/1/told", "turn/1/told/2", "turn/1/model"]


class Gone(Asker):
    """Dies when a request is to be bounded, which is before it is announced."""

    @override
    def bill(self, *args: object, **kwargs: object) -> None:
        """Die."""
        raise CancelledError


async def _heard_only(hive: Hive, grant: Grant) -> None:
    """Make an attempt that dies once it has heard, before it asks."""

    bench = Bench(
        store=hive.store,
        clock=hive.clock,
        chance=hive.chance,
        performers={AgentKind.LLM: LoopPerformer(Gone(model_of=lambda _: Ear([])))},
    )
    with pytest.raises(CancelledError):
        await attempt(grant, bench)


async def test_a_turn_without_news_asks_the_store_for_nothing(
    hive: Hive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many messages there are comes with what is asked anyway."""
    asked: list[int] = []
    read = hive.store.registry.told

    async def counted(swarm: SwarmId, *, after: int = 0) -> object:
        asked.append(after)
        return await read(swarm, after=after)

    monkeypatch.setattr(hive.store.registry, "told", counted)

    await hive.attempt(Ear([LOOK, LOOK, "Done."]))

    assert asked == []


async def test_the_next_run_hears_from_the_beginning(hive: Hive) -> None:
    """A retry by a person begins anew, and hears what was told before it."""
    await hive.tell("First")
    await hive.finish(Ear(["Done."]))
    await steer(hive.store, "s", SwarmMove.REOPEN, "t")
    model = Ear(["Done."])

    await hive.attempt(model)

    assert model.heard == [[words("First")]]
