"""Which life of the store this is, and calls that only the server they know carries out.

Every call names the run id of the server that its caller knows, and every answer brings the
store's incarnation and its mark, a number that grows with each change. A server that was started
again, flushed, copied or replaced answers STRANGER; the caller then introduces itself with what it
saw last. When the server's history lacks that, a new incarnation is opened there, in one atomic
step and so by one winner; tokens and cursors of the older ones are refused from then on. The
reasons stand in ADR 0011.

After a start with an append-only file nothing is claimed (TORN) until the file was written anew:
a file that ended inside a transaction would swallow all that is appended to it.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from skep.drivers.redis.library import Library
from skep.drivers.redis.line import Word
from skep.drivers.redis.wire import Wire, rest
from skep.ports.system import Chance
from skep.records.errors import StaleTerm, StoreError, StoreUnavailable

NO_FUNCTION: Final = "Function not found"
STRANGER: Final = "STRANGER"
TORN: Final = "TORN"
RESTORING: Final = "RESTORING"
STALE_TERM: Final = re.compile(r"STALE_TERM (\d+) (\d+)")
INTRODUCTIONS_MAX: Final = 5
REWRITER: Final = "skep:rewriter:"
"""One key for each start of the server: what an earlier one left of it in the file is void."""

REWRITE_S: Final = 10
"""After so long another process may join in waiting for the file, should the first one be dead."""

LOOK_S: Final = 0.02


@dataclass(slots=True)
class Sight:
    """What this process saw last: the answers of one server."""

    incarnation: str = ""
    run_id: str = ""
    mark: int = 0


class Life:
    """Calls functions on a server that knows this process."""

    def __init__(self, wire: Wire, library: Library, chance: Chance) -> None:
        self.wire = wire
        self._library = library
        self._chance = chance
        self._sight = Sight()

    @property
    def incarnation(self) -> str:
        """The incarnation of the last answer."""
        return self._sight.incarnation

    async def call(self, operation: str, *args: Word) -> Any:
        """Call a function of the library.

        Raises `StoreUnavailable`; the operation may have been carried out, and is safe to repeat.
        """
        _, answer = await self.answer(operation, *args)
        return answer

    async def answer(self, operation: str, *args: Word) -> tuple[str, Any]:
        """Call a function; gives the incarnation in which it answered as well."""
        for _ in range(INTRODUCTIONS_MAX):
            try:
                reply = await self._fcall(operation, self._sight.run_id, *args)
            except StoreError as refusal:
                await self._mend(refusal)
                continue
            return self._seen(reply)
        raise StoreUnavailable("Redis was started again and again.")

    async def arrive(self) -> None:
        """Introduce this process to the server, and open a new incarnation if there must be one."""
        server = await self._info("server", "replication")
        if server.get("role") != "master":
            raise StoreUnavailable("This Redis is a replica, which takes no writes.")
        run_id, saw = server["run_id"], self._sight
        ids = (run_id, server["master_replid"], server["master_replid2"], self._chance.uuid())
        reply = await self._fcall_bare("arrive", *ids, saw.incarnation, saw.run_id, saw.mark)
        incarnation, mark, unmended = reply
        self._sight = Sight(incarnation, run_id, int(mark))
        if int(unmended):
            await self.call("reconcile", "")

    async def prove_file(self) -> bool:
        """Have the append-only file written anew; False when another process is at it."""
        run_id = self._sight.run_id
        rewriter = f"{REWRITER}{run_id}"
        if await self.wire.command("SET", rewriter, "", "NX", "EX", REWRITE_S) is None:
            return False
        try:
            if (await self._info("persistence")).get("aof_enabled") == "1":
                await self._rewrite()
            await self._fcall_bare("mend", run_id)
            return True
        finally:
            await self.wire.command("DEL", rewriter)

    async def _rewrite(self) -> None:
        await self._start_rewrite()
        while True:
            state = await self._info("persistence")
            if "1" not in (state["aof_rewrite_in_progress"], state["aof_rewrite_scheduled"]):
                break
            await rest(LOOK_S)
        if state["aof_last_bgrewrite_status"] != "ok":
            raise StoreUnavailable("Redis cannot write its append-only file.")

    async def _start_rewrite(self) -> None:
        try:
            await self.wire.command("BGREWRITEAOF")
        except StoreError as refusal:
            if "in progress" not in refusal.message:
                raise

    async def _mend(self, refusal: StoreError) -> None:
        if STRANGER in refusal.message:
            return await self.arrive()
        if NO_FUNCTION in refusal.message:
            return await self.load()
        if RESTORING in refusal.message:
            return await self.roll_forward()
        if TORN in refusal.message:
            raise FileUnproved from None
        if terms := STALE_TERM.search(refusal.message):
            raise StaleTerm(term=int(terms[1]), current=int(terms[2])) from None
        raise refusal

    async def roll_forward(self) -> None:
        """Finish a restore that was committed, whoever began it; see functions/95_backup.lua."""
        phase, cursor = "", "0"
        while phase != "done":
            phase, cursor = await self._fcall_bare("roll", "", cursor, phase)

    async def packed(self, swarm: str) -> tuple[str, list[Any]]:
        """Read all keys of a swarm as the server writes them; gives the incarnation as well."""
        name = self._library.function("pack")
        incarnation, _, row = await self.wire.raw("FCALL", name, 0, self._sight.run_id, swarm)
        return incarnation.decode(), row

    async def load(self) -> None:
        """Load the functions, which whoever comes at the same time may have done already."""
        try:
            await self.wire.command("FUNCTION", "LOAD", self._library.source)
        except StoreError as refusal:
            if "already exists" not in refusal.message:
                raise

    async def _info(self, *sections: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for section in sections:
            found |= info_of(await self.wire.command("INFO", section))
        return found

    async def _fcall_bare(self, operation: str, *args: Word) -> Any:
        """Call one of the two functions that serve strangers."""
        try:
            return await self._fcall(operation, *args)
        except StoreError as refusal:
            if NO_FUNCTION not in refusal.message:
                raise
        await self.load()
        return await self._fcall(operation, *args)

    async def _fcall(self, operation: str, *args: Word) -> Any:
        return await self.wire.command("FCALL", self._library.function(operation), 0, *args)

    def _seen(self, reply: Any) -> tuple[str, Any]:
        incarnation, mark, answer = reply
        # Answers to the heartbeat's thread may come out of order: the mark only grows.
        if incarnation != self._sight.incarnation:
            self._sight = Sight(incarnation, self._sight.run_id, int(mark))
        elif int(mark) > self._sight.mark:
            self._sight.mark = int(mark)
        return incarnation, answer


class FileUnproved(Exception):
    """The append-only file was not written anew since the server started; stays in here."""


def info_of(lines: str) -> dict[str, str]:
    """Read the answer to INFO."""
    pairs = (line.partition(":") for line in lines.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}
