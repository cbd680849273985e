-- Purses. The words are those of records/purse.py, the choices those of policy/purse.py.
--
-- A step has `reserved`, `spent` and `payee`, a task in `paying` the keys of its steps whose calls
-- are under way, as JSON. Numbers are written without a digit lost: they stay below 10^15.

-- What stands in the block is nobody else's: a chunk of Lua has room for 200 names.
local words_of, total, reserve, lose_call
do

function words_of(text, sep)
  local words = {}
  for word in string.gmatch(text .. sep, '([^' .. sep .. ']*)' .. sep) do words[#words + 1] = word end
  return words
end

local function whole(x) return string.format('%.0f', x) end

local function amount_of(text)
  if not text or text == '' then return nil end
  local words = words_of(text, ',')
  return {requests = tonumber(words[1]), tokens = tonumber(words[2]), usd = tonumber(words[3])}
end

local function amount_word(a)
  return whole(a.requests) .. ',' .. whole(a.tokens) .. ',' .. (a.usd and whole(a.usd) or '')
end

local function amount_told(a)
  return '{"requests":' .. whole(a.requests) .. ',"tokens":' .. whole(a.tokens)
    .. ',"nano_usd":' .. (a.usd and whole(a.usd) or 'null') .. '}'
end

local function plus(a, b, sign)
  return {requests = a.requests + sign * b.requests, tokens = a.tokens + sign * b.tokens,
    usd = (a.usd or 0) + sign * (b.usd or 0)}
end

-- As `plus`, but without a price as soon as one of the two has none.
function total(a, b)
  local sum = plus(a, b, 1)
  if not a.usd or not b.usd then sum.usd = nil end
  return sum
end

local function exceeds(a, b)
  return a.requests > b.requests or a.tokens > b.tokens
    or (b.usd ~= nil and (a.usd or 0) > b.usd)
end

local function nothing() return {requests = 0, tokens = 0, usd = 0} end

function purse.read(id)
  local stored = redis.call('HGET', base(id), 'purse')
  local w = words_of(stored or ',,|0,0,0|0,0,0|0,0,0|0,0,0|0|0|0|0', '|')
  return {
    limits = w[1], kept = amount_of(w[2]), spent = amount_of(w[3]), reserved = amount_of(w[4]),
    lost = amount_of(w[5]), open = tonumber(w[6]), unpriced = tonumber(w[7]),
    overrun = w[8] == '1', is_empty = w[9] == '1'
  }
end

function purse.write(id, p)
  local words = {
    p.limits, amount_word(p.kept), amount_word(p.spent), amount_word(p.reserved),
    amount_word(p.lost), whole(p.open), whole(p.unpriced), p.overrun and '1' or '0',
    p.is_empty and '1' or '0'
  }
  redis.call('HSET', base(id), 'purse', table.concat(words, '|'))
end

local function limits_told(limits)
  local words = words_of(limits, ',')
  for i = 1, 3 do if words[i] == '' then words[i] = 'null' end end
  return '{"requests":' .. words[1] .. ',"tokens":' .. words[2] .. ',"nano_usd":' .. words[3] .. '}'
end

-- Whether a call may be made: 'fits', 'waits' or 'empty'.
local function judge_reservation(p, amount, is_last)
  local limits, sum = words_of(p.limits, ','), plus(plus(p.spent, p.reserved, 1), amount, 1)
  if not is_last then sum = plus(sum, p.kept, 1) end
  local fits = not p.overrun
    and (limits[1] == '' or sum.requests <= tonumber(limits[1]))
    and (limits[2] == '' or sum.tokens <= tonumber(limits[2]))
    and (limits[3] == '' or (amount.usd ~= nil and sum.usd <= tonumber(limits[3])))
  if fits then return 'fits' end
  return p.open > 0 and 'waits' or 'empty'
end

-- The keys of a task's steps whose calls are under way, with one more or one less.
local function note_paying(id, task, key, is_open)
  local name, keys = task_key(id, task), {}
  local stored = redis.call('HGET', name, 'paying')
  for _, other in ipairs(stored and stored ~= '' and cjson.decode(stored) or {}) do
    if other ~= key then keys[#keys + 1] = other end
  end
  if is_open then keys[#keys + 1] = key end
  redis.call('HSET', name, 'paying', #keys > 0 and cjson.encode(keys) or '')
end

local function charge(p, step, amount, payee)
  p.spent = plus(p.spent, amount, 1)
  if not amount.usd then p.unpriced = p.unpriced + amount.requests end
  step.spent = amount_word(total(amount_of(step.spent) or nothing(), amount))
  if payee ~= '' then step.payee = payee end
end

local function close(p, step)
  local held = amount_of(step.reserved)
  p.reserved, p.open = plus(p.reserved, held, -1), p.open - 1
  step.reserved = nil
  return held
end

function reserve(p, step, amount)
  p.reserved, p.open = plus(p.reserved, amount, 1), p.open + 1
  step.reserved = amount_word(amount)
end

function lose_call(p, step)
  local held = close(p, step)
  charge(p, step, held, '')
  p.lost = plus(p.lost, held, 1)
  return held
end

local function lost_told(keys, sum)
  table.sort(keys)
  local quoted = {}
  for i, key in ipairs(keys) do quoted[i] = text(key) end
  return '{"keys":[' .. table.concat(quoted, ',') .. '],"spent":' .. amount_told(sum) .. '}'
end

-- Count as spent what calls of a task had reserved that nobody will settle: its attempt is over.
function purse.lose_calls(ctx, s, task)
  if not task.paying or task.paying == '' then return end
  local name = task_key(task.id, task.key)
  local keys, line = cjson.decode(task.paying), base(task.id) .. ':j:' .. task.run .. ':' .. task.key
  local p, sum = purse.read(task.id), nothing()
  for _, key in ipairs(keys) do
    local step = cjson.decode(redis.call('HGET', line, key))
    sum = total(sum, lose_call(p, step))
    redis.call('HSET', line, key, cjson.encode(step))
  end
  redis.call('HSET', name, 'paying', '')
  task.paying = ''
  purse.write(task.id, p)
  tell(ctx, s, 'purse.lost', task.key, lost_told(keys, sum))
end

-- One call whose announcement is taken back by another one of the same step.
function purse.lose_call(ctx, task, step)
  if not step or not step.reserved then return end
  local p = purse.read(task.id)
  local held = lose_call(p, step)
  note_paying(task.id, task.key, step.key, false)
  purse.write(task.id, p)
  tell(ctx, sheet(ctx, task.id), 'purse.lost', task.key, lost_told({step.key}, held))
end

-- Whether the purse has room for a call: 'fits', 'waits' or 'empty', which pauses the swarm.
function purse.judge(ctx, task, ask)
  if not ask.reserve then return 'fits' end
  local p, amount = purse.read(task.id), amount_of(ask.reserve)
  local is_last = redis.call('EXISTS', base(task.id) .. ':down:' .. task.key) == 0
  local fit = judge_reservation(p, amount, is_last)
  local s = fit == 'empty' and sheet(ctx, task.id)
  if s and s.status == 'active' then
    tell(ctx, s, 'purse.empty', task.key, '{"key":' .. text(ask.key) .. ',"asked":'
      .. amount_told(amount) .. ',"spent":' .. amount_told(p.spent) .. ',"budget":'
      .. limits_told(p.limits) .. '}')
    p.is_empty = true
    purse.write(task.id, p)
    move_swarm(ctx, s, 'swarm.paused', reason_told(PURSE_EMPTY))
  end
  return fit
end

function purse.reserve(task, ask, step)
  if not ask.reserve then return end
  local p = purse.read(task.id)
  reserve(p, step, amount_of(ask.reserve))
  note_paying(task.id, task.key, step.key, true)
  purse.write(task.id, p)
end

local function tell_overrun(ctx, task, step, held, used)
  tell(ctx, sheet(ctx, task.id), 'purse.overrun', task.key, '{"key":' .. text(step.key)
    .. ',"reserved":' .. amount_told(held) .. ',"spent":' .. amount_told(used) .. '}')
end

-- Count what an answer used, in the place of what its call had reserved.
function purse.settle(ctx, task, ask, step)
  if not step.reserved then return end
  local p, used = purse.read(task.id), amount_of(ask.usage)
  local held = close(p, step)
  note_paying(task.id, task.key, step.key, false)
  charge(p, step, used or held, ask.payee)
  if used and exceeds(used, held) then
    p.overrun = true
    tell_overrun(ctx, task, step, held, used)
  end
  purse.write(task.id, p)
end

-- Close a call that ended without an answer.
function purse.lapse(ctx, task, ask, step)
  if not step.reserved then return end
  local p, used = purse.read(task.id), amount_of(ask.charge)
  local held = close(p, step)
  note_paying(task.id, task.key, step.key, false)
  if used then
    charge(p, step, used, ask.payee)
    tell(ctx, sheet(ctx, task.id), 'step.lapsed', task.key, '{"key":' .. text(step.key)
      .. ',"spent":' .. amount_told(used) .. ',"payee":' .. text(ask.payee) .. '}')
    if exceeds(used, held) then
      p.overrun = true
      tell_overrun(ctx, task, step, held, used)
    end
  end
  purse.write(task.id, p)
end

function purse.told(ask)
  if not ask.usage then return '' end
  return ',"usage":' .. amount_told(amount_of(ask.usage)) .. ',"payee":' .. text(ask.payee)
end

-- Take the mark from a purse for which its swarm was paused; says whether it was there.
function purse.no_longer_empty(id)
  local p = purse.read(id)
  if not p.is_empty then return false end
  p.is_empty = false
  purse.write(id, p)
  return true
end

-- Set the limits that are named; answers what is told of it, and whether the purse was empty.
function purse.raise(id, asked, reason)
  local p = purse.read(id)
  local limits, now, was_empty = words_of(asked, ','), words_of(p.limits, ','), p.is_empty
  for i = 1, 3 do if limits[i] == '' then limits[i] = now[i] end end
  p.limits, p.overrun, p.is_empty = table.concat(limits, ','), false, false
  purse.write(id, p)
  return '{"budget":' .. limits_told(p.limits) .. ',"reason":' .. text(reason) .. '}', was_empty
end

end
