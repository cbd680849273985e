"""Guarded tools: a call waits for a person, is made as it was agreed to, and once."""

from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from typing_extensions import override

from skep.agent import charter as charters
from skep.agent.asking import Asker
from skep.agent.attempt import Bench, attempt
from skep.agent.catalog import Catalog, read_role
from skep.agent.charter import draw_charter
from skep.agent.guarding import APPROVAL_EXPIRES_S
from skep.agent.loop import LoopPerformer
from skep.agent.toolbox import Toolbox
from skep.agent.tools.shelf import SHELF
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.hive.opening import Parts
from skep.hive.registry import SwarmRegistry
from skep.records.approval import Approval, ApprovalState
from skep.records.errors import AgentFileInvalid, InvalidInput
from skep.records.ids import TaskKey, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.limits import DETAIL_BYTES_MAX
from skep.records.outcome import Blocked, Outcome, Settlement, Succeeded
from skep.records.role import Role
from skep.records.task import AgentKind, TaskSpec
from skep.records.values import Json
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.models import Line, ScriptedModel

BEE = Role(
    name="bee",
    description="Gathers.",
    instructions="You gather.",
    tools=("inventory", "read_file", "search"),
    approve=("read_file",),
)
READ: Line = [("read_file", {"path": "b.txt"})]


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
    """One task for a bee whose tools are guarded, worked on attempt by attempt."""

    def __init__(self, workspace: Path, *script: Line) -> None:
        self.workspace = workspace
        self.clock = ManualClock()
        self.chance = SeededChance(13)
        self.store = MemoryStore(self.clock, self.chance)
        self.model = Hearing(script)
        self.grant: Grant | None = None

    async def submit(self, role: Role = BEE, *, approve: Sequence[str] = ()) -> SwarmHandle:
        """Submit the task."""
        catalog = Catalog(roles={"bee": role})
        draw = partial(draw_charter, catalog=catalog, approve=approve)
        registry = SwarmRegistry(store=self.store, chance=self.chance, draw_charter=draw)
        fleet = Fleet(Parts(store=self.store, registry=registry, clock=self.clock))
        plan = [TaskSpec(key=TaskKey("t"), agent="bee")]
        return await fleet.submit("Gather", plan, model="m", workspace=str(self.workspace))

    async def attempt(self) -> Outcome:
        """Make one attempt, after a dead one if there was one."""
        self.clock.advance(10)
        await self.store.leases.sweep()
        (self.grant,) = await self.store.work.claim(Offer(worker=WorkerId("w")), limit=1)
        bench = Bench(
            store=self.store,
            clock=self.clock,
            chance=self.chance,
            performers={AgentKind.LLM: LoopPerformer(Asker(model_of=lambda _: self.model))},
        )
        return await attempt(self.grant, bench)

    async def worked(self) -> Outcome:
        """Make one attempt and store what it came to."""
        outcome = await self.attempt()
        assert self.grant is not None
        await self.store.work.settle([Settlement(token=self.grant.token, outcome=outcome)])
        return outcome

    async def recorded(self) -> list[str]:
        """The keys of the steps whose tools were called."""
        assert self.grant is not None
        steps = await self.store.journal.read(self.grant.token.ref, run=1)
        return sorted(s.key for s in steps if s.value and s.key.startswith("turn/1/tool"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were really read, call by call."""
    made: list[str] = []
    real = Toolbox.use

    async def use(self: Toolbox, name: str, args: Mapping[str, Any]) -> Json:
        if name == "read_file":
            made.append(str(args["path"]))
        return await real(self, name, args)

    monkeypatch.setattr(Toolbox, "use", use)
    return made


@pytest.fixture
def open_desk(folder: Path, write: Callable[..., Path]) -> Callable[..., Desk]:
    """Open a desk on a workspace of two files."""
    write("a.py", "print(1)\n")
    write("b.txt", "hello\n")
    return partial(Desk, folder)


async def only(swarm: SwarmHandle) -> Approval:
    """The one question that stands."""
    (approval,) = await swarm.approvals()
    return approval


async def test_a_guarded_call_waits_for_a_person_and_is_made_once(
    open_desk: Callable[..., Desk], calls: list[str]
) -> None:
    """Nothing is called before the answer; afterwards the very call is, and no model asked anew."""
    desk = open_desk(READ, "It says hello.")
    swarm = await desk.submit()
    outcome = await desk.worked()
    approval = await only(swarm)
    before = [*calls]
    await swarm.approve(approval.id, by="ann")

    done = await desk.worked()

    assert isinstance(outcome, Blocked)
    assert outcome.awaits == (approval.id,)
    assert approval.question == ('Let bee call read_file(path="b.txt", first_line=1, lines=400)?')
    arguments: Json = {"path": "b.txt", "first_line": 1, "lines": 400}
    assert approval.detail == {"tool": "read_file", "arguments": arguments}
    assert approval.expires_at == approval.asked_at + APPROVAL_EXPIRES_S
    assert isinstance(done, Succeeded), done
    assert (before, calls, desk.model.asked) == ([], ["b.txt"], 2)
    assert "hello" in desk.model.told


@pytest.mark.parametrize("way", ["denied", "expired"])
async def test_a_call_that_nobody_approves_is_not_made_and_the_model_is_told(
    open_desk: Callable[..., Desk], calls: list[str], way: str
) -> None:
    """It hears who denied it and why, or that nobody answered in time, and goes on."""
    desk = open_desk(READ, "Then not.")
    swarm = await desk.submit(replace(BEE, approval_expires_s=60.0))
    await desk.worked()
    if way == "denied":
        await swarm.deny((await only(swarm)).id, by="ann", reason="it is secret")
    else:
        desk.clock.advance(60)

    done = await desk.worked()

    said = {"denied": "ann denied this call of read_file: it is secret", "expired": "in time"}
    assert isinstance(done, Succeeded), done
    assert done.value == {"text": "Then not."}
    assert calls == []
    assert said[way] in desk.model.told
    assert "outcome='denied'" in desk.model.told


async def test_calls_of_one_turn_ask_at_once_and_hold_no_other_back(
    open_desk: Callable[..., Desk], calls: list[str]
) -> None:
    """What needs no leave is done and recorded; each other call has a decision of its own."""
    turn: Line = [
        ("inventory", {}),
        ("read_file", {"path": "b.txt"}),
        ("read_file", {"path": "a.py"}),
    ]
    desk = open_desk(turn, "Done.")
    swarm = await desk.submit()
    outcome = await desk.worked()
    first = await desk.recorded()
    asked = {str(each.detail): each.id for each in await swarm.approvals()}
    await swarm.approve(next(asked[each] for each in asked if "b.txt" in each), by="ann")
    half = await desk.worked()
    await swarm.deny(next(asked[each] for each in asked if "a.py" in each), by="ann")

    done = await desk.worked()

    assert isinstance(outcome, Blocked)
    assert set(outcome.awaits) == set(asked.values())
    assert first == ["turn/1/tool/0:inventory"]
    assert isinstance(half, Blocked)
    assert len(half.awaits) == 1
    assert isinstance(done, Succeeded), done
    assert calls == ["b.txt"]


async def test_the_same_call_again_is_another_question(
    open_desk: Callable[..., Desk], calls: list[str]
) -> None:
    """A decision is used once."""
    desk = open_desk(READ, READ, "Done.")
    swarm = await desk.submit()
    await desk.worked()
    await swarm.approve((await only(swarm)).id, by="ann")

    again = await desk.worked()

    assert isinstance(again, Blocked)
    assert calls == ["b.txt"]
    assert (await only(swarm)).key == "approval/turn/2/tool/0:read_file"


async def test_a_death_after_the_call_costs_neither_it_nor_the_answer(
    open_desk: Callable[..., Desk], calls: list[str]
) -> None:
    """The takeover finds the decision and the result, and asks nobody again."""
    desk = open_desk(READ, CancelledError())
    swarm = await desk.submit()
    await desk.worked()
    await swarm.approve((await only(swarm)).id, by="ann")
    with pytest.raises(CancelledError):
        await desk.attempt()
    desk.model = Hearing([READ, "Done."])

    done = await desk.worked()

    assert isinstance(done, Succeeded), done
    assert calls == ["b.txt"], "the recorded call was not made again"
    assert len(await swarm.approvals(state=ApprovalState.APPROVED)) == 1
    assert await swarm.approvals() == []


async def test_a_death_amid_the_call_makes_it_again_and_asks_nobody(
    open_desk: Callable[..., Desk], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that only reads is repeated under the decision that it was begun with."""
    desk = open_desk(READ, "Done.")
    swarm = await desk.submit()
    await desk.worked()
    await swarm.approve((await only(swarm)).id, by="ann")

    async def die(self: Toolbox, name: str, args: Mapping[str, Any]) -> Json:
        raise CancelledError(self, name, args)

    with monkeypatch.context() as dying:
        dying.setattr(Toolbox, "use", die)
        with pytest.raises(CancelledError):
            await desk.attempt()

    done = await desk.worked()

    assert isinstance(done, Succeeded), done
    assert calls == ["b.txt"]
    assert await swarm.approvals() == []


async def test_a_call_that_does_not_fit_is_asked_of_nobody(
    open_desk: Callable[..., Desk], calls: list[str]
) -> None:
    """Wrong arguments, and those too large to be judged, go back to the model at once."""
    large = [("read_file", {"path": "x" * DETAIL_BYTES_MAX})]
    desk = open_desk([("read_file", {})], large, "Done.")
    swarm = await desk.submit()

    done = await desk.worked()

    assert isinstance(done, Succeeded), done
    assert "which nobody can judge" in desk.model.told
    assert (await swarm.approvals(state=None), calls) == ([], [])


async def test_settings_and_tools_guard_what_no_role_does(
    open_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The charter notes for each role all its tools that are guarded, whoever said so."""
    guarded = {**SHELF, "search": replace(SHELF["search"], is_guarded=True)}
    monkeypatch.setattr(charters, "SHELF", guarded)
    catalog = Catalog(roles={"bee": BEE})

    charter = draw_charter("m", ["bee"], catalog=catalog, approve=["inventory", "todos"])

    assert charter.roles["bee"].approve == ("inventory", "read_file", "search")
    with pytest.raises(InvalidInput, match="no tool called 'raed_file'"):
        draw_charter("m", ["bee"], catalog=catalog, approve=["raed_file"])
    swarm = await (desk := open_desk([("inventory", {})])).submit(approve=["inventory"])
    assert isinstance(await desk.worked(), Blocked)
    assert (await only(swarm)).question == "Let bee call inventory(top=10)?"


def role_file(*lines: str) -> str:
    """The text of a role's file with more front matter."""
    return "\n".join(("---", "name: bee", "tools: [read_file]", *lines, "---", "Gather."))


def test_a_role_says_what_is_to_be_approved_and_for_how_long() -> None:
    """A tool that the role does not have, and a length that is none, are refused."""
    role, odd = read_role(role_file("approve: [read_file]", "approval_expires: 2h"), source="x")

    assert (role.approve, role.approval_expires_s, odd) == (("read_file",), 7_200.0, [])
    for wrong in ("approve: [raed_file]", "approval_expires: soon", "approval_expires: 31d"):
        with pytest.raises(AgentFileInvalid):
            read_role(role_file(wrong), source="x")
