"""What leaders wrote, as the store itself carried it out: a witness beside Skep."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from skep.drivers.sqlite.connection import connect

OPENED: Final = re.compile(
    r'\] "HSET" "swarm:leader" "incarnation" "[^"]*" "node" "(\w+)" "term" "(\d+)"'
)
DONE: Final = re.compile(r'\] "HSET" "skep:duties" .*\\"node\\":\\"(\w+)\\".*\\"term\\":(\d+)')

TRIGGERS: Final = """
CREATE TABLE audit (n INTEGER PRIMARY KEY, kind TEXT, node TEXT, term INTEGER);
CREATE TRIGGER audit_led AFTER INSERT ON leadership BEGIN
    INSERT INTO audit VALUES (NULL, 'led', NEW.node, NEW.term);
END;
CREATE TRIGGER audit_done AFTER INSERT ON duty BEGIN
    INSERT INTO audit VALUES (NULL, 'done', NEW.node, NEW.term);
END;
"""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write: `led` for an election or a renewal, `done` for a duty."""

    kind: str
    node: str
    term: int


class Audit(Protocol):
    """A witness of what was written."""

    def writes(self) -> Sequence[Write]:
        """All writes so far, in the order in which they were carried out."""
        ...


def breaches(writes: Sequence[Write]) -> list[str]:
    """Name each write that was accepted from who did not lead, or led in another one's term."""
    found, current = list[str](), Write(kind="led", node="", term=0)
    for write in writes:
        is_same = (write.node, write.term) == (current.node, current.term)
        if not is_same and not (write.kind == "led" and write.term > current.term):
            found.append(f"{write} was accepted in term {current.term} of {current.node}")
        elif write.kind == "led":
            current = write
    return found


class SqliteAudit:
    """Triggers in the file; they write in the transaction of what they tell of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(connect(path)) as db:
            db.run(TRIGGERS)

    def writes(self) -> Sequence[Write]:
        """See `Audit.writes`."""
        with closing(connect(self._path)) as db:
            rows = db.rows("SELECT kind, node, term FROM audit ORDER BY n")
        return [Write(kind=kind, node=node, term=term) for kind, node, term in rows]


class RedisAudit:
    """The server's own account of each command that it carries out."""

    def __init__(self) -> None:
        self._writes: list[Write] = []

    def hear(self, line: str) -> None:
        """Take a line of MONITOR."""
        for kind, pattern in (("led", OPENED), ("done", DONE)):
            if found := pattern.search(line):
                self._writes.append(Write(kind=kind, node=found[1], term=int(found[2])))

    def writes(self) -> Sequence[Write]:
        """See `Audit.writes`."""
        return list(self._writes)


@asynccontextmanager
async def redis_audit(port: int) -> AsyncGenerator[RedisAudit]:
    """Listen to a server while the context lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    audit = RedisAudit()

    async def listen() -> None:
        while line := await reader.readline():
            audit.hear(line.decode(errors="replace"))

    writer.write(b"MONITOR\r\n")
    listening = asyncio.create_task(listen())
    try:
        yield audit
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        writer.close()
