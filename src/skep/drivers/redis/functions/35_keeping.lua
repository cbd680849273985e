-- What belongs to a swarm, which contents it refers to, and how it is forgotten.
--
-- A new kind of key that belongs to a task or a swarm is one word in one of these three lists:
-- `swarm:<id>:<word>`, `swarm:<id>:<word>:<task>` and `swarm:<id>:<word>:<run>:<task>`.

local OF_A_SWARM = {
  'tasks', 'laid', 'ev', 'cmds', 'blobs', 'approvals', 'told', 'placed',
  'mail', 'mail:post', 'mail:ids', 'mail:all', 'mail:lines', 'mail:heads', 'mail:rests',
  'mail:takes', 'mail:held', 'mail:past'
}
local OF_A_TASK = {'t', 'up', 'down', 'open'}
local OF_A_RUN = {'j', 'o'}
local mail = {}  -- 58_mail.lua
local states = {}  -- 64_state.lua

local function keys_of_task(id, key)
  local keys = {}
  for _, part in ipairs(OF_A_TASK) do keys[#keys + 1] = base(id) .. ':' .. part .. ':' .. key end
  local runs = tonumber(redis.call('HGET', task_key(id, key), 'run') or 1)
  for run = 1, runs do
    for _, part in ipairs(OF_A_RUN) do
      keys[#keys + 1] = base(id) .. ':' .. part .. ':' .. run .. ':' .. key
    end
  end
  return keys
end

-- A task that a token names; none of a swarm that was forgotten, although its row may still stand.
local function named(token)
  if redis.call('EXISTS', base(token.swarm)) == 0 then return false end
  return find(token.swarm, token.task)
end

-- Contents. `skep:users:<sha256>` are the swarms that refer to one; without any it is loose.

local function missing(digests)
  for _, digest in ipairs(digests or {}) do
    if redis.call('EXISTS', 'skep:blob:' .. digest) == 0 then return digest end
  end
  return nil
end

local function refer(id, digests)
  for _, digest in ipairs(digests or {}) do
    redis.call('SADD', base(id) .. ':blobs', digest)
    redis.call('SADD', 'skep:users:' .. digest, id)
    redis.call('ZREM', 'skep:loose', digest)
  end
end

local function let_loose(id, digest)
  redis.call('SREM', 'skep:users:' .. digest, id)
  local put_at = redis.call('ZSCORE', 'skep:puts', digest)
  if put_at and redis.call('EXISTS', 'skep:users:' .. digest) == 0 then
    redis.call('ZADD', 'skep:loose', put_at, digest)
  end
end

-- ARGV: now, digest, content.
local function put(_, args)
  local ctx, digest = begin(args[1]), args[2]
  redis.call('SET', 'skep:blob:' .. digest, args[3])
  redis.call('ZADD', 'skep:puts', num(ctx.at), digest)
  if redis.call('EXISTS', 'skep:users:' .. digest) == 0 then
    redis.call('ZADD', 'skep:loose', num(ctx.at), digest)
  end
  return finish(ctx, 1)
end

-- ARGV: now, before, limit. Answers {how many, how many bytes}.
local function drop(_, args)
  local ctx, size = begin(args[1]), 0
  local gone = redis.call('ZRANGEBYSCORE', 'skep:loose', '-inf', '(' .. args[2], 'LIMIT', 0, tonumber(args[3]))
  for _, digest in ipairs(gone) do
    size = size + redis.call('STRLEN', 'skep:blob:' .. digest)
    redis.call('UNLINK', 'skep:blob:' .. digest)
    redis.call('ZREM', 'skep:puts', digest)
    redis.call('ZREM', 'skep:loose', digest)
  end
  return finish(ctx, {#gone, size})
end

-- Forgetting. The hash of the swarm goes first, and with it the swarm is gone for everybody; what
-- it leaves is cleared in pieces, by whoever comes.

local function forget_questions(id)
  for _, approval in ipairs(redis.call('ZRANGE', base(id) .. ':approvals', 0, -1)) do
    redis.call('UNLINK', 'skep:approval:' .. approval)
    for _, index in ipairs({'skep:approvals', 'skep:undecided', 'skep:expiries'}) do
      redis.call('ZREM', index, approval)
    end
  end
end

local function forget_letters(id)
  if tonumber(redis.call('HGET', base(id), 'n:failed')) == 0 then return end
  for _, key in ipairs(each_task(id)) do
    local ordinal = redis.call('HGET', task_key(id, key), 'ordinal')
    redis.call('ZREM', 'skep:dead', ref({id = id, key = key, ordinal = tonumber(ordinal)}))
  end
end

local function forget_one(ctx, id, before)
  local row = redis.call('HMGET', base(id), 'status', 'ended_at')
  if not row[1] or row[1] == 'initializing' then return {'NONE'} end
  if not ENDED[row[1]] or tonumber(row[2]) >= before then return {'KEPT', row[1]} end
  for _, command in ipairs(redis.call('SMEMBERS', base(id) .. ':cmds')) do
    redis.call('DEL', 'skep:cmd:' .. command, 'skep:placed:' .. command)
  end
  forget_questions(id)
  forget_letters(id)
  mail.forget(id)
  census.forget(id)
  states.forget(id)
  census.unlist(id)
  redis.call('DEL', base(id), base(id) .. ':cmds')
  redis.call('ZREM', 'swarm:index', id)
  redis.call('SREM', 'swarm:status:' .. row[1], id)
  redis.call('ZREM', 'skep:ended', id)
  redis.call('ZADD', 'skep:leaving', num(ctx.at), id)
  redis.call('PUBLISH', base(id), 0)
  return {'GONE'}
end

census.forget_one = forget_one

-- ARGV: now, before, then the swarms. Answers {'GONE'}, {'NONE'} or {'KEPT', status} each.
local function forget(_, args)
  local ctx, before, answers = begin(args[1]), tonumber(args[2]), {}
  for i = 3, #args do answers[#answers + 1] = forget_one(ctx, args[i], before) end
  return finish(ctx, answers)
end

-- Remove up to about `limit` keys of a swarm that was forgotten; answers how many.
local function clear_some(id, limit)
  local gone = 0
  while gone < limit do
    local key = redis.call('RPOP', base(id) .. ':tasks')
    if not key then break end
    for _, each in ipairs(keys_of_task(id, key)) do gone = gone + redis.call('UNLINK', each) end
  end
  while gone < limit do
    local digest = redis.call('SPOP', base(id) .. ':blobs')
    if not digest then break end
    let_loose(id, digest)
    gone = gone + 1
  end
  if gone >= limit then return gone end
  for _, part in ipairs(OF_A_SWARM) do gone = gone + redis.call('UNLINK', base(id) .. ':' .. part) end
  return gone + redis.call('ZREM', 'skep:leaving', id)
end

local function clear_wholly(id)
  while redis.call('ZSCORE', 'skep:leaving', id) do clear_some(id, PLAN_TASKS_MAX) end
end

-- ARGV: now, limit. Answers how many keys went; 0 when nothing is left of any forgotten swarm.
local function clear(_, args)
  local ctx = begin(args[1])
  local id = redis.call('ZRANGE', 'skep:leaving', 0, 0)[1]
  return finish(ctx, id and clear_some(id, tonumber(args[2])) or 0)
end

-- ARGV: before, limit. Answers the ids of swarms that ended before, those that ended first first.
local function due(_, args)
  return redis.call('ZRANGEBYSCORE', 'skep:ended', '-inf', '(' .. args[1], 'LIMIT', 0, tonumber(args[2]))
end
