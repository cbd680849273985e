-- Questions of running tasks to people, and what was decided of them.

-- One question. `state` is pending, approved, denied or expired; a pending one whose task has ended
-- or begun its next run is withdrawn, which follows from the task and is not written here.
CREATE TABLE approval (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    task INTEGER NOT NULL,
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    question TEXT NOT NULL,
    detail TEXT NOT NULL,
    asked_at REAL NOT NULL,
    expires_at REAL,
    state TEXT NOT NULL DEFAULT 'pending',
    decided_by TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    decided_at REAL
);
CREATE INDEX approval_task ON approval (task);
CREATE INDEX approval_pending ON approval (n) WHERE state = 'pending';
CREATE INDEX approval_due ON approval (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;

-- The approvals that a blocked task waits for, as JSON; it counts only while the task is blocked.
ALTER TABLE task ADD COLUMN awaits TEXT NOT NULL DEFAULT '[]';
