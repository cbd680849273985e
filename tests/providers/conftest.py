"""A hive whose language models are played by a stub server, over real HTTP."""

from base64 import b64decode
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.providers.desk import Desk, Wish
from tests.providers.stub import Stub

from skep.drivers.web import HttpWeb

DOT = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)

OpenDesk: TypeAlias = Callable[[Stub, Wish], AbstractAsyncContextManager[Desk]]


@pytest.fixture
def open_desk(tmp_path: Path) -> OpenDesk:
    """Open a desk at a stub; when it is closed, no connection may be left."""
    (tmp_path / "notes.txt").write_text("remember the milk\n")
    (tmp_path / "dot.png").write_bytes(DOT)
    (tmp_path / "blob.bin").write_bytes(b"\x00\xff" * 9)
    (tmp_path / "menu.py").write_text("# TODO: add soup\nprint('bread')\n")

    @asynccontextmanager
    async def opened(stub: Stub, wish: Wish) -> AsyncGenerator[Desk]:
        web = HttpWeb(stub.environment, patience=wish.patience)
        try:
            yield await Desk.open(stub, web, workspace=tmp_path, wish=wish)
        finally:
            await web.aclose()
        await stub.emptied()

    return opened
