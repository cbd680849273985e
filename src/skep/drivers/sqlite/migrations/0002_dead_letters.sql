-- The dead letters: tasks that failed, newest first; of all swarms, and of one.
CREATE INDEX task_dead ON task (ended_at) WHERE status = 'failed';
CREATE INDEX task_dead_of ON task (swarm, ended_at) WHERE status = 'failed';
