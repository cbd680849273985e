-- Gates. The choices are those of policy/admission.py and policy/breaker.py; what a request costs
-- by each rate comes with the knock, computed there.
--
-- All in one block, because a library has room for 200 names outside of blocks; `gating` has the
-- numbers that policy decides (library.py), and what is called from outside.

do

local function gate_key(name) return 'skep:gate:' .. name end

local NUMBERS = {
  'since', 'ok', 'failed', 'trips', 'open_until', 'probe_until', 'rest_until', 'promised_until'
}

local function read_meters(gate, row)
  for i = 1, #row, 2 do
    if string.sub(row[i], 1, 2) == 'm:' then
      local w = words_of(row[i + 1], '|')
      gate.meters[string.sub(row[i], 3)] = {
        busy = tonumber(w[1]), promised = tonumber(w[2]), unit_s = tonumber(w[3])
      }
    else
      gate[row[i]] = row[i + 1]
    end
  end
end

-- Drop the passes that ran out, and count the others.
local function read_passes(gate, at)
  gate.passes, gate.taken = {}, 0
  local row = redis.call('HGETALL', 'skep:passes:' .. gate.name)
  for i = 1, #row, 2 do
    local w = words_of(row[i + 1], '|')
    if at < tonumber(w[2]) then
      gate.passes[row[i]] = {since = tonumber(w[1]), tokens = tonumber(w[3])}
      gate.taken = gate.taken + 1
    else
      redis.call('HDEL', 'skep:passes:' .. gate.name, row[i])
    end
  end
end

local function read_gate(name, at)
  local gate = {name = name, meters = {}, probe = ''}
  read_meters(gate, redis.call('HGETALL', gate_key(name)))
  for _, field in ipairs(NUMBERS) do gate[field] = tonumber(gate[field] or 0) end
  gate.held_s = tonumber(gate.held_s or gating.HELD_S)
  read_passes(gate, at)
  return gate
end

local function write_gate(gate)
  local args = {'probe', gate.probe, 'held_s', num(gate.held_s)}
  for _, field in ipairs(NUMBERS) do
    args[#args + 1] = field
    args[#args + 1] = num(gate[field])
  end
  for key, m in pairs(gate.meters) do
    args[#args + 1] = 'm:' .. key
    args[#args + 1] = num(m.busy) .. '|' .. num(m.promised) .. '|' .. num(m.unit_s)
  end
  redis.call('HSET', gate_key(gate.name), unpack(args))
  redis.call('SADD', 'skep:gates', gate.name)
end

-- The breaker.

local function breaker_closed_until(gate, at)
  if gate.open_until == 0 then return nil end
  if at < gate.open_until then return gate.open_until end
  if gate.probe ~= '' and at < gate.probe_until then
    return math.min(gate.probe_until, at + gating.LOOK_S)
  end
  return nil
end

local function set_breaker(gate, fields)
  for _, field in ipairs({'since', 'ok', 'failed', 'trips', 'open_until', 'probe_until'}) do
    gate[field] = fields[field] or 0
  end
  gate.probe = ''
end

local function open_breaker(gate, at)
  local rest_s = math.min(gating.OPEN_S_MAX, gating.OPEN_S * 2 ^ math.min(gate.trips, 30))
  set_breaker(gate, {trips = gate.trips + 1, open_until = at + rest_s})
end

local function count_passage(gate, told, at)
  if not (gate.since <= at and at < gate.since + gating.WINDOW_S) then
    set_breaker(gate, {since = at})
  end
  gate.ok = gate.ok + told.successes + (told.passage == 'ok' and 1 or 0)
  if told.passage ~= 'failed' then return end
  gate.failed = gate.failed + 1
  if gate.failed >= gating.FAILURES_MIN and gate.failed >= gate.ok then open_breaker(gate, at) end
end

local function hear_passage(gate, told, at)
  if gate.open_until == 0 then return count_passage(gate, told, at) end
  if told.id == '' or told.id ~= gate.probe then return end
  if told.passage == 'failed' then return open_breaker(gate, at) end
  if told.passage == 'untold' then
    gate.probe, gate.probe_until = '', 0
  else
    set_breaker(gate, {})
  end
end

-- Knocks. A wait is {gate, reason, until}.

local function closed_waits(gates, at)
  local waits = {}
  for _, gate in ipairs(gates) do
    if at < gate.rest_until then waits[#waits + 1] = {gate.name, 'rest', gate.rest_until} end
    local closed = breaker_closed_until(gate, at)
    if closed then waits[#waits + 1] = {gate.name, 'breaker', closed} end
  end
  return waits
end

local function longest(waits)
  local found = waits[1]
  for _, wait in ipairs(waits) do if wait[3] > found[3] then found = wait end end
  return {'WAIT', found[1], found[2], num(found[3])}
end

local function meter_of(gate, key) return gate.meters[key] or {busy = 0, promised = 0, unit_s = 0} end

-- Promise a turn by each limit that holds a request up.
local function hold_up(gate, asked, knock, at, waits)
  if asked.at_once > 0 and gate.taken >= asked.at_once then
    gate.promised_until = math.max(at, gate.promised_until) + gate.held_s / (asked.at_once + 1)
    waits[#waits + 1] = {gate.name, 'at_once', gate.promised_until}
  end
  for _, toll in ipairs(asked.tolls) do
    local meter = meter_of(gate, toll[1])
    local ready = meter.busy - toll[3]
    if ready > at + knock.patience_s then
      local turn = math.max(ready, meter.promised)
      meter.promised = turn + toll[4]
      gate.meters[toll[1]] = meter
      waits[#waits + 1] = {gate.name, toll[2], turn - knock.patience_s}
    end
  end
end

local function let_pass(gates, knock, at)
  local turn = at
  for i, gate in ipairs(gates) do
    for _, toll in ipairs(knock.gates[i].tolls) do
      turn = math.max(turn, meter_of(gate, toll[1]).busy - toll[3])
    end
  end
  for i, gate in ipairs(gates) do
    for _, toll in ipairs(knock.gates[i].tolls) do
      local meter = meter_of(gate, toll[1])
      meter.busy, meter.unit_s = math.max(turn, meter.busy) + toll[4], toll[5]
      gate.meters[toll[1]] = meter
    end
    if gate.open_until ~= 0 then
      gate.probe, gate.probe_until = knock.id, at + gating.PROBE_S
    end
    local words = num(turn) .. '|' .. num(turn + knock.expires_s) .. '|' .. num(knock.tokens)
    redis.call('HSET', 'skep:passes:' .. gate.name, knock.id, words)
    write_gate(gate)
  end
  return {'PASS', num(turn - at)}
end

local function knock_at(gates, knock, at)
  for _, gate in ipairs(gates) do
    local known = gate.passes[knock.id]
    if known then return {'PASS', num(math.max(0, known.since - at))} end
  end
  local closed = closed_waits(gates, at)
  if #closed > 0 then return longest(closed) end
  local waits = {}
  for i, gate in ipairs(gates) do hold_up(gate, knock.gates[i], knock, at, waits) end
  if #waits == 0 then return let_pass(gates, knock, at) end
  for _, gate in ipairs(gates) do write_gate(gate) end
  return longest(waits)
end

-- ARGV: now, then each knock as JSON. Answers {'PASS', seconds} or {'WAIT', gate, reason, until}.
function gating.admit(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 2, #args do
    local knock, at_gates = cjson.decode(args[i]), {}
    for j, asked in ipairs(knock.gates) do
      at_gates[j] = read_gate(asked.name, ctx.at)
      redis.call('SADD', 'skep:gates', asked.name)
    end
    answers[#answers + 1] = knock_at(at_gates, knock, ctx.at)
  end
  return finish(ctx, answers)
end

-- Reports.

local function correct(meter, less, at)
  local worth = less * meter.unit_s
  if less < 0 then
    meter.busy = math.max(at, meter.busy) - worth
  else
    meter.busy = math.max(meter.busy - worth, math.min(meter.busy, at))
  end
end

local function leave(gate, pass, told, at)
  for key, meter in pairs(gate.meters) do
    if told.tokens and string.sub(key, 1, #gating.TOKENS) == gating.TOKENS then
      correct(meter, pass.tokens - told.tokens, at)
    end
  end
  gate.held_s = gating.HELD_KEPT * gate.held_s + (1 - gating.HELD_KEPT) * math.max(0, at - pass.since)
  redis.call('HDEL', 'skep:passes:' .. gate.name, told.id)
end

local function report_one(told, at)
  local gate = read_gate(told.gate, at)
  local pass = gate.passes[told.id]
  if told.id == '' or pass then
    if pass then leave(gate, pass, told, at) end
    if told.rest_s then gate.rest_until = math.max(gate.rest_until, at + told.rest_s) end
    hear_passage(gate, told, at)
  end
  write_gate(gate)
end

-- ARGV: now, then each report as JSON.
function gating.report(_, args)
  local ctx = begin(args[1])
  for i = 2, #args do report_one(cjson.decode(args[i]), ctx.at) end
  return finish(ctx, 1)
end

-- ARGV: now, then the names of gates. Answers 1 each, or 0 where there is none.
function gating.reopen(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 2, #args do
    local is_there = redis.call('SISMEMBER', 'skep:gates', args[i])
    if is_there == 1 then
      local gate = read_gate(args[i], ctx.at)
      set_breaker(gate, {})
      gate.rest_until = 0
      write_gate(gate)
    end
    answers[#answers + 1] = is_there
  end
  return finish(ctx, answers)
end

end
