-- When a content was last put, and how many swarms refer to it; their content stands in `blob`.
CREATE TABLE blob_life (
    digest TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    put_at REAL NOT NULL,
    users INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX blob_loose ON blob_life (put_at, digest) WHERE users = 0;

-- Which swarm refers to which content, from the reference on until the swarm is forgotten.
CREATE TABLE blob_use (
    swarm INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (swarm, digest)
) WITHOUT ROWID;
CREATE TRIGGER blob_used AFTER INSERT ON blob_use BEGIN
    UPDATE blob_life SET users = users + 1 WHERE digest = new.digest;
END;
CREATE TRIGGER blob_let_go AFTER DELETE ON blob_use BEGIN
    UPDATE blob_life SET users = users - 1 WHERE digest = old.digest;
END;

-- Swarms that were forgotten, and of which other tables still hold something.
CREATE TABLE leaving (swarm INTEGER PRIMARY KEY);

CREATE INDEX swarm_ended ON swarm (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX command_swarm ON command (swarm);

-- What stood before: every content as if put now, and used by whoever refers to it.
INSERT INTO blob_life (digest, size_bytes, put_at)
    SELECT digest, length(content), CAST(strftime('%s', 'now') AS REAL) FROM blob;
INSERT OR IGNORE INTO blob_use
    SELECT n, json_extract(request, '$.charter') FROM swarm
        WHERE json_extract(request, '$.charter') IS NOT NULL
    UNION SELECT swarm, json_extract(spec, '$.input."$blob"') FROM task
        WHERE json_extract(spec, '$.input."$blob"') IS NOT NULL
    UNION SELECT swarm, json_extract(outcome, '$."$blob"') FROM task
        WHERE outcome IS NOT NULL AND json_extract(outcome, '$."$blob"') IS NOT NULL
    UNION SELECT t.swarm, json_extract(s.value, '$."$blob"') FROM step s JOIN task t ON t.n = s.task
        WHERE s.value IS NOT NULL AND json_extract(s.value, '$."$blob"') IS NOT NULL
    UNION SELECT t.swarm, a.digest FROM artifact a JOIN task t ON t.n = a.task;
