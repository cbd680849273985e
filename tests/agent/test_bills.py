"""Calls that are paid for: what their bills reserve, settle and give back."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from pydantic_ai.messages import (
    FinishReason,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import RequestUsage

from skep.agent.asking import Asker
from skep.agent.attempt import Bench, attempt
from skep.agent.catalog import Catalog
from skep.agent.charter import draw_charter
from skep.agent.failures import AttemptFailed
from skep.agent.journal import Bill, PurseEmpty, PurseWaits, RunJournal
from skep.agent.loop import LoopPerformer
from skep.agent.prices import Prices
from skep.hive.fleet import Fleet
from skep.hive.opening import Parts
from skep.hive.registry import SwarmRegistry
from skep.records.ids import TaskKey
from skep.records.outcome import HandedBack
from skep.records.purse import Amount, Budget, Purse
from skep.records.role import Role
from skep.records.step import Effect
from skep.records.swarm import SwarmStatus
from skep.records.task import AgentKind, TaskSpec
from skep.testing.acts import claim_one, submit
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.memory import MemoryHarness
from skep.testing.models import ScriptedModel
from skep.testing.samples import task

ONE = Amount(requests=1, tokens=100, nano_usd=7)
USED = Amount(requests=1, tokens=60, nano_usd=4)
SONNET = "anthropic:claude-sonnet-4-6"


@pytest.fixture
async def store() -> AsyncIterator[InspectableStore]:
    """A store in memory."""
    async with await MemoryHarness().open(clock=ManualClock(), chance=SeededChance(1)) as opened:
        yield opened


async def journal_of(store: InspectableStore, budget: Budget) -> RunJournal:
    """Begin the one task of swarm `s`."""
    await submit(store, "s", task("a"), budget=budget)
    token = (await claim_one(store)).token
    return RunJournal(
        store.journal, store.blobs, token=token, clock=ManualClock(), chance=SeededChance(2)
    )


async def purse_of(store: InspectableStore) -> Purse:
    """Read its purse."""
    return (await store.registry.swarms())[0].purse


async def test_a_call_is_settled_by_what_it_took(store: InspectableStore) -> None:
    """What the call told its bill is spent, and nothing stays reserved."""
    journal, bill = await journal_of(store, Budget(requests=1)), Bill(reserve=ONE)

    async def call() -> str:
        assert (await purse_of(store)).reserved == ONE
        bill.take(USED, "m")
        return "answer"

    await journal.step("k", "q", call, effect=Effect.PURE, bill=bill)

    purse = await purse_of(store)
    assert (purse.spent, purse.open) == (USED, 0)


@pytest.mark.parametrize(("taken", "spent"), [(None, Amount()), (USED, USED)])
async def test_a_call_that_raises_lapses(
    store: InspectableStore, taken: Amount | None, spent: Amount
) -> None:
    """Refused unpaid it gives its reservation back; paid without an answer it is charged."""
    journal, bill = await journal_of(store, Budget(requests=2)), Bill(reserve=ONE)

    async def call() -> str:
        if taken is not None:
            bill.take(taken, "m")
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await journal.step("k", "q", call, effect=Effect.PURE, bill=bill)

    purse = await purse_of(store)
    assert (purse.spent, purse.open) == (spent, 0)


async def test_what_does_not_fit_is_not_called(store: InspectableStore) -> None:
    """With another call under way it waits, with none the purse is empty."""
    journal, first = await journal_of(store, Budget(requests=1)), Bill(reserve=ONE)

    async def never() -> str:
        raise AssertionError

    async def other() -> str:
        with pytest.raises(PurseWaits):
            await journal.step("b", "q", never, effect=Effect.PURE, bill=Bill(reserve=ONE))
        first.take(ONE, "m")
        return "answer"

    await journal.step("a", "q", other, effect=Effect.PURE, bill=first)

    with pytest.raises(PurseEmpty):
        await journal.step("c", "q", never, effect=Effect.PURE, bill=Bill(reserve=ONE))


def test_a_model_in_the_list_has_its_price() -> None:
    """A thousand tokens asked of Sonnet and a thousand answered cost what the list says."""
    price = Prices().of(SONNET, input_tokens=1_000, output_tokens=1_000)

    assert price == 18_000_000


@pytest.mark.parametrize("model", ["anthropic:nobody-knows", "nobody:knows"])
def test_an_unknown_price_is_not_zero(model: str) -> None:
    """A model that is not in the list has no price at all."""
    assert Prices().of(model, input_tokens=1, output_tokens=1) is None


@pytest.mark.parametrize("text", ["word " * 2_000, "é" * 2_000, "7 3 " * 2_000])
def test_the_worst_case_covers_the_text(text: str) -> None:
    """As many tokens are reserved as providers make of a text: two ASCII bytes each at most."""
    asked = [ModelRequest.user_text_prompt(text)]

    worst = Prices().worst_case(SONNET, asked, ModelRequestParameters(), answer_tokens_max=10)

    assert worst.tokens >= len(text) // 2 + 10
    assert worst.nano_usd is not None
    assert worst.nano_usd > 0


def test_an_answer_without_usage_takes_the_worst_case() -> None:
    """Nobody knows what it took, so all that was reserved is spent."""
    answer = ModelResponse(parts=[TextPart("hello")])

    assert Prices().used(SONNET, answer, worst=ONE) == ONE


def test_an_answer_takes_what_its_provider_tells() -> None:
    """Tokens in and out together, at the price of each."""
    usage = RequestUsage(input_tokens=1_000, output_tokens=100)
    answer = ModelResponse(parts=[TextPart("hello")], usage=usage)

    used = Prices().used(SONNET, answer, worst=ONE)

    assert used == Amount(requests=1, tokens=1_100, nano_usd=4_500_000)


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (TextPart("honey " * 2), 6),
        (TextPart("é" * 3), 6),
        (ThinkingPart("ab" * 5), 5),
        (ToolCallPart("search", '{"a":1}'), 6),
        (TextPart("long " * 1_000), 50),
    ],
    ids=["said", "not ASCII", "thought", "called", "longer than allowed"],
)
def test_a_cut_answer_takes_what_came_of_it(part: ModelResponsePart, tokens: int) -> None:
    """What its provider was asked, and all that came, counted as in the worst case."""
    answer = ModelResponse(parts=[part], usage=RequestUsage(input_tokens=1_000, output_tokens=1))

    seen = Prices().seen(SONNET, answer, worst=ONE, answer_tokens_max=50)

    price = 3_000 * 1_000 + 15_000 * tokens
    assert seen == Amount(requests=1, tokens=1_000 + tokens, nano_usd=price)


@pytest.mark.parametrize(
    ("usage", "finish", "tokens"),
    [
        (RequestUsage(input_tokens=10, output_tokens=2), "stop", 12),
        (RequestUsage(input_tokens=10, output_tokens=99), None, 109),
        (RequestUsage(output_tokens=2), "stop", ONE.tokens),
        (RequestUsage(), None, ONE.tokens),
    ],
    ids=["its last word came", "it told more than came", "nothing of what was asked", "nothing"],
)
def test_a_cut_answer_takes_what_its_provider_told(
    usage: RequestUsage, finish: FinishReason | None, tokens: int
) -> None:
    """The figures at its end stand; where none tells what was asked it is the worst case."""
    parts = [TextPart("hello, said the bee")]
    answer = ModelResponse(parts=parts, usage=usage, finish_reason=finish)

    assert Prices().seen(SONNET, answer, worst=ONE, answer_tokens_max=50).tokens == tokens


def test_an_answer_that_nobody_saw_takes_the_worst_case() -> None:
    """Nothing came, and it may be on the bill all the same."""
    assert Prices().seen(SONNET, None, worst=ONE, answer_tokens_max=50) == ONE


async def test_a_limit_that_is_set_later_holds_for_a_free_model(store: InspectableStore) -> None:
    """A swarm that began without a limit stops at the one it was given since."""
    bee = Role(name="bee", description="", instructions="You gather.")
    draw = partial(draw_charter, catalog=Catalog(roles={"bee": bee}))
    registry = SwarmRegistry(store=store, chance=SeededChance(3), draw_charter=draw)
    plan = [TaskSpec(key=TaskKey("t"), agent="bee")]
    model = ScriptedModel(["hello"])
    fleet = Fleet(Parts(store=store, registry=registry, clock=ManualClock()))
    swarm = await fleet.submit("Gather", plan, model="own")
    await swarm.raise_budget(budget_requests=0)
    bench = Bench(
        store=store,
        clock=ManualClock(),
        chance=SeededChance(4),
        performers={AgentKind.LLM: LoopPerformer(Asker(model_of=lambda _: model))},
    )

    outcome = await attempt(await claim_one(store), bench)

    assert isinstance(outcome, HandedBack), outcome
    assert (model.asked, (await swarm.state()).status) == (0, SwarmStatus.PAUSED)


def asker() -> Asker:
    """Asks models of one's own."""
    return Asker(model_of=lambda _: ScriptedModel(["hello"]))


def test_a_free_model_needs_no_bill() -> None:
    """Without a limit on requests a free model reserves nothing."""
    bill = asker().bill(["own"], [], ModelRequestParameters(), budget=Budget(nano_usd=1))

    assert bill is None


def test_a_free_model_takes_requests_that_are_limited() -> None:
    """It costs nothing, and is known to."""
    bill = asker().bill(["own"], [], ModelRequestParameters(), budget=Budget(requests=1))

    assert bill == Bill(reserve=Amount(requests=1))


def test_a_chain_reserves_for_all_its_models() -> None:
    """Each may take money and give no answer."""
    provided = Asker(model_of=lambda _: ScriptedModel([]), is_provided=lambda _: True)
    none = ModelRequestParameters()

    one = provided.bill([SONNET], [], none, budget=Budget())
    two = provided.bill([SONNET, SONNET], [], none, budget=Budget())

    assert one is not None
    assert two is not None
    assert two.reserve == one.reserve + one.reserve


async def test_a_failure_that_may_have_cost_is_charged() -> None:
    """After a fault that is no refusal the worst case of the model counts as taken."""

    def broken(_: str) -> ScriptedModel:
        raise OSError

    bill = Bill(reserve=ONE)

    with pytest.raises(AttemptFailed):
        await Asker(model_of=broken).ask(
            ["own"], [], ModelRequestParameters(), now=lambda: 0.0, bill=bill
        )

    assert bill.taken == Amount(requests=1)
