-- Gates: what a provider, or one model of it, lets through (records/gate.py); one JSON text each.
CREATE TABLE gate (name TEXT PRIMARY KEY, held TEXT NOT NULL) WITHOUT ROWID;

-- The requests behind a gate of which nothing was told yet.
CREATE TABLE pass (
    gate TEXT NOT NULL,
    id TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (gate, id)
) WITHOUT ROWID;
