"""History is linear: a long conversation is stored once, and resumed in no time."""

import statistics
import time
from pathlib import Path

import pytest
from tests.providers.conftest import OpenDesk
from tests.providers.desk import Wish
from tests.providers.scenario import Asked, Fails, Says, Scene
from tests.providers.stub import Stub

from skep.agent import loop
from skep.records.outcome import Snoozed, Succeeded

TURNS = 100
CONTEXT_TOKENS, BYTES_A_TOKEN = 200_000, 4
LINE = "line {:04} of a file that is long enough to fill a context in time\n"
LINES = 125
RESUME_S = 10.0
"""Ten times what it may take on a quiet machine."""


@pytest.mark.slow
async def test_a_conversation_of_a_hundred_turns_is_stored_once(
    open_desk: OpenDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes kept per turn do not grow, and a takeover asks for the last turn only."""
    monkeypatch.setattr(loop, "TURNS_MAX", TURNS + 1)
    (tmp_path / "long.txt").write_text("".join(LINE.format(n) for n in range(LINES)))
    is_well = False

    def play(asked: Asked) -> Scene:
        if len(asked.results) < TURNS - 1:
            return Says(calls=[("read_file", {"path": "long.txt"})], text="I read on.")
        return Says(text="Done.") if is_well else Fails(status=429, headers={"retry-after": "5"})

    async with (
        Stub(play) as stub,
        open_desk(stub, Wish(model="openai-chat:stub", streams=False)) as desk,
    ):
        limited = await desk.attempt()
        assert isinstance(limited, Snoozed), limited
        await desk.settle(limited)
        sizes = {step.key: len(step.value or "") for step in await desk.steps()}
        asked = len(stub.ledger)
        is_well = True
        begun, computed = time.perf_counter(), time.process_time()
        done = await desk.attempt()
        resumed_s = time.perf_counter() - begun
        computed_s = time.process_time() - computed

    answers = [sizes[f"turn/{turn}/model"] for turn in range(1, TURNS)]
    results = [sizes[f"turn/{turn}/tool/0:read_file"] for turn in range(1, TURNS)]
    assert isinstance(done, Succeeded), done
    assert (asked, len(stub.ledger)) == (TURNS, TURNS + 1)
    assert max(answers) - min(answers) <= 32, "bytes per answer do not grow with the turns"
    assert max(results) == min(results)
    sent = [len(each.text) for each in stub.ledger]
    assert sent[-2] >= CONTEXT_TOKENS * BYTES_A_TOKEN
    assert statistics.mean(answers) + statistics.mean(results) < sent[-2] / 20
    assert resumed_s < RESUME_S
    print(  # noqa: T201 - the figures of docs/journal.md
        f"per turn {statistics.mean(answers):.0f} + {statistics.mean(results):.0f} bytes,"
        f" all {sum(sizes.values())}, the last request {sent[-2]}, resume {resumed_s:.2f} s,"
        f" of which computing {computed_s:.2f} s"
    )
