-- Captures of swarms: what was written down of one at a moment. `text` is the capture as JSON, of
-- which the columns before it repeat what queries need.
CREATE TABLE capture (
    swarm INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (swarm, kind, number)
) WITHOUT ROWID;

-- Which contents a capture is made of; those of one that is no more may go.
CREATE TABLE capture_part (
    swarm INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (swarm, kind, number, digest)
) WITHOUT ROWID;
CREATE TRIGGER capture_part_used AFTER INSERT ON capture_part BEGIN
    UPDATE blob_life SET users = users + 1 WHERE digest = new.digest;
END;
CREATE TRIGGER capture_part_let_go AFTER DELETE ON capture_part BEGIN
    UPDATE blob_life SET users = users - 1 WHERE digest = old.digest;
END;

-- The last number of each kind in a swarm, and what was done with captures in this store.
CREATE TABLE capture_number (
    swarm INTEGER NOT NULL, kind TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (swarm, kind)
) WITHOUT ROWID;
CREATE TABLE capture_total (name TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
