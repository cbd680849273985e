"""`skep gates`: what providers let through, and who ends their rest."""

import asyncio

from tests.cli.shell import Shell

from skep.cli.checks import Level, open_gates
from skep.compose import open_store
from skep.policy.breaker import BREAKER
from skep.ports.inspection import Underway
from skep.records.gate import Breaker, Gate, GateReport, Passage
from skep.settings import Settings


def tell(shell: Shell, *reports: GateReport) -> None:
    """Tell the shell's store what came of requests."""
    folder = shell.folder / ".skep"
    settings = Settings(state_folder=folder, store=f"sqlite:///{folder / 'skep.db'}")

    async def told() -> None:
        async with await open_store(settings) as store:
            await store.gates.report(reports)

    asyncio.run(told())


def test_gates_show_how_they_stand(shell: Shell) -> None:
    """One line for each gate: its breaker, and until when nobody asks it."""
    failed = GateReport(gate="q:m", passage=Passage.FAILED)
    rests = GateReport(gate="p", passage=Passage.LIMITED, rest_s=3600.0)
    tell(shell, rests, *[failed] * BREAKER.failures_min)

    shown = shell.skep("gates")
    listed = shell.skep("gates", "--json").json["gates"]

    assert shown.code == 0
    assert "waits for p until " in shown.out
    assert [(each["gate"], each["waits_for"], each["breaker"]) for each in listed] == [
        ("p", "rest", "closed"),
        ("q:m", "breaker", "open"),
    ]


def test_a_gate_is_reopened_by_its_name(shell: Shell) -> None:
    """What the provider said is forgotten; a name that is none is refused."""
    tell(shell, GateReport(gate="p", passage=Passage.LIMITED, rest_s=3600.0))

    done = shell.skep("gates", "--reopen", "p", "--json")
    ghost = shell.skep("gates", "--reopen", "ghost")

    assert (done.code, done.json["gates"][0]["waits_for"]) == (0, None)
    assert (ghost.code, "There is no gate called 'ghost'" in ghost.err) == (2, True)


def test_where_nothing_was_limited_there_is_nothing_to_show(shell: Shell) -> None:
    """A store without gates says so."""
    shown = shell.skep("gates")

    assert (shown.code, shown.out.startswith("No request was held up")) == (0, True)


def test_the_doctor_names_gates_that_are_shut() -> None:
    """A rest and a breaker warn, with the command that ends them; an open gate does not."""
    rests = Gate(name="p", rest_until=200.0)
    trips = Gate(name="q", breaker=Breaker(trips=1, open_until=150.0))
    seen = Underway(swarms=(), running=(), gates=(rests, trips))

    shut = open_gates(seen, now_s=100.0)
    later = open_gates(seen, now_s=200.0)

    assert (shut.level, later.level) == (Level.WARN, Level.OK)
    assert shut.found == "nobody asks p for 100 s (rest), q for 50 s (breaker)"
    assert shut.mend.endswith("skep gates --reopen p")
