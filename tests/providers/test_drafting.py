"""Plans that a provider's model drafts, over real HTTP, and in processes that are killed."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from subprocess import TimeoutExpired

import pytest
from tests.cli.shell import Result, Shell, files_into
from tests.providers.scenario import PROTOCOLS, Asked, Protocol, Says, Scene, Waits
from tests.providers.stub import Stub

import skep
from skep.agent.returns import FINAL_RESULT, REPAIRS_MAX
from skep.records.values import Json

OBJECTIVE = "Review the shop"
UNPRICED = ("--budget-usd", "none")
"""Nobody knows what a stub costs."""


def row(key: str, *after: str, agent: str = "researcher") -> dict[str, Json]:
    """One task of a draft."""
    done = {"title": f"Do {key}", "instructions": f"Do {key} well."}
    return {"key": key, "agent": agent, **done, "after": [*after]}


def drafts(*rows: dict[str, Json]) -> Says:
    """The model hands in a draft."""
    return Says(calls=[(FINAL_RESULT, {"tasks": [*rows]})])


GOOD = drafts(row("menu"), row("till"), row("join", "menu", "till", agent="synthesizer"))
CYCLE = drafts(row("egg", "hen"), row("hen", "egg"))


def is_planner(asked: Asked) -> bool:
    """Whether a request is for a draft."""
    return FINAL_RESULT in asked.tools


@pytest.mark.parametrize("streams", ["on", "off"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_drafted_plan_is_mended_and_worked_on(
    protocol: Protocol, streams: str, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each protocol the model is told what is wrong, and what it hands in then is done."""
    monkeypatch.setenv("SKEP_MODEL_STREAM", streams)

    await mended_and_worked_on("memory:", protocol, sample, monkeypatch)


async def test_a_drafted_plan_is_worked_on_wherever_it_is_kept(
    shared_store: str, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stores that outlive a process take a draft as the one in memory does."""
    await mended_and_worked_on(shared_store, "anthropic", sample, monkeypatch)


async def mended_and_worked_on(
    store: str, protocol: Protocol, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hand in an objective, have its first draft mended, and see that the second is done."""

    def play(asked: Asked) -> Scene:
        if is_planner(asked):
            return GOOD if asked.results else CYCLE
        return Says(text="All is well.")

    async with Stub(play) as stub:
        for name, text in stub.environment.items():
            monkeypatch.setenv(name, text)
        async with skep.open(store) as hive:
            swarm = await hive.submit(
                OBJECTIVE, workspace=str(sample), model=f"{protocol}:stub", given="by noon"
            )
            result = await swarm.result()
            tasks = await swarm.tasks()
        await stub.emptied()

    assert result == {"text": "All is well."}
    assert [task.ref.key for task in tasks] == ["plan", "menu", "till", "join"]
    first, second = (asked for asked in stub.ledger if is_planner(asked))
    offered = first.tools[FINAL_RESULT]["properties"]["tasks"]["items"]["properties"]["agent"]
    assert {"researcher", "synthesizer"} <= set(offered["enum"])
    assert "Maps a code base" in first.text, "what the agents on offer are for"
    assert "egg -> hen -> egg" in second.results[-1]
    assert "by noon" in stub.ledger[-2].text


class Shop:
    """A shell in a small folder, whose models a stub plays."""

    def __init__(self, folder: Path, stub: Stub, *, store: str = "") -> None:
        self.stub = stub
        environment = {**stub.environment, **({"SKEP_STORE": store} if store else {})}
        self.shell = Shell(folder=files_into(folder), environment=environment)

    async def skep(self, *arguments: str, **variables: str) -> Result:
        """Run a command to its end."""
        return await asyncio.to_thread(self.shell.skep, *arguments, **variables)

    async def killed_amid(self, *arguments: str, asked: int) -> None:
        """Begin a command, and kill it -9 once so many requests have come in."""
        begun = self.shell.begin(*arguments)
        while len(self.stub.ledger) < asked:
            with suppress(TimeoutExpired):
                await asyncio.to_thread(begun.process.wait, 0.05)
                raise AssertionError(begun.end())
        begun.send(SIGKILL)
        await asyncio.to_thread(begun.end)

    def asked_for_drafts(self) -> Sequence[Asked]:
        """The requests of the planner."""
        return [asked for asked in self.stub.ledger if is_planner(asked)]


@pytest.mark.slow
async def test_a_draft_that_was_recorded_is_not_paid_again(
    tmp_path: Path, shared_store: str
) -> None:
    """Killed amid the draft and amid the work, the run asks again only what nobody answered."""
    scenes: list[Scene] = []

    def play(asked: Asked) -> Scene:
        del asked
        return scenes.pop(0) if len(scenes) > 1 else scenes[0]

    async with Stub(play) as stub:
        shop = Shop(tmp_path / "shop", stub, store=shared_store)
        scenes[:] = [Says(calls=[("list_files", {})]), Waits(when="at once")]
        run = ("run", OBJECTIVE, "--model", "openai-chat:stub", "--yes", *UNPRICED)
        await shop.killed_amid(*run, asked=2)
        scenes[:] = [GOOD, Waits(when="at once")]
        await shop.killed_amid("resume", "last", asked=4)
        paid = len(shop.asked_for_drafts())
        scenes[:] = [Says(text="All is well.")]
        done = await shop.skep("resume", "last", "--json")

    assert done.code == 0, done.err
    assert [task["key"] for task in done.json["tasks"]] == ["plan", "menu", "till", "join"]
    look, lost, again = shop.asked_for_drafts()
    assert paid == 3, "the look round once, the draft once more than was answered"
    assert (len(look.results), len(lost.results), len(again.results)) == (0, 1, 1)


@pytest.mark.slow
async def test_a_plan_is_shown_before_it_is_run(tmp_path: Path) -> None:
    """The preview keeps nothing but the file that it is told to write, which can be run."""

    def play(asked: Asked) -> Scene:
        return GOOD if is_planner(asked) else Says(text="All is well.")

    async with Stub(play) as stub:
        shop = Shop(tmp_path / "shop", stub)
        model = ("--model", "anthropic:stub", "--yes")
        shown = await shop.skep("plan", OBJECTIVE, *model, "--out", "plan.json")
        asked = len(stub.ledger)
        kept = (shop.shell.folder / ".skep" / "skep.db").exists()
        run = await shop.skep("run", "--plan", "plan.json", "--model", "offline", "--json")

    assert shown.code == 0, shown.err
    assert "Stage 1: 2 tasks side by side" in shown.out
    assert "skep run --plan plan.json --model anthropic:stub" in shown.out
    assert (asked, kept) == (1, False)
    assert run.code == 0, run.err
    assert [task["key"] for task in run.json["tasks"]] == ["menu", "till", "join"]


@pytest.mark.slow
async def test_what_no_model_drafted_is_said_and_nothing_steps_in(tmp_path: Path) -> None:
    """Preview and run end with the reason; a template works only where it is asked for."""

    def play(asked: Asked) -> Scene:
        return CYCLE if is_planner(asked) else Says(text="All is well.")

    async with Stub(play) as stub:
        shop = Shop(tmp_path / "shop", stub)
        model = ("--model", "openai-responses:stub", "--yes")
        shown = await shop.skep("plan", OBJECTIVE, *model, "--json")
        asked = len(stub.ledger)
        run = await shop.skep("run", OBJECTIVE, *model, *UNPRICED, "--json")
        templates = ("--planner", "template", "--json")
        template = await shop.skep("run", OBJECTIVE, *model, *UNPRICED, *templates)

    assert (shown.code, shown.json["error"]["code"]) == (1, "plan_not_drafted")
    assert "egg -> hen -> egg" in shown.json["error"]["message"]
    assert shown.json["error"]["message"].count("drafted no plan") == 1
    assert asked == REPAIRS_MAX + 1
    assert run.code == 1
    assert "egg -> hen -> egg" in json.dumps(run.json)
    assert template.code == 0, template.err
    assert template.json["tasks"][0]["key"] == "inventory"


@pytest.mark.slow
async def test_who_hands_a_run_in_needs_no_key(tmp_path: Path, shared_store: str) -> None:
    """The key is the worker's: it drafts the plan, and works on it."""

    def play(asked: Asked) -> Scene:
        return GOOD if is_planner(asked) else Says(text="All is well.")

    async with Stub(play) as stub:
        shop = Shop(tmp_path / "shop", stub, store=shared_store)
        keyless = dict.fromkeys(stub.environment, "")
        run = ("run", OBJECTIVE, "--detach", "--model", "openai-chat:stub", *UNPRICED)
        handed_in = await shop.skep(*run, "--json", **keyless)
        unknown = await shop.skep("run", "x", "--detach", "--model", "acme:giant", "--json")
        begun = shop.shell.begin("work")
        watched = await shop.skep("swarm", "watch", "last")
        begun.process.terminate()
        await asyncio.to_thread(begun.end)

    assert handed_in.code == 0, handed_in.err
    assert unknown.json["error"]["code"] == "model_unknown"
    assert watched.code == 0, watched.err
    assert len(shop.asked_for_drafts()) == 1
