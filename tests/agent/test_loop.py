"""The loop: prompt, model, tools, model, …, each journaled, and what goes wrong in between."""

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from typing_extensions import override

from skep.agent import toolbox
from skep.agent.asking import Asker
from skep.agent.attempt import Bench, attempt
from skep.agent.catalog import Catalog
from skep.agent.charter import draw_charter
from skep.agent.loop import TURNS_MAX, LoopPerformer
from skep.agent.messages import written
from skep.agent.tools.shelf import SHELF
from skep.drivers.memory import MemoryStore
from skep.records.codec import charter_bytes
from skep.records.command import Submission
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Failed, Outcome, Retried, Succeeded
from skep.records.role import Role
from skep.records.step import Record
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import AgentKind, TaskSpec
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.models import Line, ScriptedModel

BEE = Role(
    name="bee",
    description="Gathers.",
    instructions="You gather.",
    tools=("inventory", "read_file"),
)


class Hive:
    """One LLM task on a workspace, attempted with scripted models."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.clock = ManualClock()
        self.chance = SeededChance(11)
        self.store = MemoryStore(self.clock, self.chance)

    async def submit(self) -> None:
        """Store a swarm whose one task is for the bee."""
        charter = draw_charter("scripted", ["bee"], catalog=Catalog(roles={"bee": BEE}))
        (digest,) = await self.store.blobs.put([charter_bytes(charter)])
        request = SwarmRequest(
            objective="Gather",
            model="scripted",
            workspace=str(self.workspace),
            charter=digest,
        )
        plan = Plan(tasks=(TaskSpec(key=TaskKey("t"), agent="bee"),))
        submission = Submission(
            command="c", digest="d", swarm=SwarmId("s"), request=request, plan=plan
        )
        await self.store.work.submit([submission])

    async def claim(self) -> Grant:
        """Take the task, from a dead attempt if there was one."""
        self.clock.advance(10)
        await self.store.leases.sweep()
        (grant,) = await self.store.work.claim(Offer(worker=WorkerId("w")), limit=1)
        return grant

    async def attempt(self, model: ScriptedModel) -> Outcome:
        """Make one attempt with a model."""
        return await attempt(await self.claim(), self.bench(model))

    def bench(self, model: ScriptedModel) -> Bench:
        """A bench whose LLM agents ask this model."""
        return Bench(
            store=self.store,
            clock=self.clock,
            chance=self.chance,
            performers={AgentKind.LLM: LoopPerformer(Asker(model_of=lambda _: model))},
        )

    async def run(self, *script: Line) -> Outcome:
        """Submit, and make one attempt by a script."""
        await self.submit()
        return await self.attempt(ScriptedModel(script))


class Silent(ScriptedModel):
    """A model that is asked and never answers."""

    def __init__(self, script: Sequence[Line]) -> None:
        super().__init__(script)
        self.begun = asyncio.Event()

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError


class Overtaken(ScriptedModel):
    """A model that, before it answers, lets an earlier attempt record its own answer."""

    def __init__(self, hive: Hive, dead: Grant, script: Sequence[Line]) -> None:
        super().__init__(script)
        self._hive = hive
        self._dead = dead

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        journal = self._hive.store.journal
        (step,) = await journal.read(self._dead.token.ref, run=1)
        record = Record(
            token=self._dead.token,
            key=step.key,
            fingerprint=step.fingerprint,
            value=written(ModelResponse(parts=[TextPart("I came first.")])),
        )
        await journal.write([record])
        return await super().request(messages, model_settings, model_request_parameters)


@pytest.fixture
def hive(folder: Path, write: Callable[..., Path]) -> Hive:
    """A hive on a workspace of two files."""
    write("a.py", "print(1)\n")
    write("b.txt", "hello\n")
    return Hive(folder)


def value_of(outcome: Outcome) -> object:
    """The value of an attempt that succeeded."""
    assert isinstance(outcome, Succeeded), outcome
    return outcome.value


async def test_an_answer_without_a_call_is_the_result(hive: Hive) -> None:
    """A model that needs no tool is asked once."""
    assert value_of(await hive.run("All is well.")) == {"text": "All is well."}


async def test_tools_are_really_called_and_their_results_kept(hive: Hive) -> None:
    """Two calls of one turn run on the workspace, and leave what they found as artefacts."""
    outcome = await hive.run(
        [("inventory", {"top": 1}), ("read_file", {"path": "b.txt"})], "Two files."
    )

    assert value_of(outcome) == {"text": "Two files."}
    assert isinstance(outcome, Succeeded)
    assert [artifact.name for artifact in outcome.artifacts] == ["findings/inventory.json"]
    found = await hive.store.blobs.get(outcome.artifacts[0].digest)
    assert b'"files":2' in found


async def test_every_request_and_call_is_one_step(hive: Hive) -> None:
    """The journal has the logical path of each, in the order in which they were made."""
    await hive.run([("inventory", {}), ("inventory", {"top": 2})], "Done.")

    (task,) = await hive.store.registry.tasks(SwarmId("s"))
    steps = await hive.store.journal.read(task.ref, run=1)
    assert sorted(step.key for step in steps) == [
        "turn/1/model",
        "turn/1/tool/0:inventory",
        "turn/1/tool/1:inventory",
        "turn/2/model",
    ]


async def test_a_takeover_asks_only_what_has_no_recorded_answer(hive: Hive) -> None:
    """The second attempt replays the first one's turn and goes on where it died."""
    await hive.submit()
    dying = ScriptedModel([[("inventory", {})], CancelledError()])
    with pytest.raises(CancelledError):
        await hive.attempt(dying)
    heir = ScriptedModel([[("inventory", {})], "Two files."])

    outcome = await hive.attempt(heir)

    assert value_of(outcome) == {"text": "Two files."}
    assert (dying.asked, heir.asked) == (2, 1)


async def test_the_answer_that_stands_in_the_store_is_used(hive: Hive) -> None:
    """Where a dead attempt's answer came in first, that one counts and not the one just made."""
    await hive.submit()
    dead, silent = await hive.claim(), Silent([])
    frozen = asyncio.create_task(attempt(dead, hive.bench(silent)))
    await silent.begun.wait()
    grant = await hive.claim()
    model = Overtaken(hive, dead, ["I am too late."])

    outcome = await attempt(grant, hive.bench(model))

    assert value_of(outcome) == {"text": "I came first."}
    frozen.cancel()
    assert model.asked == 1


async def test_a_call_that_does_not_fit_goes_back_to_the_model(hive: Hive) -> None:
    """Unknown tools, wrong arguments and refused files are told to the model, which tries again."""
    outcome = await hive.run(
        [("fly", {}), ("inventory", {"top": "many"}), ("read_file", {"path": "../../etc/passwd"})],
        [("read_file", {"path": "b.txt"})],
        "It says hello.",
    )

    assert value_of(outcome) == {"text": "It says hello."}


async def test_a_model_that_never_stops_asking_is_given_up(hive: Hive) -> None:
    """After the named number of turns the task fails for good."""
    outcome = await hive.run([("inventory", {})])

    assert isinstance(outcome, Failed)
    assert str(TURNS_MAX) in outcome.failure.message


async def test_a_model_that_answers_with_nothing_is_told_so_and_then_given_up(hive: Hive) -> None:
    """An empty answer is no result; one of text after it is."""
    empty = await hive.run("", "", "At last.")
    assert value_of(empty) == {"text": "At last."}

    other = Hive(hive.workspace)
    assert isinstance(await other.run("", "", "", ""), Failed)


async def test_a_broken_connection_is_tried_again(hive: Hive) -> None:
    """What the network did is transient: the task rests and comes back."""
    outcome = await hive.run(ConnectionResetError("reset by peer"))

    assert isinstance(outcome, Retried)
    assert outcome.failure.message == "reset by peer"


async def test_a_defect_of_the_model_adapter_is_not_tried_again(hive: Hive) -> None:
    """An error that is nobody's network is permanent."""
    assert isinstance(await hive.run(ValueError("odd")), Failed)


async def test_a_changed_question_diverges_instead_of_getting_the_old_answer(hive: Hive) -> None:
    """A takeover that would ask something else than its predecessor did stops, and says so."""
    await hive.submit()
    with pytest.raises(CancelledError):
        await hive.attempt(ScriptedModel([[("inventory", {})], CancelledError()]))
    swarm = await hive.store.registry.swarm(SwarmId("s"))
    changed = replace(BEE, instructions="You build.")
    charter = draw_charter("scripted", ["bee"], catalog=Catalog(roles={"bee": changed}))
    bench = replace(
        hive.bench(ScriptedModel(["x"])), charters={str(swarm.request.charter): charter}
    )

    outcome = await attempt(await hive.claim(), bench)

    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "diverged"


@pytest.mark.parametrize("error", [ModelRetry("Ask for less."), ToolFailed("Ask for less.")])
async def test_a_tool_may_send_the_model_back(
    error: Exception, hive: Hive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a tool says by `ModelRetry` or `ToolFailed` is told to the model, and journaled."""

    def refuse(*_: object, **__: object) -> Mapping[str, object]:
        raise error

    refusing = replace(SHELF["inventory"], run=refuse)
    await hive.submit()
    monkeypatch.setattr(toolbox, "SHELF", {**SHELF, "inventory": refusing})
    outcome = await hive.attempt(ScriptedModel([[("inventory", {})], "Then not."]))

    assert value_of(outcome) == {"text": "Then not."}
    (task,) = await hive.store.registry.tasks(SwarmId("s"))
    steps = {step.key: step.value for step in await hive.store.journal.read(task.ref, run=1)}
    assert steps["turn/1/tool/0:inventory"] == '{"$failed":"Ask for less."}'
