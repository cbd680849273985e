"""Four workers at one provider: its limit is never passed, and nearly used up."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.providers.scenario import Asked, Fails, Says, Scene
from tests.providers.stub import Stub
from tests.servers import redis_server

WORKERS = 4
MODEL = "anthropic:claude-sonnet-4-6"
WARM, WARM_S_MAX = 50, 90.0
"""After so many requests all workers are under way: they have imported their provider."""


@dataclass(kw_only=True)
class Turnstile:
    """A provider that lets `most` requests through in any stretch of `per_s`, and refuses more."""

    most: int
    per_s: float
    came: list[float] = field(default_factory=list[float])
    refused: int = 0
    is_warm: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, _: Asked) -> Scene:
        """Answer, or send away."""
        now = asyncio.get_running_loop().time()
        lately = sum(now - at < self.per_s for at in self.came)
        self.came.append(now)
        if len(self.came) > WARM:
            self.is_warm.set()
        if lately >= self.most:
            self.refused += 1
            return Fails(status=429, headers={"retry-after": "1"})
        return Says(text="Honey keeps.")

    @property
    def busiest(self) -> int:
        """How many came in the busiest stretch."""
        return max(sum(at <= each < at + self.per_s for each in self.came) for at in self.came)

    def rate(self, during_s: float) -> float:
        """How many came in a second, once all workers were under way."""
        begin = self.came[WARM]
        return sum(begin <= at < begin + during_s for at in self.came) / during_s


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A server of the session's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each store that several processes can share."""
    is_redis = request.param == "redis"
    return request.getfixturevalue("redis_url") if is_redis else f"sqlite:///{tmp_path}/work.db"


async def begin(folder: Path, environment: Mapping[str, str], *words: str) -> Process:
    """Start a command in the folder."""
    path = os.environ["PATH"]  # noqa: TID251 - what a process needs
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "skep", *words),
        cwd=folder,
        env={"PATH": path, "LC_ALL": "C.UTF-8", **environment},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )


@asynccontextmanager
async def workers(
    folder: Path, environment: Mapping[str, str], queue: str
) -> AsyncGenerator[list[Process]]:
    """Have four workers serve a queue, and end them."""
    words = ("work", "--queues", queue, "--slots", "8")
    begun = [await begin(folder, environment, *words) for _ in range(WORKERS)]
    try:
        yield begun
    finally:
        for worker in begun:
            worker.kill()
            await worker.wait()


async def run(folder: Path, store: str, turnstile: Turnstile, *, during_s: float) -> None:
    """Give four workers more to ask than the limit lets through, for so long."""
    many = WARM + int(1.3 * turnstile.most * during_s / turnstile.per_s)
    plan = [{"key": f"t{number}", "agent": "researcher"} for number in range(many)]
    (folder / "plan.json").write_text(json.dumps({"objective": "Ask", "tasks": plan}))
    queue = f"q-{folder.name}"[:64]
    async with Stub(turnstile) as stub:
        limits = f"anthropic: requests={turnstile.most}/{turnstile.per_s:g}s"
        environment = {**stub.environment, "SKEP_STORE": store, "SKEP_LIMITS": limits}
        words = ("--plan", "plan.json", "--detach", "--queue", queue, "--model", MODEL)
        bounds = ("--budget-usd", "none", "--max-agents", "64")
        submitted = await begin(folder, environment, "run", *words, *bounds)
        assert await submitted.wait() == 0
        async with workers(folder, environment, queue):
            await asyncio.wait_for(turnstile.is_warm.wait(), WARM_S_MAX)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), during_s)


def judged(turnstile: Turnstile, *, during_s: float) -> None:
    """See that nobody was sent away, and that nine tenths of the limit were used."""
    share = turnstile.rate(during_s) * turnstile.per_s / turnstile.most
    print(  # noqa: T201 - read with -rP
        f"{len(turnstile.came)} requests, at most {turnstile.busiest} of {turnstile.most}"
        f" in {turnstile.per_s:g} s, {share:.1%} of the limit, {turnstile.refused} refused"
    )
    assert turnstile.refused == 0
    assert turnstile.busiest <= turnstile.most
    assert share >= 0.9


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_four_workers_keep_to_a_limit(tmp_path: Path, store: str) -> None:
    """Two hundred requests in twenty seconds, and nearly so many in fifteen."""
    turnstile, during_s = Turnstile(most=200, per_s=20.0), 15.0

    await run(tmp_path, store, turnstile, during_s=during_s)

    judged(turnstile, during_s=during_s)


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_four_workers_keep_to_a_limit_by_the_minute(tmp_path: Path, store: str) -> None:
    """Six hundred requests in a minute, over three of them."""
    turnstile, during_s = Turnstile(most=600, per_s=60.0), 180.0

    await run(tmp_path, store, turnstile, during_s=during_s)

    judged(turnstile, during_s=during_s)
