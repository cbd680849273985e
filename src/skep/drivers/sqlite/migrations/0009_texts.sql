-- A task's row is written at each of its moves, so the long texts stand beside it: what it is to do,
-- as JSON, and what it came to, the JSON of a succeeded task's value.
CREATE TABLE spec (task INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE outcome (task INTEGER PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO spec SELECT n, spec FROM task;
INSERT INTO outcome SELECT n, outcome FROM task WHERE outcome IS NOT NULL;
ALTER TABLE task DROP COLUMN spec;
ALTER TABLE task DROP COLUMN outcome;
