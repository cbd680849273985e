"""Contents in rows: kept by their hash, with a note of every swarm that refers to them."""

from collections.abc import Iterable, Sequence
from typing import Final

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db
from skep.ports.inspection import Content
from skep.records.errors import ArtifactNotFound
from skep.records.ids import SwarmId
from skep.records.retention import Dropped
from skep.records.values import Digest

USERS: Final = (
    "SELECT l.digest, l.put_at, s.id FROM blob_life l LEFT JOIN (SELECT swarm, digest FROM blob_use"
    " UNION SELECT swarm, digest FROM capture_part) u ON u.digest = l.digest"
    " LEFT JOIN swarm s ON s.n = u.swarm ORDER BY l.digest, s.id"
)


def keep(changes: Changes, *, rows: Sequence[tuple[Digest, bytes]]) -> None:
    """Keep contents, or renew the time of those that are kept."""
    changes.db.run_many("INSERT OR IGNORE INTO blob VALUES (?, ?)", rows)
    changes.db.run_many(
        "INSERT INTO blob_life (digest, size_bytes, put_at) VALUES (?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET put_at = excluded.put_at",
        [(digest, len(content), changes.at) for digest, content in rows],
    )


def missing(changes: Changes, digests: Iterable[Digest]) -> list[Digest]:
    """Name the contents among these that are not kept."""
    sql = "SELECT 1 FROM blob_life WHERE digest = ?"
    return sorted(digest for digest in digests if changes.db.value(sql, (digest,)) is None)


def check_kept(changes: Changes, digests: Iterable[Digest]) -> None:
    """Refuse references to contents that are not kept; raises `ArtifactNotFound`."""
    for digest in missing(changes, digests):
        raise ArtifactNotFound(f"There is no content {digest[:12]}….", hint="Put it once more.")


def refer(changes: Changes, swarm: int, digests: Iterable[Digest]) -> None:
    """Write down that a swarm refers to contents, from now until it is forgotten."""
    rows = [(swarm, digest) for digest in digests]
    changes.db.run_many("INSERT OR IGNORE INTO blob_use VALUES (?, ?)", rows)


def drop(changes: Changes, *, before: float, limit: int) -> Dropped:
    """Drop contents that no swarm refers to."""
    rows = changes.db.rows(
        "SELECT digest, size_bytes FROM blob_life WHERE users = 0 AND put_at < ?"
        " ORDER BY put_at, digest LIMIT ?",
        (before, limit),
    )
    gone = [(digest,) for digest, _ in rows]
    changes.db.run_many("DELETE FROM blob WHERE digest = ?", gone)
    changes.db.run_many("DELETE FROM blob_life WHERE digest = ?", gone)
    return Dropped(blobs=len(rows), size_bytes=sum(size for _, size in rows))


def contents(db: Db) -> list[Content]:
    """Show every content with its users."""
    users: dict[tuple[str, float], list[SwarmId]] = {}
    for digest, put_at, swarm in db.rows(USERS):
        found = users.setdefault((digest, put_at), [])
        if swarm is not None:
            found.append(SwarmId(swarm))
    return [
        Content(digest=Digest(digest), put_at=put_at, users=found)
        for (digest, put_at), found in users.items()
    ]
