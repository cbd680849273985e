"""The path: one request through all eight stops, told by the events of docs/architecture.md."""

import re
from collections.abc import Callable
from pathlib import Path

import skep

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
ROW = re.compile(r"^\| (\d) \| (\w+[^|]*) \| (.*) \|$", re.MULTILINE)
KIND = re.compile(r"`((?:swarm|task|step)\.\w+)`")


def events_of_the_table() -> list[str]:
    """The kinds of events that the table of the path names, stop by stop."""
    rows = ROW.findall(PAGE.read_text())
    assert [int(number) for number, *_ in rows] == list(range(1, 9)), "the path has eight stops"
    return [kind for _, _, rest in rows for kind in KIND.findall(rest)]


async def test_one_request_leaves_the_events_of_the_table_in_its_order(
    sample: Path, monkeypatch: Callable[..., None]
) -> None:
    """A request becomes swarm, plan, tasks, attempts, steps, outcomes, and each says so."""
    async with skep.open("sqlite:///path.db") as hive:
        swarm = await hive.submit("List the TODOs", workspace=str(sample), model="offline")
        result = await swarm.result()
        kinds = [event.kind async for event in swarm.events()]

    assert "src/menu.py" in str(result)
    assert list(dict.fromkeys(kinds)) == events_of_the_table()
