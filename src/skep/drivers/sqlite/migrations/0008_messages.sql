-- Messages between swarms. `text` is the message as JSON, of which the columns before it repeat
-- what queries need. `head` is 1 for the first undelivered one of its sender in its inbox; `due_at`
-- is the end of its lease or of its rest; `nonce` that of its last reader, empty once it is void.
CREATE TABLE message (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    swarm INTEGER NOT NULL,
    agent TEXT NOT NULL,
    sender TEXT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    priority INTEGER NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    head INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    nonce TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    due_at REAL NOT NULL DEFAULT 0,
    sent_at REAL NOT NULL,
    expires_at REAL,
    ended_at REAL,
    UNIQUE (swarm, agent, id)
);
CREATE INDEX message_head ON message (swarm, agent, priority DESC, n) WHERE head = 1;
CREATE INDEX message_due ON message (due_at, swarm) WHERE head = 1;
CREATE INDEX message_line ON message (swarm, agent, sender, n) WHERE state IN ('waiting', 'taken');
CREATE INDEX message_mortal ON message (expires_at)
    WHERE state IN ('waiting', 'taken') AND expires_at IS NOT NULL;
CREATE INDEX message_kept ON message (swarm, ended_at, n) WHERE state = 'acknowledged';
CREATE INDEX message_dead ON message (n) WHERE state = 'dead';
CREATE INDEX message_swarm ON message (swarm, n);

-- How many messages of an inbox nobody has acknowledged.
CREATE TABLE inbox (
    swarm INTEGER NOT NULL,
    agent TEXT NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (swarm, agent)
) WITHOUT ROWID;
