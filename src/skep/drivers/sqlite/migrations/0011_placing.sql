-- Tasks that name no swarm. `skills` are the capabilities that a swarm declared, with commas. The
-- indices hold the open swarms (policy.placement.is_open): by crew and load, and by id.
ALTER TABLE swarm ADD COLUMN skills TEXT NOT NULL DEFAULT '';
CREATE INDEX swarm_crew ON swarm (priority, skills, (1.0 * (ready + running) / cap), id)
    WHERE status = 'active' AND sealed = 0
    AND waiting + ready + running + sleeping + blocked + succeeded + failed + cancelled < 10000;
CREATE INDEX swarm_open ON swarm (id)
    WHERE status = 'active' AND sealed = 0
    AND waiting + ready + running + sleeping + blocked + succeeded + failed + cancelled < 10000;

-- What was chosen for a distribution, as JSON, for as long as its command is remembered, and which
-- task of which swarm it is, both by their names.
CREATE TABLE placed (
    command TEXT PRIMARY KEY,
    swarm TEXT NOT NULL,
    task TEXT NOT NULL,
    told TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX placed_swarm ON placed (swarm);
CREATE TRIGGER placed_forgotten AFTER DELETE ON command BEGIN
    DELETE FROM placed WHERE command = old.id;
END;

-- What there is only so much of; `held` is the sum of what is held of it.
CREATE TABLE pool (
    name TEXT PRIMARY KEY,
    capacity INTEGER NOT NULL,
    unit TEXT NOT NULL,
    shared INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- A part of a pool that a swarm holds or waits for, or, with `task`, one attempt of a task of it.
CREATE TABLE allocation (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    pool TEXT NOT NULL,
    amount INTEGER NOT NULL,
    swarm INTEGER NOT NULL,
    task TEXT,
    attempt INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    asked_at REAL NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX allocation_swarm ON allocation (swarm, task);
CREATE INDEX allocation_queue ON allocation (pool, priority DESC, n) WHERE state = 'queued';
CREATE INDEX allocation_held ON allocation (pool, n) WHERE state = 'held';

-- Disputes between swarms (records/dispute.py), each as JSON with its ballots and its ruling.
CREATE TABLE dispute (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    open INTEGER NOT NULL
);
CREATE INDEX dispute_open ON dispute (open, n);
