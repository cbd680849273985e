-- Rows.

local SWARM_FIELDS = {
  'status', 'sealed', 'cap', 'priority', 'seq', 'timeout_s', 'deadline', 'ended_at', 'reason',
  'holds'
}
local SHEET_READ = {}  -- those, then the counts
for i = 1, #SWARM_FIELDS do SHEET_READ[i] = SWARM_FIELDS[i] end
for i = 1, #STATUSES do SHEET_READ[#SHEET_READ + 1] = 'n:' .. STATUSES[i] end
local TASK_FIELDS = {
  'status', 'unmet', 'run', 'attempt', 'failures', 'nonce', 'spent', 'lane', 'ordinal',
  'priority', 'tolerant', 'delay_s', 'attempts_max', 'hard_until', 'worker', 'paying'
}
local GRANT_FIELDS = {}  -- those, then what a grant tells besides
for i = 1, #TASK_FIELDS do GRANT_FIELDS[i] = TASK_FIELDS[i] end
GRANT_FIELDS[#GRANT_FIELDS + 1] = 'spec'
GRANT_FIELDS[#GRANT_FIELDS + 1] = 'timeout_s'

local function base(id) return 'swarm:' .. id end
local function task_key(id, key) return base(id) .. ':t:' .. key end
local function each_task(id) return redis.call('LRANGE', base(id) .. ':tasks', 0, -1) end
local function ref(task) return string.format('%s/%06d/%s', task.id, task.ordinal, task.key) end
local function unref(member)
  local id, _, key = string.match(member, '^(.*)/(%d+)/([^/]*)$')
  return id, key
end

local function begin(now)
  local at = tonumber(now)
  if not at then
    local t = redis.call('TIME')
    at = tonumber(t[1]) + tonumber(t[2]) / 1000000
  end
  return {
    at = at, stamp = num(at), incarnation = life.incarnation, sheets = {}, order = {}, rings = false, told = {},
    later = {}
  }
end

-- Put off a command that takes many members at once until the operation ends (see `finish`): one
-- ZADD for a batch in place of one for each task. Only for keys that are not read meanwhile.
local function later(ctx, command, key, first, second)
  local keys = ctx.later[command] or {}
  ctx.later[command] = keys
  local put_off = keys[key]
  if not put_off or #put_off >= 1000 then
    put_off = {command, key}
    keys[key] = put_off
    ctx.later[#ctx.later + 1] = put_off
  end
  put_off[#put_off + 1] = first
  if second then put_off[#put_off + 1] = second end
end

-- Whether tasks of a swarm may be given out now.
local function may_run(s) return s.status == 'active' and s.cap - s.counts.running > 0 end

-- The seats of a swarm by lane, read when they are asked for: most settlements change none.
local function seats_of(s)
  if s.seats then return s.seats end
  s.seats = {}
  local rows = redis.call('HGETALL', base(s.id) .. ':seats')
  for i = 1, #rows, 2 do
    local at = string.find(rows[i + 1], '|', 1, true)
    s.seats[rows[i]] = {
      vt = tonumber(string.sub(rows[i + 1], 1, at - 1)),
      eligible = string.sub(rows[i + 1], at + 1) == '1',
      ready = redis.call('ZCARD', base(s.id) .. ':ready:' .. rows[i])
    }
  end
  return s.seats
end

local function sheet(ctx, id)
  local known = ctx.sheets[id]
  if known ~= nil then return known end
  local row = redis.call('HMGET', base(id), unpack(SHEET_READ))
  if not row[1] then
    ctx.sheets[id] = false
    return false
  end
  local found = {
    id = id, status = row[1], sealed = row[2], cap = tonumber(row[3]), priority = tonumber(row[4]),
    seq = tonumber(row[5]), timeout_s = tonumber(row[6]), deadline = row[7], ended_at = row[8],
    reason = row[9], holds = tonumber(row[10] or 0), counts = {}, events = {}, was = row[1], stored = {}
  }
  for i, name in ipairs(SHEET_READ) do found.stored[name] = row[i] end
  for i, status in ipairs(STATUSES) do
    found.counts[status] = tonumber(row[#SWARM_FIELDS + i])
  end
  found.may = may_run(found)
  ctx.sheets[id] = found
  ctx.order[#ctx.order + 1] = id
  return found
end

-- Read a task, and as a second answer the row of its fields. What nothing has happened to yet has no
-- field (see UNTOUCHED in answers.py), for each takes time to write.
local function find(id, key, fields)
  local row = redis.call('HMGET', task_key(id, key), unpack(fields or TASK_FIELDS))
  if not row[1] then return false end
  return {
    id = id, key = key, status = row[1], unmet = tonumber(row[2]), run = tonumber(row[3] or 1),
    attempt = tonumber(row[4] or 0), failures = tonumber(row[5] or 0), nonce = row[6] or '',
    spent = row[7] or '',
    lane = row[8], ordinal = tonumber(row[9]), priority = tonumber(row[10]),
    tolerant = row[11] == '1', delay_s = tonumber(row[12]), attempts_max = tonumber(row[13]),
    hard_until = tonumber(row[14]), worker = row[15] or '', paying = row[16]
  }, row
end

local function set(task, columns)
  local args = {}
  for name, value in pairs(columns) do
    args[#args + 1] = name
    args[#args + 1] = value
  end
  redis.call('HSET', task_key(task.id, task.key), unpack(args))
end
