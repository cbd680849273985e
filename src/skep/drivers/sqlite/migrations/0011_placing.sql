-- Tasks that name no swarm. `skills` are the capabilities that a swarm declared, with commas. The
-- indices hold the open swarms (policy.placement.is_open): by crew and load, and by id.
ALTER TABLE swarm ADD COLUMN skills TEXT NOT NULL DEFAULT '';
CREATE INDEX swarm_crew ON swarm (priority, skills, (1.0 * (ready + running) / cap), id)
    WHERE status = 'active' AND sealed = 0
    AND waiting + ready + running + sleeping + blocked + succeeded + failed + cancelled < 10000;
CREATE INDEX swarm_open ON swarm (id)
    WHERE status = 'active' AND sealed = 0
    AND waiting + ready + running + sleeping + blocked + succeeded + failed + cancelled < 10000;

-- Why a distributed task is where it is, as JSON.
CREATE TABLE placed (task INTEGER PRIMARY KEY, told TEXT NOT NULL);
