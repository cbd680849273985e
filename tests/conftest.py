"""What tests of several folders share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from tests.repositories import begin_repository
from tests.servers import redis_server

SAMPLE: Final = {
    "README.md": "# Till\n\nAdds up a bill.\n",
    "src/till.py": "def total(prices: list[int]) -> int:\n    return sum(prices)\n",
    "src/menu.py": "# TODO: more drinks\nPRICES = {'tea': 3, 'coffee': 4}\n",
    "tests/test_till.py": "def test_total():\n    assert sum([3, 4]) == 7\n",
}
KEYS: Final = ("ANTHROPIC_", "OPENAI_", "SKEP_")

# Here, because whoever imports these first decides whether their assertions are told in full.
pytest.register_assert_rewrite("skep.testing.contract", "skep.testing.acts")


@pytest.fixture(params=["sqlite", "redis"])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store of the test's own, on each driver that several processes can share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/shared.db"
        return
    folder = tmp_path / "redis"
    folder.mkdir()
    client: Any = redis.Redis
    with redis_server(folder) as url:
        with client.from_url(url) as server:
            server.flushdb()
        yield url


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder where `skep` is a command and no key or setting is set."""
    for name in [name for name in os.environ if name.startswith(KEYS)]:  # noqa: TID251 - to clear it
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sample(workplace: Path) -> Path:
    """Stand in a small repository with one commit, the like of which a user would bring."""
    for name, text in SAMPLE.items():
        file = workplace / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    begin_repository(workplace, "Open the till")
    return workplace
