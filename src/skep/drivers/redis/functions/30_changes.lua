-- Changes.

-- Kinds and keys are names (records/ids.py): nothing in them has to be escaped.
local function tell(ctx, s, kind, key, data)
  s.seq = s.seq + 1
  local event = '{"seq":' .. s.seq .. ',"kind":"' .. kind .. '","at":' .. ctx.stamp
  if key then event = event .. ',"task":"' .. key .. '"' end
  s.events[#s.events + 1] = event .. ',"data":' .. (data or '{}') .. '}'
end

local purse = {}  -- 32_purse.lua

local function reseat(ctx, s)
  local may = may_run(s)
  if not s.seats and may == s.may then return end  -- what nobody has read stands as it stood
  s.may = may
  for lane, seat in pairs(seats_of(s)) do
    local eligible = may and seat.ready > 0
    if eligible and not seat.eligible then
      local floor = tonumber(redis.call('HGET', 'skep:lane:' .. lane, 'floor'))
      if floor > seat.vt then seat.vt = floor end
      ctx.rings = true
    end
    if eligible ~= seat.eligible then seat.dirty = true end
    seat.eligible = eligible
  end
end

local function seat_of(s, lane)
  local seat = seats_of(s)[lane]
  if seat then return seat end
  local queue = string.sub(lane, 1, string.find(lane, '|', 1, true) - 1)
  redis.call('SADD', 'skep:queue:' .. queue, lane)
  redis.call('HSETNX', 'skep:lane:' .. lane, 'floor', 0)
  redis.call('HSETNX', 'skep:lane:' .. lane, 'turn', 0)
  redis.call('HINCRBY', 'skep:lane:' .. lane, 'seats', 1)
  seat = {vt = 0, eligible = false, ready = 0, dirty = true}
  s.seats[lane] = seat
  return seat
end

local function leave(s)
  for lane, _ in pairs(seats_of(s)) do
    redis.call('ZREM', 'skep:ring:' .. lane, s.id)
    -- An empty ring keeps no floor, for there is nobody left to be fair to.
    if redis.call('HINCRBY', 'skep:lane:' .. lane, 'seats', -1) <= 0 then
      redis.call('DEL', 'skep:lane:' .. lane)
      local queue = string.sub(lane, 1, string.find(lane, '|', 1, true) - 1)
      redis.call('SREM', 'skep:queue:' .. queue, lane)
    end
    redis.call('DEL', base(s.id) .. ':ready:' .. lane)
  end
  redis.call('DEL', base(s.id) .. ':seats')
  redis.call('ZREM', 'skep:deadlines', s.id)
  for _, id in ipairs(redis.call('ZRANGE', base(s.id) .. ':approvals', 0, -1)) do
    redis.call('ZREM', 'skep:undecided', id)
    redis.call('ZREM', 'skep:expiries', id)
  end
  s.seats = {}
  for _, member in ipairs(redis.call('ZRANGE', 'skep:drains', 0, -1)) do
    if unref(member) == s.id then redis.call('ZREM', 'skep:drains', member) end
  end
end

-- Move a task's status with counts, seat and queue; gives what it was before.
local function shift(ctx, s, task, how)
  local before, after = task.status, TASK_MOVES[task.status][how]
  task.status = after
  s.counts[before] = s.counts[before] - 1
  s.counts[after] = s.counts[after] + 1
  if before == 'ready' or after == 'ready' then
    local seat = seat_of(s, task.lane)
    local queue = base(task.id) .. ':ready:' .. task.lane
    if after == 'ready' then
      later(ctx, 'ZADD', queue, (9 - task.priority) * 1048576 + task.ordinal, task.key)
      seat.ready = seat.ready + 1
      ctx.rings = true
    else
      later(ctx, 'ZREM', queue, task.key)
      seat.ready = seat.ready - 1
    end
  end
  return before
end

local function move(ctx, task, how, told, columns)
  local s = sheet(ctx, task.id)
  if task.status == 'running' then
    purse.lose_calls(ctx, s, task)
    pools.end_attempt(ctx, s, task)
  end
  local before = shift(ctx, s, task, how)
  local after, member = task.status, ref(task)
  columns = columns or {}
  columns.status = after
  if before == 'running' then
    later(ctx, 'ZREM', 'skep:leases', member)
    later(ctx, 'SREM', 'skep:own:' .. task.worker, member)
    columns.worker, columns.lease_until, columns.hard_until = '', '', ''
  end
  if before == 'sleeping' then redis.call('ZREM', 'skep:timers', member) end
  if after == 'sleeping' then redis.call('ZADD', 'skep:timers', columns.wake_at, member) end
  if after == 'failed' then redis.call('ZADD', 'skep:dead', num(ctx.at), member) end
  if before == 'failed' then redis.call('ZREM', 'skep:dead', member) end
  if TERMINAL[after] then
    columns.ended_at = ctx.stamp
  elseif TERMINAL[before] then
    columns.ended_at = ''
  end
  set(task, columns)
  reseat(ctx, s)
  tell(ctx, s, how, task.key, told)
end

local function move_swarm(ctx, s, how, told)
  s.status = SWARM_MOVES[s.status][how]
  if ENDED[s.status] then
    s.ended_at = num(ctx.at)
    pools.end_swarm(ctx, s)
    leave(s)
  else
    s.ended_at = ''
  end
  reseat(ctx, s)
  tell(ctx, s, how, nil, told)
end

local function reason_told(reason) return '{"reason":' .. text(reason) .. '}' end

local function release(ctx, task, columns)
  columns = columns or {}
  if task.delay_s > 0 then
    columns.wake_at = num(ctx.at + task.delay_s)
    move(ctx, task, 'task.postponed', '{"wake_at":' .. columns.wake_at .. '}', columns)
  else
    move(ctx, task, 'task.released', '{}', columns)
  end
end

-- The status under which a task of a new plan is written: what waits for nothing, not even for
-- time, is ready from the beginning, and `release_new` only has to tell of it.
local function status_of_new(task)
  local is_free = task.unmet == 0 and task.delay_s == 0
  return is_free and TASK_MOVES.waiting['task.released'] or 'waiting'
end

local function release_new(ctx, s, task)
  if task.unmet > 0 then return end
  if task.delay_s > 0 then return release(ctx, task) end
  shift(ctx, s, task, 'task.released')
  reseat(ctx, s)
  tell(ctx, s, 'task.released', task.key)
end

local function cancel_for(ctx, down, up, columns)
  columns = columns or {}
  local did = up.status == 'failed' and 'failed' or ('was ' .. up.status)
  columns.reason = 'task ' .. up.key .. ', which it waits for, ' .. did
  move(ctx, down, 'task.cancelled', reason_told(columns.reason), columns)
end

local function consume_one(ctx, up, budget, ended)
  local open = base(up.id) .. ':open:' .. up.key
  local downs = budget > 0 and redis.call('ZRANGE', open, 0, budget - 1) or {}
  for _, key in ipairs(downs) do
    redis.call('ZREM', open, key)
    local down = find(up.id, key) or {unmet = 0}  -- one that has lost its record, see 64_state.lua
    down.unmet = down.unmet - 1
    if not down.status then
      down = nil
    elseif down.status ~= 'waiting' then
      set(down, {unmet = down.unmet})
    elseif up.status ~= 'succeeded' and not down.tolerant then
      cancel_for(ctx, down, up, {unmet = down.unmet})
      ended[#ended + 1] = down
    elseif down.unmet == 0 then
      release(ctx, down, {unmet = 0})
    else
      set(down, {unmet = down.unmet})
    end
  end
  if redis.call('EXISTS', open) == 1 then
    redis.call('ZADD', 'skep:drains', 0, ref(up))
  else
    redis.call('ZREM', 'skep:drains', ref(up))
  end
  return #downs
end

-- Meet up to `budget` edges out of ended tasks; the sweeper goes on with what is left over.
local function consume_edges(ctx, task, budget)
  local left, ended, next_one = budget, {task}, 1
  while ended[next_one] do
    left = left - consume_one(ctx, ended[next_one], left, ended)
    next_one = next_one + 1
  end
  return budget - left
end

-- Release or cancel a task by what its dependencies have come to, if it waits still.
local function settle_waiting(ctx, key, id)
  local task = find(id, key)
  if task.status ~= 'waiting' then return end
  for _, name in ipairs(redis.call('ZRANGE', base(id) .. ':up:' .. key, 0, -1)) do
    local up = find(id, name)
    if TERMINAL[up.status] and up.status ~= 'succeeded' and not task.tolerant then
      cancel_for(ctx, task, up)
      consume_edges(ctx, task, SETTLE_EDGES_MAX)
      return
    end
  end
  if task.unmet == 0 then release(ctx, task) end
end

local function unserved_sink(s)
  if s.counts.failed + s.counts.cancelled == 0 then return nil end
  for _, key in ipairs(redis.call('LRANGE', base(s.id) .. ':tasks', 0, -1)) do
    local row = redis.call('HMGET', task_key(s.id, key), 'status', 'reason')
    local is_bad = row[1] == 'failed' or row[1] == 'cancelled'
    if is_bad and not placing.is_moved(row[1], row[2]) then
      if redis.call('EXISTS', base(s.id) .. ':down:' .. key) == 0 then
        return 'task ' .. key .. ': ' .. row[2]
      end
    end
  end
  return nil
end

local function end_if_over(ctx, s)
  if ENDED[s.status] or s.sealed ~= '1' then return end
  for _, status in ipairs(STATUSES) do
    if not TERMINAL[status] and s.counts[status] > 0 then return end
  end
  local sink = unserved_sink(s)
  s.reason = sink or ''
  move_swarm(ctx, s, sink and 'swarm.failed' or 'swarm.completed', reason_told(s.reason))
end

local SHEET_FIELDS = {'status', 'sealed', 'cap', 'seq', 'deadline', 'ended_at', 'reason'}

-- Whether a swarm may be at rest (policy/endings.py); whoever hears of it looks for himself.
local function may_rest(s)
  if ENDED[s.status] then return true end
  if s.counts.running > 0 then return false end
  return s.status == 'paused'
    or s.counts.blocked > 0 and s.counts.ready + s.counts.sleeping == 0
end

local function write_sheet(ctx, s)
  local key, args = base(s.id), {}
  local function keep(name, value)
    if s.stored[name] ~= tostring(value) then
      args[#args + 1] = name
      args[#args + 1] = value
    end
  end
  for _, name in ipairs(SHEET_FIELDS) do keep(name, s[name]) end
  for _, status in ipairs(STATUSES) do keep('n:' .. status, s.counts[status]) end
  if #args > 0 then redis.call('HSET', key, unpack(args)) end
  for lane, seat in pairs(s.seats or {}) do
    if seat.dirty then
      redis.call('HSET', key .. ':seats', lane, string.format('%d', seat.vt) .. '|' .. (seat.eligible and '1' or '0'))
      if seat.eligible then
        later(ctx, 'ZADD', 'skep:ring:' .. lane, seat.vt, s.id)
      else
        later(ctx, 'ZREM', 'skep:ring:' .. lane, s.id)
      end
    end
  end
  if s.status ~= s.was then
    if s.was ~= '' then redis.call('SREM', 'swarm:status:' .. s.was, s.id) end
    redis.call('SADD', 'swarm:status:' .. s.status, s.id)
    census.listed(s)
    if ENDED[s.status] then
      redis.call('ZADD', 'skep:ended', s.ended_at, s.id)
    else
      redis.call('ZREM', 'skep:ended', s.id)
    end
  end
  if s.sealed ~= '1' or s.stored.sealed ~= '1' then placing.note(s) end
  for i = 1, #s.events, 1000 do
    redis.call('RPUSH', key .. ':ev', unpack(s.events, i, math.min(i + 999, #s.events)))
  end
  if #s.events > 0 then
    redis.call('PUBLISH', 'swarm:' .. s.id, s.seq)
    if may_rest(s) then redis.call('PUBLISH', 'skep:rests', s.id) end
  end
end

-- Write the sheets and what was put off, and wake whoever waits; every operation that changes
-- something ends with it.
local function finish(ctx, answer)
  for _, id in ipairs(ctx.order) do write_sheet(ctx, ctx.sheets[id]) end
  for _, put_off in ipairs(ctx.later) do redis.call(unpack(put_off)) end
  life.mark = redis.call('HINCRBY', 'skep:meta', 'mark', 1)
  if ctx.rings then redis.call('PUBLISH', 'swarm:tasks', '') end
  return answer
end
