-- Plans come in.

local function known_command(command, digest)
  local known = redis.call('GET', 'skep:cmd:' .. command)
  local begun = not known and redis.call('GET', 'skep:stage:' .. command)
  if not known and not begun then return nil end
  local first, id = string.match(known or begun, '^(%S+) (.*)$')
  if first ~= digest then return {'CONFLICT'} end
  return known and {'ALREADY', id} or nil, id
end

local function remember_command(command, digest, id)
  redis.call('SET', 'skep:cmd:' .. command, digest .. ' ' .. id, 'EX', COMMAND_TTL_S)
  redis.call('SADD', base(id) .. ':cmds', command)
end

local function wire(id, up, down, met)
  redis.call('RPUSH', base(id) .. ':down:' .. up.key, down.key)
  redis.call('ZADD', base(id) .. ':up:' .. down.key, up.ordinal, up.key)
  if not met then
    redis.call('ZADD', base(id) .. ':open:' .. up.key, down.ordinal, down.key)
    down.unmet = down.unmet + 1
  end
end

local function new_task(s, spec, ordinal, unmet)
  return {
    id = s.id, key = spec.key, status = 'waiting', unmet = unmet, run = 1, attempt = 0,
    failures = 0, nonce = '', spent = '', lane = spec.lane, ordinal = ordinal,
    priority = spec.priority, tolerant = spec.tolerant, delay_s = spec.delay_s,
    attempts_max = spec.attempts_max
  }
end

-- Write a new task, under the status that it has or is about to be given.
local function write_task(ctx, s, task, spec, status)
  later(ctx, 'RPUSH', base(s.id) .. ':tasks', spec.key)
  redis.call('HSET', task_key(s.id, spec.key), 'spec', spec.spec, 'status', status, 'unmet',
    task.unmet, 'lane', spec.lane, 'ordinal', task.ordinal, 'priority', spec.priority, 'tolerant',
    spec.tolerant and '1' or '0', 'delay_s', num(spec.delay_s), 'timeout_s', num(spec.timeout_s),
    'attempts_max', spec.attempts_max)
  s.counts.waiting = s.counts.waiting + 1
end

-- The rows of new tasks, with their edges, but not written yet.
local function rows_of(s, specs)
  local rows, own, ordinal = {}, {}, redis.call('LLEN', base(s.id) .. ':tasks')
  for place, spec in ipairs(specs) do
    rows[place] = new_task(s, spec, ordinal + place - 1, 0)
    own[spec.key] = rows[place]
  end
  for place, spec in ipairs(specs) do
    for _, key in ipairs(spec.after) do
      local up = own[key] or find(s.id, key)
      wire(s.id, up, rows[place], TERMINAL[up.status] or false)
    end
  end
  return rows
end

local function keys_told(rows)
  local keys = {}
  for i, row in ipairs(rows) do keys[i] = text(row.key) end
  return '"tasks":[' .. table.concat(keys, ',') .. ']'
end

local function write_swarm(ctx, ask)
  local row = {
    'request', ask.request, 'status', 'initializing', 'sealed', ask.sealed and '1' or '0', 'cap',
    ask.cap, 'priority', ask.priority, 'seq', 0, 'created_at', num(ctx.at), 'timeout_s',
    ask.timeout_s and num(ask.timeout_s) or '', 'deadline', '', 'ended_at', '', 'reason', ''
  }
  for _, status in ipairs(STATUSES) do
    row[#row + 1] = 'n:' .. status
    row[#row + 1] = 0
  end
  if ask.purse then
    row[#row + 1] = 'purse'
    row[#row + 1] = ask.purse
  end
  if ask.skills then
    row[#row + 1] = 'skills'
    row[#row + 1] = ask.skills
  end
  redis.call('HSET', base(ask.swarm), unpack(row))
end

local function start_clock(ctx, s)
  if s.timeout_s then
    s.deadline = num(ctx.at + s.timeout_s)
    redis.call('ZADD', 'skep:deadlines', s.deadline, s.id)
  end
end

-- ARGV: now, command as JSON. `refused` says that the plan was found wanting before it was sent.
local function submit(_, args)
  local ask = cjson.decode(args[2])
  local known = known_command(ask.command, ask.digest)
  if known then return known end
  if ask.refused then return {'REFUSED'} end
  if redis.call('EXISTS', base(ask.swarm)) == 1 then return {'EXISTS'} end
  local gone = missing(ask.blobs)
  if gone then return {'NOBLOB', gone} end
  local ctx = begin(args[1])
  clear_wholly(ask.swarm)
  write_swarm(ctx, ask)
  refer(ask.swarm, ask.blobs)
  redis.call('ZADD', 'swarm:index', 0, ask.swarm)
  local s = sheet(ctx, ask.swarm)
  start_clock(ctx, s)
  local rows = rows_of(s, ask.tasks)
  for place, spec in ipairs(ask.tasks) do
    write_task(ctx, s, rows[place], spec, status_of_new(rows[place]))
  end
  move_swarm(ctx, s, 'swarm.submitted', '{' .. keys_told(rows) .. '}')
  for _, task in ipairs(rows) do release_new(ctx, s, task) end
  remember_command(ask.command, ask.digest, ask.swarm)
  return finish(ctx, {'OK', ask.swarm})
end

-- Why an addition cannot be stored; nil when it can. Nothing has been written yet.
local function addition_refused(ctx, s, ask, spawner)
  if #ask.tasks > ADDITION_TASKS_MAX then
    return {'LIMIT', 'ADDITION_TASKS_MAX', ADDITION_TASKS_MAX, #ask.tasks}
  end
  local total = redis.call('LLEN', base(s.id) .. ':tasks') + #ask.tasks
  if total > PLAN_TASKS_MAX then return {'LIMIT', 'PLAN_TASKS_MAX', PLAN_TASKS_MAX, total} end
  local own = {}
  for _, spec in ipairs(ask.tasks) do
    if redis.call('EXISTS', task_key(s.id, spec.key)) == 1 then return {'DUPLICATE', spec.key} end
    own[spec.key] = true
  end
  if ask.refused then return {'REFUSED'} end
  for _, spec in ipairs(ask.tasks) do
    for _, key in ipairs(spec.after) do
      if not own[key] then
        local up = find(s.id, key)
        local may = up and (not spawner or TERMINAL[up.status] or key == spawner.key)
        if not may then return {'UNKNOWN', spec.key, key} end
      end
    end
  end
  return nil
end

-- Add tasks that nothing speaks against; `said` is what the event tells besides.
local function extend(ctx, s, ask, spawner, said)
  refer(s.id, ask.blobs)
  local downs = spawner and redis.call('LRANGE', base(s.id) .. ':down:' .. spawner.key, 0, -1) or {}
  local rows = rows_of(s, ask.tasks)
  for place, spec in ipairs(ask.tasks) do write_task(ctx, s, rows[place], spec, 'waiting') end
  for _, key in ipairs(downs) do
    local down = find(s.id, key)
    for _, row in ipairs(rows) do wire(s.id, row, down, false) end
    set(down, {unmet = down.unmet})
  end
  local by = spawner and text(spawner.key) or 'null'
  move_swarm(ctx, s, 'swarm.extended', '{' .. keys_told(rows) .. ',"by":' .. by .. said .. '}')
  for _, row in ipairs(rows) do settle_waiting(ctx, row.key, s.id) end
  remember_command(ask.command, ask.digest, s.id)
end

-- ARGV: now, command as JSON.
local function add(_, args)
  local ask = cjson.decode(args[2])
  local known = known_command(ask.command, ask.digest)
  if known then return known end
  local ctx = begin(args[1])
  local s = sheet(ctx, ask.swarm)
  if not s or s.status == 'initializing' then return {'NOSWARM'} end
  local spawner = nil
  if ask.token then
    spawner = find(s.id, ask.token.task)
    if not current(ctx, spawner, ask.token) then return {'FENCED'} end
  elseif s.sealed == '1' or ENDED[s.status] then
    return {'CLOSED', s.status}
  end
  local refused = addition_refused(ctx, s, ask, spawner)
  if refused then return refused end
  local gone = missing(ask.blobs)
  if gone then return {'NOBLOB', gone} end
  extend(ctx, s, ask, spawner, '')
  return finish(ctx, {'OK', ask.swarm})
end
