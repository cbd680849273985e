-- The last election: one row, whose term only grows. It is void in another incarnation.
CREATE TABLE leadership (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation TEXT NOT NULL,
    node TEXT NOT NULL,
    term INTEGER NOT NULL,
    since REAL NOT NULL,
    expires_at REAL NOT NULL,
    lease_s REAL NOT NULL,
    is_resigned INTEGER NOT NULL
);

-- How each duty of a leader went last.
CREATE TABLE duty (
    name TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    term INTEGER NOT NULL,
    result TEXT NOT NULL,
    is_failure INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
