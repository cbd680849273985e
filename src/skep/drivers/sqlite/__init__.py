"""The store in one SQLite file: WAL, synchronous FULL, one writer thread with group commit.

Two threads own a connection each. The writer takes every command that waits, runs them all in
one transaction and commits once, so that many callers share one fsync; the reader serves what
changes nothing and never holds a read transaction across an await. Other processes may open the
same file on the same host: a command that meets their lock waits for it, up to `BUSY_S`.

Tables stand in `migrations/`, numbered by `user_version`. What the memory store does with
dictionaries, this one does with rows; both choose by the same policy.
"""

from skep.drivers.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
