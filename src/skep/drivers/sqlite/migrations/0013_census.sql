-- Nodes: the processes of a fleet (records/node.py). `until` is when one counts as absent.
CREATE TABLE node (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    boot TEXT NOT NULL,
    queues TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    slots INTEGER NOT NULL,
    heartbeat_s REAL NOT NULL,
    started_at REAL NOT NULL,
    beat_at REAL NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;

-- Which node is the host of a swarm; `seq` is the event by which its loss interrupted the swarm.
CREATE TABLE hosting (
    swarm INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    is_adoptable INTEGER NOT NULL,
    state TEXT NOT NULL,
    seq INTEGER NOT NULL
);
CREATE INDEX hosting_node ON hosting (node);
CREATE INDEX hosting_adrift ON hosting (state) WHERE state <> 'hosted';
