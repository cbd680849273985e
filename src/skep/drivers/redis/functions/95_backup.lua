-- Backing up and restoring. A backup reads swarm by swarm, each as it is at one moment.
--
-- A restore brings everything in under `skep:in:<token>:` first, where nobody looks: the keys of
-- the backup, and the indices made anew from them. Then `commit` opens the new incarnation and
-- closes the store; what is left to do is rolled forward by whoever comes, in pieces: the old keys
-- go (`clear`), the new ones get their names (`move`), what ran is handed back (`mend`). So until
-- `commit` it is the old store, and from there on it will be the new one.

local SIDE = 'skep:in:'
local PIECE = 500

-- ARGV: swarm. Answers {its contents, then key, time to live in ms, payload, ...}; {} for none.
local function pack(_, args)
  local id = args[1]
  local status = redis.call('HGET', base(id), 'status')
  if not status or status == 'initializing' then return {} end
  local packed = {redis.call('SMEMBERS', base(id) .. ':blobs')}
  local function add(key, ttl)
    local payload = redis.call('DUMP', key)
    if payload then
      packed[#packed + 1] = key
      packed[#packed + 1] = tostring(ttl)
      packed[#packed + 1] = payload
    end
  end
  add(base(id), 0)
  local captures, parts = states.keys(id)
  for _, key in ipairs(captures) do add(key, 0) end
  for _, digest in ipairs(parts) do table.insert(packed[1], digest) end
  for _, part in ipairs(OF_A_SWARM) do add(base(id) .. ':' .. part, 0) end
  for _, command in ipairs(redis.call('SMEMBERS', base(id) .. ':cmds')) do
    local key = 'skep:cmd:' .. command
    local ttl = math.max(redis.call('PTTL', key), 1)
    add(key, ttl)
    add('skep:placed:' .. command, ttl)
  end
  for _, approval in ipairs(redis.call('ZRANGE', base(id) .. ':approvals', 0, -1)) do
    add('skep:approval:' .. approval, 0)
  end
  for _, key in ipairs(each_task(id)) do
    for _, each in ipairs(keys_of_task(id, key)) do add(each, 0) end
  end
  return packed
end

-- ARGV: token, then key, time to live, payload, ...
local function load(_, args)
  for i = 2, #args, 3 do
    redis.call('RESTORE', SIDE .. args[1] .. ':' .. args[i], args[i + 1], args[i + 2], 'REPLACE')
  end
  return 1
end

-- ARGV: now, token, digest, content.
local function load_content(_, args)
  local ctx, side = begin(args[1]), SIDE .. args[2] .. ':'
  redis.call('SET', side .. 'skep:blob:' .. args[3], args[4])
  redis.call('ZADD', side .. 'skep:puts', num(ctx.at), args[3])
  return 1
end

local function index_task(side, id, key)
  local row = redis.call('HMGET', side .. task_key(id, key), 'status', 'ordinal', 'wake_at')
  local member = ref({id = id, key = key, ordinal = tonumber(row[2])})
  if row[1] == 'sleeping' then redis.call('ZADD', side .. 'skep:timers', row[3], member) end
  if row[1] == 'running' then redis.call('SADD', side .. 'skep:held', member) end
  if TERMINAL[row[1]] and redis.call('EXISTS', side .. base(id) .. ':open:' .. key) == 1 then
    redis.call('ZADD', side .. 'skep:drains', 0, member)
  end
end

local function index_questions(side, id)
  local asked = redis.call('ZRANGE', side .. base(id) .. ':approvals', 0, -1, 'WITHSCORES')
  for i = 1, #asked, 2 do
    local row = redis.call('HMGET', side .. 'skep:approval:' .. asked[i], 'state', 'expires_at')
    redis.call('ZADD', side .. 'skep:approvals', asked[i + 1], asked[i])
    if row[1] == 'pending' then
      redis.call('ZADD', side .. 'skep:undecided', asked[i + 1], asked[i])
      if row[2] ~= '' then redis.call('ZADD', side .. 'skep:expiries', row[2], asked[i]) end
    end
  end
end

-- ARGV: token, swarm, seconds by which its time-out moves. Makes the indices of a loaded swarm.
local function index(_, args)
  local side, id = SIDE .. args[1] .. ':', args[2]
  local row = redis.call('HMGET', side .. base(id), 'status', 'ended_at', 'deadline')
  redis.call('ZADD', side .. 'swarm:index', 0, id)
  redis.call('SADD', side .. 'swarm:status:' .. row[1], id)
  for _, digest in ipairs(redis.call('SMEMBERS', side .. base(id) .. ':blobs')) do
    redis.call('SADD', side .. 'skep:users:' .. digest, id)
  end
  index_questions(side, id)
  mail.index(side, id)
  census.index(side, id)
  states.index(side, id)
  census.list_restored(side, id)
  if ENDED[row[1]] then return redis.call('ZADD', side .. 'skep:ended', row[2], id) end
  if row[3] ~= '' then
    local deadline = num(tonumber(row[3]) + tonumber(args[3]))
    redis.call('HSET', side .. base(id), 'deadline', deadline)
    redis.call('ZADD', side .. 'skep:deadlines', deadline, id)
  end
  for _, key in ipairs(redis.call('LRANGE', side .. base(id) .. ':tasks', 0, -1)) do
    index_task(side, id, key)
  end
  return 1
end

-- ARGV: now, token, fresh incarnation.
local function commit(_, args)
  local ctx = begin(args[1])
  redis.call('HSET', 'skep:meta', 'restoring', 'clear:' .. args[2], 'incarnation', args[3], 'unmended', 1)
  redis.call('DEL', 'skep:lineage')
  local last = redis.call('ZREVRANGE', SIDE .. args[2] .. ':skep:approvals', 0, 0, 'WITHSCORES')[2]
  if last and tonumber(last) > tonumber(redis.call('HGET', 'skep:meta', 'approvals') or 0) then
    redis.call('HSET', 'skep:meta', 'approvals', last)
  end
  life.incarnation = args[3]
  return finish(ctx, 1)
end

local function is_ours(key)
  -- The last election stays: what a restore brings in begins after its term.
  if key == 'skep:meta' or key == 'swarm:leader' then return false end
  if string.sub(key, 1, 14) == 'skep:identity:' then return false end
  return string.sub(key, 1, 6) == 'swarm:' or string.sub(key, 1, 5) == 'skep:'
end

local function hand_back_some(now)
  local ctx = begin(now)
  for _, member in ipairs(redis.call('SPOP', 'skep:held', PIECE)) do
    local task = find(unref(member))
    move(ctx, task, 'task.handed_back', reason_told(RESTORED), {nonce = '', reason = RESTORED})
  end
  finish(ctx, 1)
end

-- ARGV: now, cursor, phase that the cursor belongs to. Answers {phase, cursor}, or {'done', '0'}.
local function roll(_, args)
  local state = redis.call('HGET', 'skep:meta', 'restoring')
  if not state then return {'done', '0'} end
  local phase, token = string.match(state, '^(%a+):(.*)$')
  local row = redis.call('HMGET', 'skep:meta', 'incarnation', 'mark')
  life = {incarnation = row[1], mark = tonumber(row[2] or 0)}
  if phase == 'mend' then
    if redis.call('EXISTS', 'skep:held') == 0 then
      redis.call('HDEL', 'skep:meta', 'restoring')
      return {'done', '0'}
    end
    hand_back_some(args[1])
    return {phase, '0'}
  end
  local side = SIDE .. token .. ':'
  local found = redis.call('SCAN', args[3] == phase and args[2] or '0', 'COUNT', PIECE)
  for _, key in ipairs(found[2]) do
    local is_new = string.sub(key, 1, #side) == side
    if phase == 'clear' and is_ours(key) and not is_new then redis.call('UNLINK', key) end
    if phase == 'move' and is_new then redis.call('RENAME', key, string.sub(key, #side + 1)) end
  end
  if found[1] == '0' then
    redis.call('HSET', 'skep:meta', 'restoring', (phase == 'clear' and 'move:' or 'mend:') .. token)
  end
  return {phase, found[1]}
end
