"""A relay between a process and its server, which can stop passing anything on without a word."""

import asyncio
from types import TracebackType
from typing import Self


class Relay:
    """Forwards TCP; cut, it keeps what comes, and passes it on when it is healed."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._pipes = set[asyncio.Task[None]]()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "it listens inside its context"
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Pass nothing on; connections stay open, as when a cable is pulled."""
        self._open.clear()

    def heal(self) -> None:
        """Pass on what has come meanwhile, late as it is, and what will come."""
        self._open.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _serve(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await self._open.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        for reader, writer in ((source, back), (there, sink)):
            pipe = asyncio.create_task(self._pass_on(reader, writer))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65_536):
                await self._open.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass  # one end is gone; the other one is told
        finally:
            writer.close()
