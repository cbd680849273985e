-- Reading tasks, many by one call: a command for each costs its caller more than the server.

-- Without `key`, which the caller knows; SEEN of answers.py is the same list.
local SEEN = {
  'ordinal', 'spec', 'status', 'unmet', 'run', 'attempt', 'failures', 'outcome', 'reason', 'worker',
  'lease_until', 'hard_until', 'awaits', 'wake_at', 'started_at', 'ended_at'
}

local function is_seen(id)
  local status = redis.call('HGET', base(id), 'status')
  return status and status ~= 'initializing'
end

local function seen(id, key)
  local row = redis.call('HMGET', task_key(id, key), unpack(SEEN))
  if not row[1] then return {} end
  row[#row + 1] = redis.call('EXISTS', base(id) .. ':down:' .. key)
  return row
end

-- ARGV: swarm, then keys. Answers the fields of each task, and whether another waits for it; none
-- for a task that is not there.
local function some_tasks(_, args)
  local rows, id = {}, args[1]
  if not is_seen(id) then return rows end
  for i = 2, #args do rows[i - 1] = seen(id, args[i]) end
  return rows
end

-- ARGV: swarm, the place in the plan to begin at, how many. Answers each task with its key before.
local function plan_tasks(_, args)
  local rows, id, from = {}, args[1], tonumber(args[2])
  if not is_seen(id) then return {'NOSWARM'} end
  for i, key in ipairs(redis.call('LRANGE', base(id) .. ':tasks', from, from + tonumber(args[3]) - 1)) do
    rows[i] = {key, seen(id, key)}
  end
  return rows
end
