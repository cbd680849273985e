-- The live state of all swarms. Times are seconds since 1970, digests SHA-256 in hex.

-- One line per fact about the store itself: 'incarnation'.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One swarm. `request` is its JSON; the eight counts are tasks by status; `seq` numbers events.
CREATE TABLE swarm (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    status TEXT NOT NULL,
    sealed INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    cap INTEGER NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    ready INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    sleeping INTEGER NOT NULL DEFAULT 0,
    blocked INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    ended_at REAL,
    deadline REAL,
    timeout_s REAL,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX swarm_due ON swarm (deadline) WHERE deadline IS NOT NULL AND ended_at IS NULL;

-- The ring of one (queue, kind, needs): virtual time of the last seat served, turn among lanes.
CREATE TABLE lane (
    name TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    needs TEXT NOT NULL,
    floor INTEGER NOT NULL DEFAULT 0,
    turn INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX lane_queue ON lane (queue);

-- A swarm's seat in a lane: derived from its ready tasks, rebuilt by `reconcile`.
CREATE TABLE seat (
    lane TEXT NOT NULL,
    swarm INTEGER NOT NULL,
    id TEXT NOT NULL,
    vt INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    eligible INTEGER NOT NULL,
    PRIMARY KEY (lane, swarm)
) WITHOUT ROWID;
CREATE INDEX seat_eligible ON seat (lane, vt, id) WHERE eligible = 1;
CREATE INDEX seat_swarm ON seat (swarm);

-- One task. `spec` is its JSON, of which the columns up to `delay_s` repeat what queries need.
-- `nonce` is the last grant's, empty once void; `spent` the digest of what it was settled with.
CREATE TABLE task (
    n INTEGER PRIMARY KEY,
    swarm INTEGER NOT NULL,
    key TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    spec TEXT NOT NULL,
    lane TEXT NOT NULL,
    priority INTEGER NOT NULL,
    tolerant INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    delay_s REAL NOT NULL,
    status TEXT NOT NULL,
    unmet INTEGER NOT NULL,
    run INTEGER NOT NULL DEFAULT 1,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    nonce TEXT NOT NULL DEFAULT '',
    spent TEXT NOT NULL DEFAULT '',
    outcome TEXT,
    reason TEXT NOT NULL DEFAULT '',
    worker TEXT,
    lease_until REAL,
    hard_until REAL,
    wake_at REAL,
    started_at REAL,
    ended_at REAL,
    UNIQUE (swarm, key)
);
CREATE INDEX task_ready ON task (swarm, lane, priority DESC, ordinal) WHERE status = 'ready';
CREATE INDEX task_lease ON task (lease_until) WHERE status = 'running';
CREATE INDEX task_worker ON task (worker) WHERE status = 'running';
CREATE INDEX task_wake ON task (wake_at) WHERE status = 'sleeping';

-- A dependency: `down` waits for `up` until the edge is met, which happens once.
CREATE TABLE edge (
    up INTEGER NOT NULL,
    down INTEGER NOT NULL,
    met INTEGER NOT NULL,
    PRIMARY KEY (up, down)
) WITHOUT ROWID;
CREATE INDEX edge_down ON edge (down);

-- Ended tasks whose edges were too many for one settlement; the sweeper goes on with them.
CREATE TABLE drain (task INTEGER PRIMARY KEY, swarm INTEGER NOT NULL);

-- The journal: one line per step of a run, in the order of their opening.
CREATE TABLE step (
    n INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    effect TEXT NOT NULL,
    state TEXT NOT NULL,
    intent TEXT NOT NULL,
    calls INTEGER NOT NULL,
    value TEXT,
    UNIQUE (task, run, key)
);

-- The log of each swarm, dense from 1.
CREATE TABLE event (
    swarm INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    task TEXT,
    data TEXT NOT NULL,
    PRIMARY KEY (swarm, seq)
) WITHOUT ROWID;

-- Commands carried out, so that a repeated one gets its first answer.
CREATE TABLE command (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, swarm TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE blob (digest TEXT PRIMARY KEY, content BLOB NOT NULL);

CREATE TABLE artifact (
    task INTEGER NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (task, name)
) WITHOUT ROWID;
