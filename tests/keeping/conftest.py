"""Two places for a store of each kind: one that is backed up, one that is restored."""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from tests.servers import RedisProcess

from skep.compose import keeper, open_store
from skep.ports.inspection import Dump, Inspectable
from skep.ports.keeping import BackedUp, Restored
from skep.ports.store import Store
from skep.settings import Settings, read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a store is or will be."""

    settings: Settings

    @classmethod
    def at(cls, url: str, folder: Path) -> "Place":
        """The place that a URL names."""
        return cls(settings=read_settings(store=url, folder=folder))

    async def back_up(self, target: Path) -> BackedUp:
        """Back its store up."""
        return await keeper(self.settings).back_up(target)

    async def restore(self, source: Path, *, force: bool = False) -> Restored:
        """Restore its store."""
        return await keeper(self.settings).restore(source, force=force)

    async def open(self) -> Store:
        """Open its store; whoever does closes it."""
        return await (await open_store(self.settings)).__aenter__()


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Two places of one kind."""

    here: Place
    there: Place


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """Two servers: a backup is restored into another one than it was made of."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp("redis") for _ in range(2)]
        options = ("--appendonly", "yes")
        here, there = [stack.enter_context(RedisProcess(folder, *options)) for folder in folders]
        yield here.url, there.url


@pytest.fixture(params=["sqlite", "redis"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """Two places on each kind of store in turn, both empty."""
    if request.param == "sqlite":
        urls = tuple(f"sqlite:///{tmp_path / name / 'skep.db'}" for name in ("here", "there"))
    else:
        urls = request.getfixturevalue("servers")
        for url in urls:
            emptied(url)
    here, there = [Place.at(url, tmp_path) for url in urls]
    return Places(here=here, there=there)


async def inspected(store: Store) -> Dump:
    """Look at all of an open store."""
    return await cast("Inspectable", store).dump()


def emptied(url: str) -> None:
    """Empty a database."""
    client: Any = redis.Redis
    with client.from_url(url) as server:
        server.flushdb()
