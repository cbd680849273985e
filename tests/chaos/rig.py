"""The rig: a world of its own, workers and submitters in it, and somebody who kills them."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from typing import Final

from tests.chaos.lives import Life, Lives
from tests.chaos.weather import Weather

from skep.settings import Settings, read_settings

REPO: Final = Path(__file__).parents[2]
WORLD_S: Final = 30.0
WATCH_S: Final = 0.2
DONE: Final = 0


@dataclass(kw_only=True)
class Rig:
    """One run: where its ledgers are, which store it uses, how rough it gets, from which seed."""

    folder: Path
    store: str
    weather: Weather
    seed: int
    source: Path = REPO / "src"
    lives: Lives = field(init=False)

    def __post_init__(self) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(self.source), str(REPO))),
            "CHAOS_WORLD": str(self.folder),
        }
        self.lives = Lives(self.folder, environment)

    @property
    def settings(self) -> Settings:
        """How the oracle opens the store."""
        return read_settings(store=self.store, folder=self.folder)

    async def run(self, *, seconds: float) -> None:
        """Let it rage for so long, then let everything come to its end, if it does in time."""
        with world(self.folder, self.lives.environment, slowest_s=self.weather.slowest_s):
            try:
                self._begin_all(time.time() + seconds)
                await self._rage(seconds)
                await self._calm()
            finally:
                self.lives.end()

    def _begin_all(self, until: float) -> None:
        for number in range(self.weather.workers):
            self.lives.commands[f"w{number}"] = self._worker(f"w{number}")
        for number in range(self.weather.submitters):
            self.lives.commands[f"s{number}"] = self._submitter(f"s{number}", until)
        for name in self.lives.commands:
            self.lives.begin(name)

    def _worker(self, identity: str) -> list[str]:
        weather = self.weather
        command = ["-m", "skep", "work", "--store", self.store, "--identity", identity]
        command += ["--slots", str(weather.slots), "--lease", str(weather.lease_s)]
        return [*command, "--import", "tests.chaos.agents"]

    def _submitter(self, name: str, until: float) -> list[str]:
        told = {
            "folder": str(self.folder),
            "store": self.store,
            "seed": self.seed,
            "until": until,
            "live_swarms": self.weather.live_swarms,
            "shapes": self.weather.shapes,
            "wide_every": self.weather.wide_every if name == "s0" else 0,
        }
        return ["-m", "tests.chaos.submitter", name, dumps(told)]

    async def _rage(self, seconds: float) -> None:
        """Kill, freeze and start again; whoever is away at the end comes back at once."""
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                group.create_task(self._kill(group))
                group.create_task(self._freeze(group))
                group.create_task(self._watch())
        except TimeoutError:
            pass
        for name, life in self.lives.now.items():
            self.lives.thaw(name, life)
        for name in sorted(self.lives.commands.keys() - self.lives.now.keys()):
            self.lives.begin(name)

    async def _kill(self, group: asyncio.TaskGroup) -> None:
        chance = random.Random(f"{self.seed}/kill")
        while True:
            await asyncio.sleep(chance.uniform(*self.weather.kill_every_s))
            names = sorted(self.lives.now)
            if not names or not self.lives.kill(name := chance.choice(names)):
                continue
            if name.startswith("w") and chance.random() < self.weather.away_share:
                rest_s = self.weather.lease_s * chance.uniform(*self.weather.away_leases)
                group.create_task(self._stay_away(name, rest_s))
            else:
                self.lives.begin(name)

    async def _stay_away(self, name: str, rest_s: float) -> None:
        await asyncio.sleep(rest_s)
        self.lives.begin(name)

    async def _freeze(self, group: asyncio.TaskGroup) -> None:
        chance = random.Random(f"{self.seed}/freeze")
        while True:
            await asyncio.sleep(chance.uniform(*self.weather.freeze_every_s))
            name = chance.choice([f"w{n}" for n in range(self.weather.workers)])
            if name in self.lives.now and self.lives.freeze(name):
                rest_s = self.weather.lease_s * chance.uniform(*self.weather.freeze_leases)
                group.create_task(self._thaw(name, self.lives.now[name], rest_s))

    async def _thaw(self, name: str, life: Life, rest_s: float) -> None:
        await asyncio.sleep(rest_s)
        self.lives.thaw(name, life)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self._revive()

    def _revive(self) -> None:
        """Start again whoever ended by itself, which the oracle will ask about."""
        for life in self.lives.bury():
            if life.name.startswith("w") or life.process.returncode != DONE:
                self.lives.begin(life.name)

    async def _calm(self) -> None:
        """Wait until the submitters have seen all their swarms end, but no longer than promised."""
        over = time.monotonic() + self.weather.settled_within_s
        submitters = {name for name in self.lives.commands if name.startswith("s")}
        while submitters & self.lives.now.keys() and time.monotonic() < over:
            await asyncio.sleep(WATCH_S)
            self._revive()


@contextmanager
def world(folder: Path, environment: Mapping[str, str], *, slowest_s: float) -> Generator[None]:
    """Run the provider and the effect server, which nobody kills, while the context lasts."""
    servers: list[subprocess.Popen[bytes]] = []
    try:
        for name in ("provider", "effects"):
            command = [sys.executable, "-m", f"tests.chaos.{name}", str(folder), str(slowest_s)]
            with (folder / f"{name}.log").open("ab") as log:
                servers.append(
                    subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
                )
        wait_for(folder / "provider.url", folder / "effects.url")
        yield
    finally:
        for server in servers:
            server.kill()
            server.wait()


def wait_for(*files: Path) -> None:
    """Wait until some files are there."""
    over = time.monotonic() + WORLD_S
    while not all(file.exists() for file in files):
        assert time.monotonic() < over, "the world did not come up; see its logs"
        time.sleep(0.01)
