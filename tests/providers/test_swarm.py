"""A swarm of six agents on a provider: real tools on a real repository, a true report."""

from pathlib import Path

import pytest
from tests.providers.scenario import PROTOCOLS, Protocol
from tests.providers.stub import Stub, analyst

import skep
from skep.records.task import TaskStatus


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["on", "off"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_six_agents_end_with_a_true_report(
    protocol: Protocol,
    streams: str,
    sample: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each agent's calls run on the repository, and what they returned stands in the result."""
    async with Stub(analyst) as stub:
        for name, text in stub.environment.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("SKEP_MODEL_STREAM", streams)
        async with skep.open("memory:") as hive:
            swarm = await hive.submit(
                "Audit this repository",
                skep.Planner.TEMPLATE,
                workspace=str(sample),
                model=f"{protocol}:stub",
            )
            result = await swarm.result()
            tasks = await swarm.tasks()
        await stub.emptied()

    assert len(tasks) >= 6
    assert {task.status for task in tasks} == {TaskStatus.SUCCEEDED}
    assert "more drinks" in str(result), "what a tool found stands in the report"
    found = [result for asked in stub.ledger for result in asked.results]
    assert any("src/menu.py" in text for text in found), "the tools really ran"
    assert len(stub.ledger) == 2 * len(tasks) - sum(1 for task in tasks if task.spec.after)
