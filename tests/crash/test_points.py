"""`kill -9` at every boundary of every step: the same report, and no recorded answer asked again.

A worker counts the boundaries that it crosses on a reference swarm of LLM agents with tools; then
there is one swarm, and one kill, for each of them. What was asked is read from the provider.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

import pytest
from tests.cli.shell import files_into
from tests.crash.hatchery import Hatchery
from tests.crash.points import BOUNDARIES, DONE, ENDING, HELD, TOGETHER
from tests.crash.rig import SWARM_ID
from tests.providers.scenario import Asked, Says, Scene
from tests.providers.stub import Stub
from tests.servers import redis_server

from skep.compose import open_fleet
from skep.records.ids import TaskKey
from skep.records.task import TaskSpec
from skep.settings import read_settings

MODEL: Final = "anthropic:claude-sonnet-4-6"
KEY: Final = "authorization"
AT_ONCE: Final = 3
THIRD, SAMPLE = 3, 7
"""Each so manieth boundary is taken where not all of them are; prime to those of a step."""

TASKS: Final = (
    TaskSpec(key=TaskKey("menu"), agent="researcher", title="Read the menu"),
    TaskSpec(key=TaskKey("till"), agent="reviewer", title="Check the till"),
    TaskSpec(
        key=TaskKey("join"),
        agent="synthesizer",
        title="Join",
        after=(TaskKey("menu"), TaskKey("till")),
    ),
)


def play(asked: Asked) -> Scene:
    """Look around with two tools at once, then with one; say what they found, and join it."""
    if asked.handed_over:
        return Says(text="\n".join(["# Report", *asked.handed_over]))
    if not asked.results:
        return Says(calls=[("list_files", {}), ("read_file", {"path": "src/menu.py"})])
    if len(asked.results) < 3:
        return Says(calls=[("read_file", {"path": "src/till.py"})])
    return Says(text="\n".join(["I found:", *asked.results]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of one swarm: its end, the boundaries of each life, and the questions asked."""

    ending: Mapping[str, Any]
    codes: Sequence[int]
    lives: Sequence[Sequence[str]]
    asked: Counter[str]

    @property
    def killed_at(self) -> str:
        """The last boundary of the life that was killed."""
        return self.lives[0][-1]

    @property
    def report(self) -> str:
        """The report but for what it cost, which is looked at by itself."""
        return str(self.ending.get("report", "")).partition("## Cost")[0]

    def called(self, life: int) -> Counter[str]:
        """The steps whose calls a life made, and how often."""
        return Counter(line.removeprefix("call ") for line in self.lives[life] if _is_call(line))

    def recorded(self, life: int) -> set[str]:
        """The steps that a life saw recorded."""
        return {
            entry.removeprefix("record ")
            for line in self.lives[life]
            for entry in _entries(line, "after ")
            if entry.startswith("record ")
        }


@dataclass(kw_only=True)
class Rig:
    """A provider, a nest, a store, and as many reference swarms as are asked for."""

    folder: Path
    stub: Stub
    hatchery: Hatchery
    redis: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def survived(self, kill_at: int) -> Told:
        """Work on a reference swarm, die at a boundary (0 for none), and go on in another life."""
        async with self.at_once:
            folder, name = self.folder / f"at-{kill_at}", f"{self.folder.name}-{kill_at}"
            folder.mkdir()
            store = self.redis or f"sqlite:///{folder}/work.db"
            swarm = await self._submitted(store, queue=name)
            told = {
                **self.stub.environment,
                "ANTHROPIC_API_KEY": name,
                "POINT_STORE": store,
                "POINT_SWARM": swarm,
                "POINT_QUEUE": name,
                **self.variables,
            }
            codes, lives = list[int](), list[list[str]]()
            for point in (kill_at, 0) if kill_at else (0,):
                codes.append(await self._life(folder, {**told, "POINT_KILL": str(point)}))
                log = folder / BOUNDARIES
                lives.append(log.read_text().splitlines())
                log.unlink()
        ending = folder / ENDING
        asked = [asked for asked in self.stub.ledger if asked.headers[KEY] == f"Bearer {name}"]
        return Told(
            ending=json.loads(SWARM_ID.sub("ID", ending.read_text())) if ending.exists() else {},
            codes=codes,
            lives=lives,
            asked=Counter(sha256(each.text.encode()).hexdigest() for each in asked),
        )

    async def _submitted(self, store: str, *, queue: str) -> str:
        settings = read_settings(store=store, folder=self.folder)
        async with open_fleet(settings, is_worked_here=False) as fleet:
            swarm = await fleet.submit(
                "Review the shop",
                TASKS,
                queue=queue,
                workspace=str(self.folder / "shop"),
                model=MODEL,
                budget_usd=5,
            )
        return swarm.id

    async def _life(self, folder: Path, environment: Mapping[str, str]) -> int:
        code = HELD
        while code == HELD:
            begun = await self.hatchery.begin(
                folder=folder, environment=environment, call="tests.crash.points:main"
            )
            code = await begun.wait()
        return code


OpenRig = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def open_rig(workplace: Path) -> OpenRig:
    """Open a rig in a small repository."""

    @asynccontextmanager
    async def opened(**how: Any) -> AsyncGenerator[Rig]:
        files_into(workplace / "shop")
        async with Stub(play) as stub, Hatchery(workplace) as hatchery:
            yield Rig(folder=workplace, stub=stub, hatchery=hatchery, **how)

    return opened


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the module's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def wrong(told: Told, reference: Told) -> list[str]:
    """Say what is not as it must be after a kill and a second life."""
    first, second = told.called(0), told.called(1)
    at_kill = {step for step in first if step not in told.recorded(0)}
    again = _was_answered(told.killed_at)
    was_open = again or _was_begun(told.killed_at)
    ways = {
        f"it ended with {told.codes}": told.codes == [-SIGKILL, DONE],
        "the report is another one": told.report == reference.report,
        "other questions were asked": told.asked.keys() == reference.asked.keys(),
        "the provider was asked more often": (
            told.asked.total() == reference.asked.total() + int(again)
        ),
        "the provider's ledger and the calls differ": told.asked.total()
        == sum(n for step, n in (first + second).items() if step.endswith("/model")),
        "what was recorded was called again": not told.recorded(0) & second.keys(),
        "a call was made more than once, and was not open": all(
            n <= 1 + (step in at_kill) for step, n in (first + second).items()
        ),
        "the purse does not show the call that was open": (
            told.ending.get("lost"),
            told.ending.get("spent"),
            told.ending.get("open"),
        )
        == (int(was_open), reference.ending["spent"] + int(was_open), 0),
    }
    return [way for way, holds in ways.items() if not holds]


async def kill_at_each(rig: Rig, *, step: int = 1) -> Mapping[str, list[str]]:
    """Kill once at each boundary, or each so manieth; gives what was wrong, by boundary."""
    reference = await rig.survived(0)
    crossed = [line for line in reference.lives[0] if not _is_call(line)]
    assert reference.codes == [DONE]
    assert set(reference.asked.values()) == {1}
    points = range(1, len(crossed) + 1, step)
    all_told = await asyncio.gather(*map(rig.survived, points))
    print(f"{len(points)} kills at {len(crossed)} boundaries")  # noqa: T201 - read with -rP
    found = {
        f"{point}: {told.killed_at}": wrong(told, reference)
        for point, told in zip(points, all_told, strict=True)
    }
    return {where: ways for where, ways in found.items() if ways}


def _entries(line: str, when: str) -> Sequence[str]:
    return line.removeprefix(when).split(TOGETHER) if line.startswith(when) else ()


def _was_answered(boundary: str) -> bool:
    """Say whether a kill at a boundary found a model's answer that was not recorded."""
    before = _entries(boundary, "before ")
    made = [entry for entry in before if entry.startswith("record ")]
    made += _entries(boundary, "after call ")
    return any(entry.endswith("/model") for entry in made)


def _was_begun(boundary: str) -> bool:
    """Say whether a kill at a boundary found a request that was about to be made."""
    stored = _entries(boundary, "after ")
    return any(entry.startswith("intent ") and entry.endswith("/model") for entry in stored)


def _is_call(line: str) -> bool:
    return line.startswith("call ")


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_kill_changes_nothing(open_rig: OpenRig) -> None:
    """A third of the boundaries: the report stays, and nothing recorded is asked again."""
    async with open_rig() as rig:
        assert await kill_at_each(rig, step=THIRD) == {}


@pytest.mark.deep
@pytest.mark.timeout(1800)
async def test_a_kill_at_any_boundary_changes_nothing(open_rig: OpenRig) -> None:
    """Each boundary of each step, once."""
    async with open_rig() as rig:
        assert await kill_at_each(rig) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_kill_changes_nothing_on_redis(open_rig: OpenRig, redis_url: str) -> None:
    """A sample of the boundaries, on a server."""
    async with open_rig(redis=redis_url) as rig:
        assert await kill_at_each(rig, step=SAMPLE) == {}


@pytest.mark.deep
@pytest.mark.timeout(1800)
async def test_a_kill_at_any_boundary_changes_nothing_on_redis(
    open_rig: OpenRig, redis_url: str
) -> None:
    """Each of them, on a server."""
    async with open_rig(redis=redis_url) as rig:
        assert await kill_at_each(rig) == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_points_see_a_journal_that_forgets(open_rig: OpenRig) -> None:
    """With the read-back switched off, what was recorded is asked for again, and that is seen."""
    async with open_rig() as rig:
        reference = await rig.survived(0)
        rig.variables = {"POINT_FORGETS": "1"}
        crossed = [line for line in reference.lives[0] if not _is_call(line)]
        told = await rig.survived(1 + crossed.index("after record menu/turn/1/model"))

    assert "what was recorded was called again" in wrong(told, reference)
    assert "the provider was asked more often" in wrong(told, reference)
