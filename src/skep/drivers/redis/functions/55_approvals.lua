-- Questions to people. A pending one is withdrawn when its task has ended or begun its next run;
-- that follows from the task, and is not written.

-- What stands in the block is nobody else's: a chunk of Lua has room for 200 names.
local wait_for, expire, ask_people, decide, look_at
do

local APPROVAL_FIELDS = {
  'swarm', 'task', 'run', 'key', 'fingerprint', 'state', 'expires_at', 'by', 'reason', 'decided_at'
}

local function approval_key(id) return 'skep:approval:' .. id end

local function find_approval(id)
  local row = redis.call('HMGET', approval_key(id), unpack(APPROVAL_FIELDS))
  if not row[1] then return nil end
  local found = {id = id}
  for i, name in ipairs(APPROVAL_FIELDS) do found[name] = row[i] end
  found.run = tonumber(found.run)
  return found
end

local function is_withdrawn(approval, task)
  return approval.state == 'pending' and (not task or TERMINAL[task.status] or task.run ~= approval.run)
end

local function is_awaited(task, id)
  local awaits = redis.call('HGET', task_key(task.id, task.key), 'awaits') or ''
  return string.find(',' .. awaits .. ',', ',' .. id .. ',', 1, true) ~= nil
end

local function run_line(what, approval)
  return base(approval.swarm) .. ':' .. what .. ':' .. approval.run .. ':' .. approval.task
end

-- Store a decision with its step, and wake the task that waits for it.
local function conclude(ctx, approval, task, decision)
  approval.state, approval.by, approval.decided_at = decision.verdict, decision.by, num(ctx.at)
  redis.call('HSET', approval_key(approval.id), 'state', decision.verdict, 'by', decision.by,
    'reason', decision.reason, 'decided_at', approval.decided_at)
  redis.call('ZREM', 'skep:undecided', approval.id)
  redis.call('ZREM', 'skep:expiries', approval.id)
  local line = run_line('j', approval)
  local step = cjson.decode(redis.call('HGET', line, approval.key))
  step.state, step.value = 'recorded', decision.value
  redis.call('HSET', line, approval.key, cjson.encode(step))
  local s, key = sheet(ctx, task.id), '"key":' .. text(approval.key)
  tell(ctx, s, 'step.recorded', task.key, '{' .. key .. ',"effect":"once","calls":1}')
  tell(ctx, s, 'approval.decided', task.key, '{"approval":' .. text(approval.id) .. ',' .. key
    .. ',"verdict":' .. text(decision.verdict) .. ',"by":' .. text(decision.by)
    .. ',"reason":' .. text(decision.reason) .. '}')
  if task.status == 'blocked' and is_awaited(task, approval.id) then
    move(ctx, task, 'task.woken', '{}')
  end
end

local function expire_one(ctx, approval, task)
  conclude(ctx, approval, task, {verdict = 'expired', by = '', reason = '', value = EXPIRED_VALUE})
end

-- Let a blocked task wait for its own questions; one that is decided already wakes it.
function wait_for(ctx, task, awaits)
  local own, is_decided = {}, false
  for _, id in ipairs(awaits) do
    local approval = find_approval(id)
    if approval and approval.swarm == task.id and approval.task == task.key and approval.run == task.run then
      own[#own + 1] = id
      is_decided = is_decided or approval.state ~= 'pending'
    end
  end
  set(task, {awaits = table.concat(own, ',')})
  if is_decided then move(ctx, task, 'task.woken', '{}') end
end

-- Decide up to `limit` questions whose time is over; answers how many.
function expire(ctx, limit)
  local expired = 0
  while expired < limit do
    local due = redis.call('ZRANGEBYSCORE', 'skep:expiries', '-inf', num(ctx.at), 'LIMIT', 0, 1)
    if not due[1] then return expired end
    local approval = find_approval(due[1])
    local task = find(approval.swarm, approval.task)
    if is_withdrawn(approval, task) then
      redis.call('ZREM', 'skep:expiries', approval.id)
      redis.call('ZREM', 'skep:undecided', approval.id)
    else
      expire_one(ctx, approval, task)
      expired = expired + 1
    end
  end
  return expired
end

local function put_question(ctx, ask, task)
  local approval = {swarm = task.id, task = task.key, run = ask.token.run}
  local line, expires_at = run_line('j', approval), ''
  if redis.call('HLEN', line) >= RUN_STEPS_MAX then return {'full'} end
  local place = redis.call('HINCRBY', 'skep:meta', 'approvals', 1)
  if ask.expires_s then
    expires_at = num(ctx.at + ask.expires_s)
    redis.call('ZADD', 'skep:expiries', expires_at, ask.id)
  end
  redis.call('HSET', approval_key(ask.id), 'swarm', task.id, 'task', task.key, 'run', ask.token.run,
    'key', ask.key, 'fingerprint', ask.fingerprint, 'question', ask.question, 'detail', ask.detail,
    'asked_at', num(ctx.at), 'expires_at', expires_at, 'state', 'pending', 'by', '', 'reason', '',
    'decided_at', '')
  redis.call('ZADD', 'skep:approvals', place, ask.id)
  redis.call('ZADD', 'skep:undecided', place, ask.id)
  redis.call('ZADD', base(task.id) .. ':approvals', place, ask.id)
  redis.call('RPUSH', run_line('o', approval), ask.key)
  redis.call('HSET', line, ask.key, cjson.encode({key = ask.key, fingerprint = ask.fingerprint,
    effect = 'once', state = 'open', intent = ask.id, calls = 1}))
  tell(ctx, sheet(ctx, task.id), 'approval.asked', task.key, '{"approval":' .. text(ask.id)
    .. ',"key":' .. text(ask.key) .. ',"question":' .. text(ask.question)
    .. ',"expires_at":' .. (expires_at ~= '' and expires_at or 'null') .. '}')
  return {'asked'}
end

-- ARGV: now, then each question as JSON. Answers {verdict, and the decision when there is one} each.
function ask_people(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 2, #args do
    local ask = cjson.decode(args[i])
    local task, approval = find(ask.token.swarm, ask.token.task), find_approval(ask.id)
    if not current(ctx, task, ask.token) then
      answers[#answers + 1] = {'fenced'}
    elseif not approval then
      answers[#answers + 1] = put_question(ctx, ask, task)
    elseif approval.fingerprint ~= ask.fingerprint then
      answers[#answers + 1] = {'diverged'}
    elseif approval.state == 'pending' then
      answers[#answers + 1] = {'asked'}
    else
      answers[#answers + 1] = {
        'decided', approval.state, approval.by, approval.reason, approval.decided_at
      }
    end
  end
  return finish(ctx, answers)
end

local function decide_one(ctx, reply)
  local approval = find_approval(reply.approval)
  if not approval then return {'NOTFOUND'} end
  local task = find(approval.swarm, approval.task)
  if is_withdrawn(approval, task) then return {'WITHDRAWN', approval.swarm, approval.task} end
  if approval.state == 'pending' and approval.expires_at ~= '' and tonumber(approval.expires_at) <= ctx.at then
    expire_one(ctx, approval, task)
  end
  if approval.state == 'pending' then
    conclude(ctx, approval, task, reply)
    return {'OK'}
  end
  if approval.state == reply.verdict then return {'ALREADY'} end
  return {'DECIDED', approval.state, approval.by, approval.decided_at}
end

-- ARGV: now, then each reply as JSON. Answers OK, ALREADY or why not, each.
function decide(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 2, #args do answers[#answers + 1] = decide_one(ctx, cjson.decode(args[i])) end
  return finish(ctx, answers)
end

-- ARGV: ids. Answers each question's fields with the run and status of its task, or nothing.
function look_at(_, args)
  local rows = {}
  for i, id in ipairs(args) do
    local fields = redis.call('HGETALL', approval_key(id))
    rows[i] = {}
    if fields[1] then
      local approval = find_approval(id)
      local task = find(approval.swarm, approval.task)
      rows[i] = {fields, task.run, task.status}
    end
  end
  return rows
end

end
