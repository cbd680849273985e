-- Large plans come in by pieces, so that no call is long: first the tasks, then the edges, then the
-- flip that makes the swarm visible. Until then it is `initializing`: in no index and in no ring,
-- and unknown to every other operation. Tasks that wait for nothing are ready when they come in,
-- and the first place of the log is kept free for the event that the flip writes.
--
-- `progress` counts the tasks and edges that are in. A piece that does not begin there changes
-- nothing and is told where to go on, so that each may be sent twice, and by two processes.

local function staged(ask)
  local row = redis.call('HMGET', base(ask.swarm), 'status', 'staged_by', 'progress')
  return row[1] == 'initializing' and row[2] == ask.command and tonumber(row[3])
end

-- Delete up to `limit` tasks of a plan that was never finished; true when nothing is left of it.
local function discard(ctx, id, limit)
  local s = sheet(ctx, id)
  local command = redis.call('HGET', base(id), 'staged_by')
  redis.call('DEL', 'skep:stage:' .. command)
  redis.call('HSET', base(id), 'progress', -1)
  for _ = 1, limit do
    local key = redis.call('RPOP', base(id) .. ':tasks')
    if not key then
      leave(s)
      for _, digest in ipairs(redis.call('SMEMBERS', base(id) .. ':blobs')) do let_loose(id, digest) end
      for _, part in ipairs(OF_A_SWARM) do redis.call('DEL', base(id) .. ':' .. part) end
      redis.call('DEL', base(id))
      redis.call('SREM', 'swarm:status:initializing', id)
      redis.call('ZREM', 'skep:staged', id)
      for place, name in ipairs(ctx.order) do
        if name == id then table.remove(ctx.order, place) end
      end
      ctx.sheets[id] = nil
      return true
    end
    redis.call('ZREM', 'skep:timers', ref(find(id, key)))
    redis.call('DEL', unpack(keys_of_task(id, key)))
  end
  return false
end

-- ARGV: now, command as JSON, without tasks. Answers {'STAGED', swarm, progress}, or as `submit`.
local function stage(_, args)
  local ask = cjson.decode(args[2])
  local known, begun = known_command(ask.command, ask.digest)
  if known then return known end
  if begun then return {'STAGED', begun, redis.call('HGET', base(begun), 'progress')} end
  local ctx = begin(args[1])
  local row = redis.call('HMGET', base(ask.swarm), 'status', 'progress')
  if row[1] == 'initializing' and row[2] == '-1' then
    repeat local is_gone = discard(ctx, ask.swarm, PLAN_TASKS_MAX) until is_gone
  elseif row[1] then
    return {'EXISTS'}
  end
  local gone = missing(ask.blobs)
  if gone then return {'NOBLOB', gone} end
  clear_wholly(ask.swarm)
  write_swarm(ctx, ask)
  refer(ask.swarm, ask.blobs)
  redis.call('HSET', base(ask.swarm), 'seq', 1, 'staged_by', ask.command, 'progress', 0)
  redis.call('RPUSH', base(ask.swarm) .. ':ev', '')
  redis.call('SADD', 'swarm:status:initializing', ask.swarm)
  redis.call('ZADD', 'skep:staged', num(ctx.at), ask.swarm)
  redis.call('SET', 'skep:stage:' .. ask.command, ask.digest .. ' ' .. ask.swarm)
  return finish(ctx, {'STAGED', ask.swarm, '0'})
end

-- ARGV: now, piece as JSON {command, swarm, offset, tasks, edges}; an edge is {up, its ordinal,
-- down, its ordinal}. Answers {'STAGED', swarm, progress}, or {'GONE'}.
local function stage_piece(_, args)
  local ask = cjson.decode(args[2])
  local progress = staged(ask)
  if not progress or progress < 0 then return {'GONE'} end
  if progress ~= ask.offset then return {'STAGED', ask.swarm, tostring(progress)} end
  local gone = missing(ask.blobs)
  if gone then return {'NOBLOB', gone} end
  local ctx, id = begin(args[1]), ask.swarm
  local s = sheet(ctx, id)
  refer(id, ask.blobs)
  for place, spec in ipairs(ask.tasks) do
    local task = new_task(s, spec, ask.offset + place - 1, spec.unmet)
    write_task(ctx, s, task, spec, status_of_new(task))
    release_new(ctx, s, task)
  end
  for _, edge in ipairs(ask.edges) do
    wire(id, {key = edge[1], ordinal = edge[2]}, {key = edge[3], ordinal = edge[4], unmet = 0}, false)
  end
  progress = progress + #ask.tasks + #ask.edges
  redis.call('HSET', base(id), 'progress', progress)
  redis.call('ZADD', 'skep:staged', num(ctx.at), id)
  ctx.rings = false  -- nobody may take any of it yet
  return finish(ctx, {'STAGED', id, tostring(progress)})
end

-- ARGV: now, command as JSON {command, digest, swarm, total}. Makes the whole swarm visible.
local function stage_flip(_, args)
  local ask = cjson.decode(args[2])
  local known = known_command(ask.command, ask.digest)
  if known then return known end
  local progress = staged(ask)
  if not progress or progress < 0 then return {'GONE'} end
  if progress ~= ask.total then return {'STAGED', ask.swarm, tostring(progress)} end
  local ctx, id = begin(args[1]), ask.swarm
  local s, keys = sheet(ctx, id), {}
  for i, key in ipairs(each_task(id)) do keys[i] = {key = key} end
  local began = redis.call('HGET', base(id), 'created_at')
  local start = {seq = 0, events = {}}
  tell({stamp = began}, start, 'swarm.submitted', nil, '{' .. keys_told(keys) .. '}')
  redis.call('LSET', base(id) .. ':ev', 0, start.events[1])
  s.status = SWARM_MOVES[s.status]['swarm.submitted']
  start_clock(ctx, s)
  reseat(ctx, s)
  redis.call('ZADD', 'swarm:index', 0, id)
  redis.call('ZREM', 'skep:staged', id)
  redis.call('HDEL', base(id), 'staged_by', 'progress')
  redis.call('DEL', 'skep:stage:' .. ask.command)
  remember_command(ask.command, ask.digest, id)
  redis.call('PUBLISH', base(id), s.seq)
  return finish(ctx, {'OK', id})
end
