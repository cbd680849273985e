-- Leases.

-- ARGV: now, lease_s, then each token as JSON. Answers {verdict, swarm status, lease until} each.
local function renew(_, args)
  local ctx, lease_s, beats = begin(args[1]), tonumber(args[2]), {}
  for i = 3, #args do
    local token = cjson.decode(args[i])
    local task = named(token)
    local status = task and redis.call('HGET', base(token.swarm), 'status') or ''
    if current(ctx, task, token) then
      local lease = math.min(ctx.at + math.min(lease_s, LEASE_S_MAX), task.hard_until)
      set(task, {lease_until = num(lease)})
      redis.call('ZADD', 'skep:leases', num(lease), ref(task))
      beats[#beats + 1] = {'held', status, num(lease)}
    else
      beats[#beats + 1] = {'lost', status, '0'}
    end
  end
  return beats
end

local function lose(ctx, task, reason)
  local failures = task.failures + 1
  local how = failures >= task.attempts_max and 'task.given_up' or 'task.lost'
  local told = '{"reason":' .. text(reason) .. ',"failures":' .. failures .. '}'
  task.failures, task.nonce = failures, ''
  move(ctx, task, how, told, {failures = failures, nonce = '', reason = reason})
  if how == 'task.given_up' then
    consume_edges(ctx, task, SETTLE_EDGES_MAX)
    end_if_over(ctx, sheet(ctx, task.id))
  end
  return how == 'task.given_up'
end

-- The task of a lease; nothing when its record was lost, or is not that of a holder any more.
local function running(member)
  local task = find(unref(member))
  return task and task.status == 'running' and task or nil
end

-- ARGV: now, worker. Answers how many tasks were freed.
local function reclaim(_, args)
  local ctx = begin(args[1])
  local held = redis.call('SMEMBERS', 'skep:own:' .. args[2])
  table.sort(held)
  local freed = 0
  for _, member in ipairs(held) do
    local task = running(member)
    if task and task.worker == args[2] then
      lose(ctx, task, 'its worker was started again')
      freed = freed + 1
    else
      redis.call('SREM', 'skep:own:' .. args[2], member)
    end
  end
  return finish(ctx, freed)
end

local function due_leases(ctx, limit)
  local due = redis.call('ZRANGEBYSCORE', 'skep:leases', '-inf', '(' .. num(ctx.at), 'LIMIT', 0, limit)
  if #due < limit then
    -- Further away than the longest lease: written before the clock was set back.
    local far = redis.call('ZRANGEBYSCORE', 'skep:leases', '(' .. num(ctx.at + 2 * LEASE_S_MAX),
      '+inf', 'LIMIT', 0, limit - #due)
    for _, member in ipairs(far) do due[#due + 1] = member end
  end
  return due
end

-- ARGV: now, limit, mandate. Answers {lost, given up, woken, drained, timed out, expired}.
local function sweep(_, args)
  local stale = fenced_by_term(args[3])
  if stale then return stale end
  local ctx, limit = begin(args[1]), tonumber(args[2])
  local over = redis.call('ZRANGEBYSCORE', 'skep:deadlines', '-inf', '(' .. num(ctx.at), 'LIMIT', 0, limit)
  for _, id in ipairs(over) do
    local s = sheet(ctx, id)
    cancel(ctx, s, 'its time of ' .. string.format('%g', s.timeout_s) .. ' s was over')
  end
  local lost, given_up = 0, 0
  for _, member in ipairs(due_leases(ctx, limit)) do
    local task = running(member)
    local is_late = task and task.hard_until and task.hard_until < ctx.at
    if not task then
      redis.call('ZREM', 'skep:leases', member)
    elseif lose(ctx, task, is_late and 'its time-out was over' or 'its lease ran out') then
      given_up = given_up + 1
    else
      lost = lost + 1
    end
  end
  local timers = redis.call('ZRANGEBYSCORE', 'skep:timers', '-inf', num(ctx.at), 'LIMIT', 0, limit)
  local woken = 0
  for _, member in ipairs(timers) do
    local task = find(unref(member))
    if not task then
      redis.call('ZREM', 'skep:timers', member)
    elseif sheet(ctx, task.id).status == 'initializing' then
      redis.call('ZADD', 'skep:timers', num(ctx.at + 1), member)  -- its plan is still coming in
    else
      move(ctx, task, 'task.woken', '{}', {wake_at = ''})
      woken = woken + 1
    end
  end
  local drained = 0
  for _, member in ipairs(redis.call('ZRANGE', 'skep:drains', 0, -1)) do
    if drained < limit and redis.call('ZSCORE', 'skep:drains', member) then
      local task = find(unref(member))
      if task then
        drained = drained + consume_edges(ctx, task, limit - drained)
        end_if_over(ctx, sheet(ctx, task.id))
      else
        redis.call('ZREM', 'skep:drains', member)
      end
    end
  end
  local left = redis.call('ZRANGEBYSCORE', 'skep:staged', '-inf', num(ctx.at - STAGE_TTL_S), 'LIMIT', 0, 1)
  for _, id in ipairs(left) do discard(ctx, id, limit) end
  return finish(ctx, {lost, given_up, woken, drained, #over, expire(ctx, limit)})
end

-- Rebuild the index of dead letters when it does not hold as many as the swarms count.
local function mend_dead(ctx, ids)
  local wanted = 0
  for _, id in ipairs(ids) do wanted = wanted + sheet(ctx, id).counts.failed end
  if redis.call('ZCARD', 'skep:dead') == wanted then return end
  redis.call('DEL', 'skep:dead')
  for _, id in ipairs(ids) do
    for _, key in ipairs(sheet(ctx, id).counts.failed > 0 and each_task(id) or {}) do
      local task = find(id, key)
      if task and task.status == 'failed' then
        redis.call('ZADD', 'skep:dead', redis.call('HGET', task_key(id, key), 'ended_at'), ref(task))
      end
    end
  end
end

-- ARGV: now, mandate. Rebuilds ready queues and seats from the task records; answers how many were
-- mended.
local function reconcile(_, args)
  local stale = fenced_by_term(args[2])
  if stale then return stale end
  local ctx, mended = begin(args[1]), 0
  local ids = redis.call('ZRANGE', 'swarm:index', 0, -1)
  for _, id in ipairs(redis.call('ZRANGE', 'skep:staged', 0, -1)) do ids[#ids + 1] = id end
  for _, id in ipairs(ids) do
    local s = sheet(ctx, id)
    if not ENDED[s.status] then
      local wanted = {}
      for _, key in ipairs(each_task(id)) do
        local task = find(id, key)
        if task and task.status == 'ready' then
          wanted[task.lane] = wanted[task.lane] or {}
          table.insert(wanted[task.lane], task)
        end
      end
      for lane, tasks in pairs(wanted) do
        local seat = seat_of(s, lane)
        if seat.ready ~= #tasks then
          for _, task in ipairs(tasks) do
            redis.call('ZADD', base(id) .. ':ready:' .. lane,
              (9 - task.priority) * 1048576 + task.ordinal, task.key)
          end
          seat.ready, seat.dirty = #tasks, true
          mended = mended + 1
        end
      end
      reseat(ctx, s)
    end
  end
  mend_dead(ctx, ids)
  redis.call('HDEL', 'skep:meta', 'unmended')
  return finish(ctx, mended)
end

-- ARGV: now, worker, owner, lease_s, owner to replace (or empty). Answers the owner that stands.
local function hold(_, args)
  local ctx, key = begin(args[1]), 'skep:identity:' .. args[2]
  local row, lease_s = redis.call('HMGET', key, 'owner', 'until'), tonumber(args[4])
  local left = row[1] and tonumber(row[2]) - ctx.at
  -- Further away than a lease can be: written before the clock was set back.
  local is_held = left and left > 0 and left <= 2 * LEASE_S_MAX
  if is_held and row[1] ~= args[3] and row[1] ~= args[5] then return row[1] end
  redis.call('HSET', key, 'owner', args[3], 'until', num(ctx.at + lease_s))
  redis.call('EXPIRE', key, COMMAND_TTL_S)
  return args[3]
end

-- ARGV: now, worker, owner. Lets an identity go, if the owner still has it.
local function let_go(_, args)
  local key = 'skep:identity:' .. args[2]
  if redis.call('HGET', key, 'owner') ~= args[3] then return 0 end
  return redis.call('DEL', key)
end
