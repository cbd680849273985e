-- The life of the store: which server this is, and whether its history is the one that callers saw.
--
-- `arrived` and `rewritten` stand in the memory of the server's process on purpose: they are gone
-- when it starts again, so that no call is served before somebody looked at what was loaded. Each
-- call names the run_id that its caller knows; a stranger is sent to `arrive`, with the last that
-- it saw as a witness. The mark grows with every change: a server whose history lacks a mark that
-- a caller has seen (a copy, a restored file, a lost tail) opens a new incarnation.

local arrived, rewritten = '', ''
local life = {}

local function has_seen_more(known, saw)
  if saw.incarnation == '' or saw.incarnation ~= known.incarnation then return false end
  local reached = known.mark
  if saw.run_id ~= known.run_id then
    reached = tonumber(redis.call('HGET', 'skep:lineage', saw.run_id) or -1)
  end
  return saw.mark > reached
end

-- ARGV: run_id, replid, replid2, fresh incarnation, then what the caller saw last: incarnation,
-- run_id, mark. Answers {incarnation, mark, whether the queues are to be rebuilt}.
local function arrive(_, args)
  local run_id, replid, replid2 = args[1], args[2], args[3]
  local row = redis.call('HMGET', 'skep:meta', 'incarnation', 'run_id', 'mark')
  local known = {incarnation = row[1], run_id = row[2], mark = tonumber(row[3] or 0)}
  local saw = {incarnation = args[5], run_id = args[6], mark = tonumber(args[7])}
  -- A process that has a second replication id followed another server: a replica took over. (The
  -- first id does not tell: it changes at each start, and when a server gets its first replica.)
  local is_other = known.run_id ~= run_id and string.find(replid2, '[^0]')
  local is_new = not known.incarnation or is_other or has_seen_more(known, saw)
  if is_new then
    known.incarnation = args[4]
    redis.call('HSET', 'skep:meta', 'incarnation', known.incarnation, 'mark', known.mark, 'unmended', 1)
    redis.call('DEL', 'skep:lineage')
  end
  if known.run_id ~= run_id then
    if known.run_id then redis.call('HSET', 'skep:lineage', known.run_id, known.mark) end
    redis.call('HSET', 'skep:meta', 'run_id', run_id, 'replid', replid)
  end
  arrived = run_id
  return {known.incarnation, known.mark, redis.call('HEXISTS', 'skep:meta', 'unmended')}
end

-- ARGV: run_id. Says that the append-only file of this run is whole, so that claiming may go on.
local function mend(_, args)
  rewritten = args[1]
  return 1
end

-- Serve callers that know this server; the answer comes with the incarnation and the mark.
local function served(operation)
  return function(_, args)
    local row = redis.call('HMGET', 'skep:meta', 'incarnation', 'run_id', 'mark', 'restoring')
    local caller = table.remove(args, 1)
    if not row[1] or row[2] ~= arrived or caller ~= arrived then
      return redis.error_reply('STRANGER the caller and the server do not know each other')
    end
    if row[4] then return redis.error_reply('RESTORING the store is being restored') end
    life = {incarnation = row[1], mark = tonumber(row[3] or 0)}
    local answer = operation(_, args)
    if type(answer) == 'table' and answer.err then return answer end
    return {life.incarnation, life.mark, answer}
  end
end
