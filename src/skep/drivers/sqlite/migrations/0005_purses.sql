-- Purses: one word each (records/purse.py), of swarms with a budget or with calls that were paid.
CREATE TABLE purse (swarm INTEGER PRIMARY KEY, held TEXT NOT NULL);

-- What the call of a step may take while it is under way, what its calls were charged, and who was
-- paid; amounts are one word: requests, tokens, and nano-dollars where their price is known.
ALTER TABLE step ADD COLUMN reserved TEXT;
ALTER TABLE step ADD COLUMN spent TEXT;
ALTER TABLE step ADD COLUMN payee TEXT NOT NULL DEFAULT '';
CREATE INDEX step_reserved ON step (task) WHERE reserved IS NOT NULL;
