-- What people told swarms, numbered from 1 in each; `task` is the one that is meant, or null.
CREATE TABLE told (
    swarm INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    task TEXT,
    text TEXT NOT NULL,
    PRIMARY KEY (swarm, number)
) WITHOUT ROWID;

-- How many of them a swarm has: read with its tasks, so that live attempts learn of a new one.
ALTER TABLE swarm ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
