"""A connection with the five ways in which this package speaks SQL."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import apsw

Column: TypeAlias = str | int | float | bytes | None
"""What a row holds and a statement may be given."""

Row = Sequence[Any]


class Db:
    """One connection, for one thread at a time.

    Statements are constants of this package, with `?` wherever a value goes. Results are read to
    their end at once, so that no statement stays open behind a caller's back.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection: Any = connection

    def run(self, sql: str, values: Sequence[Column] = ()) -> None:
        """Run one statement, or a script, for its effect."""
        self._connection.execute(sql, values or None).fetchall()

    def run_many(self, sql: str, rows: Sequence[Sequence[Column]]) -> None:
        """Run one statement for each row of values."""
        if rows:
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, values: Sequence[Column] = ()) -> list[Row]:
        """Read all rows."""
        return self._connection.execute(sql, values or None).fetchall()

    def row(self, sql: str, values: Sequence[Column] = ()) -> Row | None:
        """Read the first row, or None."""
        return self._connection.execute(sql, values or None).fetchone()

    def value(self, sql: str, values: Sequence[Column] = ()) -> Any:
        """Read the first column of the first row; None when there is no row."""
        row = self.row(sql, values)
        return None if row is None else row[0]

    @property
    def in_transaction(self) -> bool:
        """Say whether a transaction is open."""
        return bool(self._connection.in_transaction)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
