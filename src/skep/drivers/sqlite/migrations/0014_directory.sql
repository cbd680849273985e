-- Finding swarms: a page of any of these is read without those that it does not show.
CREATE INDEX swarm_status ON swarm (status, id);
CREATE INDEX swarm_strategy ON swarm (json_extract(request, '$.strategy'), id);
CREATE INDEX swarm_mode ON swarm (json_extract(request, '$.mode'), id);
CREATE INDEX swarm_phase ON swarm (json_extract(request, '$.metadata.phase'), id)
    WHERE json_extract(request, '$.metadata.phase') IS NOT NULL;

-- What was counted, by its name (records/directory.py).
CREATE TABLE tally (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;

-- Swarms that were deregistered, until they are archived; `outcome` is what they came to.
CREATE TABLE departed (
    swarm INTEGER PRIMARY KEY,
    outcome TEXT NOT NULL,
    at REAL NOT NULL
);

-- What is kept for a while of swarms that were archived: one JSON text each.
CREATE TABLE archive (id TEXT PRIMARY KEY, at REAL NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX archive_at ON archive (at);
