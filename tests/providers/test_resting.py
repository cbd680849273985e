"""A task whose provider others found shut: it asks nobody, sleeps, and then goes on unharmed."""

from tests.providers.conftest import OpenDesk
from tests.providers.desk import Wish
from tests.providers.scenario import Fails, Says
from tests.providers.stub import Stub

from skep.records.gate import GateReport, Passage
from skep.records.ids import SwarmId
from skep.records.outcome import Snoozed, Succeeded
from skep.records.purse import Amount

MODEL = "openai-chat:stub"


async def test_a_task_sleeps_while_its_provider_rests(open_desk: OpenDesk) -> None:
    """What another worker told is enough: no request, no failure, and nothing spent."""
    rests = GateReport(gate="openai:stub", passage=Passage.LIMITED, rest_s=60.0)
    async with Stub([Says(text="Honey keeps.")]) as stub, open_desk(stub, Wish(model=MODEL)) as at:
        await at.store.gates.report([rests])
        until = at.now + 60.0

        outcome = await at.attempt()
        await at.settle(outcome)
        asked, purse = len(stub.ledger), (await at.store.registry.swarm(SwarmId("s"))).purse
        at.clock.advance(60.0)
        done = await at.attempt()
        await at.settle(done)
        (task,) = await at.store.registry.tasks(SwarmId("s"))

    assert isinstance(outcome, Snoozed)
    assert outcome.wake_at == until
    assert outcome.reason.startswith(f"The model {MODEL} waits for openai:stub until ")
    assert (asked, purse.spent, purse.open) == (0, Amount(), 0)
    assert isinstance(done, Succeeded)
    assert (task.attempt, task.failures) == (2, 0)


async def test_what_one_attempt_meets_the_store_knows(open_desk: OpenDesk) -> None:
    """Retry-After of a refusal stands at the model's gate for everybody."""
    refusal = Fails(status=429, headers={"retry-after": "20"})
    async with Stub([refusal]) as stub, open_desk(stub, Wish(model=MODEL)) as at:
        outcome = await at.attempt()
        (gate,) = await at.store.gates.read()

        assert isinstance(outcome, Snoozed)
        assert (gate.name, gate.rest_until) == ("openai:stub", at.now + 20.0)
