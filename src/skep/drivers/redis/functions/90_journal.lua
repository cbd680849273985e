-- The journal.

local function line_of(token) return base(token.swarm) .. ':j:' .. token.run .. ':' .. token.task end
local function order_of(token) return base(token.swarm) .. ':o:' .. token.run .. ':' .. token.task end

local function open(ctx, ask, task, step)
  if not current(ctx, task, ask.token) then return {'fenced'} end
  if not step then
    if redis.call('HLEN', line_of(ask.token)) >= RUN_STEPS_MAX then return {'full'} end
    if ask.told and redis.call('LLEN', base(task.id) .. ':told') > ask.told then return {'unheard'} end
    step = {key = ask.key, fingerprint = ask.fingerprint, effect = ask.effect, state = 'open',
      intent = ask.intent, calls = 1}
    local fit = purse.judge(ctx, task, ask)
    if fit ~= 'fits' then return {fit} end
    purse.reserve(task, ask, step)
    redis.call('RPUSH', order_of(ask.token), ask.key)
    redis.call('HSET', line_of(ask.token), ask.key, cjson.encode(step))
    return {'opened'}
  end
  if step.fingerprint ~= ask.fingerprint then return {'diverged'} end
  if step.state == 'recorded' then return {'found', step.value} end
  if step.intent == ask.intent then return {'opened'} end
  if step.effect == 'once' then
    if step.state == 'open' then
      step.state = 'unknown'
      purse.lose_call(ctx, task, step)
      redis.call('HSET', line_of(ask.token), ask.key, cjson.encode(step))
      tell(ctx, sheet(ctx, task.id), 'step.unknown', task.key, '{"key":' .. text(ask.key) .. '}')
    end
    return {'unknown'}
  end
  purse.lose_call(ctx, task, step)
  local fit = purse.judge(ctx, task, ask)
  if fit == 'fits' then
    step.intent, step.calls = ask.intent, step.calls + 1
    purse.reserve(task, ask, step)
  end
  redis.call('HSET', line_of(ask.token), ask.key, cjson.encode(step))
  return {fit == 'fits' and 'opened' or fit}
end

local function lapse(ctx, ask, task, step)
  if not current(ctx, task, ask.token) then return {'fenced'} end
  if not step then return {'missing'} end
  if step.fingerprint ~= ask.fingerprint then return {'diverged'} end
  purse.lapse(ctx, task, ask, step)
  redis.call('HSET', line_of(ask.token), ask.key, cjson.encode(step))
  return {'lapsed'}
end

local function record(ctx, ask, task, step)
  if ask.token.incarnation ~= ctx.incarnation then return {'fenced'} end
  if not step then return {'missing'} end
  if step.effect ~= 'pure' and not current(ctx, task, ask.token) then return {'fenced'} end
  if step.fingerprint ~= ask.fingerprint then return {'diverged'} end
  if step.state == 'unknown' then return {'unknown'} end
  if step.state == 'open' then
    if missing(ask.blobs) then return {'missing'} end
    refer(task.id, ask.blobs)
    step.state, step.value = 'recorded', ask.value
    if current(ctx, task, ask.token) then purse.settle(ctx, task, ask, step) end
    redis.call('HSET', line_of(ask.token), ask.key, cjson.encode(step))
    local told = '{"key":' .. text(step.key) .. ',"effect":' .. text(step.effect) .. ',"calls":' .. step.calls
      .. purse.told(ask) .. '}'
    tell(ctx, sheet(ctx, task.id), 'step.recorded', task.key, told)
  elseif current(ctx, task, ask.token) and step.reserved then
    purse.settle(ctx, task, ask, step)
    redis.call('HSET', line_of(ask.token), ask.key, cjson.encode(step))
  end
  return {'recorded', step.value}
end

-- ARGV: now, then each entry as JSON; one with a `value` is a result, one with `ended` the end of a
-- call without one. Answers {verdict, messages that the swarm holds, value} each.
local function write(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 2, #args do
    local ask = cjson.decode(args[i])
    local task = named(ask.token)
    if not task then
      answers[#answers + 1] = {'fenced'}
    else
      local stored = redis.call('HGET', line_of(ask.token), ask.key)
      local step = stored and cjson.decode(stored) or nil
      local answer = (ask.value and record or ask.ended and lapse or open)(ctx, ask, task, step)
      if answer[1] ~= 'fenced' then table.insert(answer, 2, redis.call('LLEN', base(task.id) .. ':told')) end
      answers[#answers + 1] = answer
    end
  end
  return finish(ctx, answers)
end

-- ARGV: now, token as JSON, then each remark as JSON. Answers 1, or 0 when the token is not current.
local function remark(_, args)
  local ctx, token = begin(args[1]), cjson.decode(args[2])
  local task = named(token)
  if not current(ctx, task, token) then return 0 end
  for i = 3, #args do tell(ctx, sheet(ctx, task.id), 'task.progressed', task.key, args[i]) end
  return finish(ctx, 1)
end

-- ARGV: swarm, incarnation and seq of the cursor, limit. Answers {'OK' or 'GAP', event, ...}.
local function page(_, args)
  local status, after = redis.call('HGET', base(args[1]), 'status'), tonumber(args[3])
  if not status or status == 'initializing' then return {'NOSWARM'} end
  if args[2] ~= '' and args[2] ~= life.incarnation then return {'GAP'} end
  local events = redis.call('LRANGE', base(args[1]) .. ':ev', after, after + tonumber(args[4]) - 1)
  table.insert(events, 1, 'OK')
  return events
end
