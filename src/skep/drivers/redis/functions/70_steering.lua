-- Steering.

-- What stands in the block is nobody else's: a chunk of Lua has room for 200 names.
local cancel, reopen, steer
do

-- Every task that has not ended is cancelled in one call, so each costs as little as can be: what
-- `move` would do for its seat is done by `leave`, when the swarm has ended.
local function cancel_all(ctx, s, reason)
  local told, at = reason_told(reason), num(ctx.at)
  for place, key in ipairs(each_task(s.id)) do
    local name = task_key(s.id, key)
    local status = redis.call('HGET', name, 'status')
    if status and not TERMINAL[status] then
      local member = ref({id = s.id, ordinal = place - 1, key = key})
      if status == 'running' then
        redis.call('ZREM', 'skep:leases', member)
        redis.call('SREM', 'skep:own:' .. redis.call('HGET', name, 'worker'), member)
        redis.call('HSET', name, 'worker', '', 'lease_until', '', 'hard_until', '')
      elseif status == 'sleeping' then
        redis.call('ZREM', 'skep:timers', member)
      end
      redis.call('HSET', name, 'status', 'cancelled', 'reason', reason, 'ended_at', at)
      s.counts[status] = s.counts[status] - 1
      s.counts.cancelled = s.counts.cancelled + 1
      if status == 'running' then purse.lose_calls(ctx, s, find(s.id, key)) end
      tell(ctx, s, 'task.cancelled', key, told)
    end
  end
end

function cancel(ctx, s, reason)
  pools.end_swarm(ctx, s)
  cancel_all(ctx, s, reason)
  s.reason = reason
  move_swarm(ctx, s, 'swarm.cancelled', reason_told(reason))
end

local function resume(ctx, s, reason)
  for _, key in ipairs(each_task(s.id)) do
    local row = redis.call('HMGET', task_key(s.id, key), 'status', 'failures')
    if (row[2] or '0') ~= '0' and not TERMINAL[row[1]] then
      redis.call('HSET', task_key(s.id, key), 'failures', 0)
    end
  end
  purse.no_longer_empty(s.id)
  start_clock(ctx, s)
  move_swarm(ctx, s, 'swarm.resumed', reason_told(reason))
end
states.resume = resume

local function raise(ctx, s, ask)
  local told, was_empty = purse.raise(s.id, ask.limits, ask.reason)
  move_swarm(ctx, s, 'purse.raised', told)
  if was_empty and s.status == 'paused' then resume(ctx, s, ask.reason) end
end

-- Cancel what another task waits for, and let go of the last tasks with what there is.
local function cut_short(ctx, s, reason)
  local was_empty, last = purse.no_longer_empty(s.id), {}
  s.sealed = '1'
  move_swarm(ctx, s, 'swarm.cut_short', reason_told(reason))
  for _, key in ipairs(each_task(s.id)) do
    local task = find(s.id, key)
    local is_last = redis.call('EXISTS', base(s.id) .. ':down:' .. key) == 0
    if not is_last and not TERMINAL[task.status] then
      move(ctx, task, 'task.cancelled', reason_told(CUT_SHORT), {reason = CUT_SHORT})
    end
    redis.call('DEL', base(s.id) .. ':open:' .. key)
    redis.call('ZREM', 'skep:drains', ref(task))
    set(task, {unmet = 0})
    task.unmet = 0
    if is_last and task.status == 'waiting' then last[#last + 1] = task end
  end
  for _, task in ipairs(last) do release(ctx, task) end
  if was_empty and s.status == 'paused' then resume(ctx, s, reason) end
  end_if_over(ctx, s)
end

local UNSERVED, DEAD = {failed = true, cancelled = true, blocked = true}, {failed = true}

-- The tasks to reopen and all that follows them, in the order of the plan; or why not.
local function reopening(s, ask)
  local meant, wanted = ask.tasks, ask.is_replay and DEAD or UNSERVED
  local keys, found, frontier = each_task(s.id), {}, {}
  if #meant == 0 then
    for _, key in ipairs(keys) do
      local row = redis.call('HMGET', task_key(s.id, key), 'status', 'reason')
      if wanted[row[1]] and not placing.is_moved(row[1], row[2]) then meant[#meant + 1] = key end
    end
  end
  if #meant == 0 then return nil, {'NOTHING'} end
  local is_meant = to_set(meant)
  for _, key in ipairs(meant) do
    local status = redis.call('HGET', task_key(s.id, key), 'status')
    if not status then return nil, {'NOTASK', key} end
    if ask.is_replay and not DEAD[status] then return nil, {'NOTDEAD', key, status} end
    found[key] = true
    frontier[#frontier + 1] = key
  end
  while #frontier > 0 do
    local key = table.remove(frontier)
    for _, down in ipairs(redis.call('LRANGE', base(s.id) .. ':down:' .. key, 0, -1)) do
      if not found[down] then
        found[down] = true
        frontier[#frontier + 1] = down
      end
    end
  end
  local closure = {}
  for _, key in ipairs(keys) do
    if found[key] then
      local task = find(s.id, key)
      local reason = redis.call('HGET', task_key(s.id, key), 'reason')
      if placing.is_moved(task.status, reason) then return nil, {'MOVED', key} end
      local may = (task.status == 'waiting' and not is_meant[key])
        or (task.status ~= 'waiting' and TASK_MOVES[task.status]['task.reopened'])
      if not may then return nil, {'BUSY', key, task.status} end
      closure[#closure + 1] = task
    end
  end
  return closure
end

local function next_run(ctx, task)
  if task.status == 'waiting' then return end
  task.run = task.run + 1
  task.failures, task.nonce, task.spent = 0, '', ''
  redis.call('ZREM', 'skep:drains', ref(task))
  move(ctx, task, 'task.reopened', '{"run":' .. task.run .. '}', {
    run = task.run, failures = 0, nonce = '', spent = '', outcome = '', reason = '',
    artifacts = '', started_at = '', wake_at = ''
  })
end

local function rewire(task)
  task.unmet = 0
  for _, key in ipairs(redis.call('ZRANGE', base(task.id) .. ':up:' .. task.key, 0, -1)) do
    local open = base(task.id) .. ':open:' .. key
    if TERMINAL[redis.call('HGET', task_key(task.id, key), 'status')] then
      redis.call('ZREM', open, task.key)
    else
      redis.call('ZADD', open, task.ordinal, task.key)
      task.unmet = task.unmet + 1
    end
  end
  set(task, {unmet = task.unmet})
end

function reopen(ctx, s, closure, reason)
  s.reason = ''
  start_clock(ctx, s)
  local told = '{' .. keys_told(closure) .. ',"reason":' .. text(reason) .. '}'
  move_swarm(ctx, s, 'swarm.reopened', told)
  for _, task in ipairs(closure) do next_run(ctx, task) end
  for _, task in ipairs(closure) do rewire(task) end
  for _, task in ipairs(closure) do settle_waiting(ctx, task.key, s.id) end
  end_if_over(ctx, s)
end

local function cap(ctx, s, ask)
  local told = '{"max_agents":' .. ask.max_agents .. ',"was":' .. s.cap .. ',"reason":' .. text(ask.reason) .. '}'
  s.cap = ask.max_agents
  move_swarm(ctx, s, 'swarm.capped', told)
end

-- Carry out an order that asks for something new; why not, or nothing.
local function carry_out(ctx, s, ask)
  if ask.move == 'swarm.told' then return tell_swarm(ctx, s, ask) end
  if not SWARM_MOVES[s.status][ask.move] then return {'ILLEGAL', s.status} end
  if ask.move == 'swarm.cancelled' then
    cancel(ctx, s, ask.reason ~= '' and ask.reason or 'the swarm was cancelled')
  elseif ask.move == 'swarm.resumed' then
    resume(ctx, s, ask.reason)
  elseif ask.move == 'swarm.reopened' then
    local closure, refused = reopening(s, ask)
    if refused then return refused end
    reopen(ctx, s, closure, ask.reason)
  elseif ask.move == 'swarm.capped' then
    cap(ctx, s, ask)
  elseif ask.move == 'purse.raised' then
    raise(ctx, s, ask)
  elseif ask.move == 'swarm.cut_short' then
    cut_short(ctx, s, ask.reason)
  else
    if ask.move == 'swarm.sealed' then s.sealed = '1' end
    move_swarm(ctx, s, ask.move, reason_told(ask.reason))
    end_if_over(ctx, s)
  end
  return nil
end

-- ARGV: now, order as JSON {swarm, move, goal, tasks, reason, max_agents, limits, is_replay, text, by,
-- command, digest}.
-- Answers the status, or why not.
function steer(_, args)
  local ctx, ask = begin(args[1]), cjson.decode(args[2])
  local has_command = ask.command ~= ''
  local known = has_command and known_command(ask.command, ask.digest)
  if known and known[1] == 'CONFLICT' then return known end
  local s = sheet(ctx, ask.swarm)
  if not s or s.status == 'initializing' then return {'NOSWARM'} end
  if known then return {'OK', s.status} end
  local is_so_already = s.status == ask.goal
    or (ask.move == 'swarm.sealed' and s.sealed == '1')
    or (ask.move == 'swarm.capped' and s.cap == ask.max_agents)
  if is_so_already and not has_command then return {'OK', s.status} end
  local refused = not is_so_already and carry_out(ctx, s, ask)
  if refused then return refused end
  if has_command then remember_command(ask.command, ask.digest, ask.swarm) end
  return finish(ctx, {'OK', s.status})
end

end
