-- The census: nodes, and which of them is the host of a swarm. The choices are those of
-- policy/hosting.py.
--
-- key                    type   holds
-- skep:nodes             zset   nodes by the time from which each counts as absent
-- skep:node:<node>       hash   what it says of itself as JSON, its heartbeat, start and last beat
-- skep:hosted:<node>     set    swarms that it hosts, or that it is about to bring back
-- skep:orphans           zset   swarms without a host (0), and those that are being brought back (1)
--
-- A swarm's own hash has `host`, and in `hosting` three words: its state, whether it is adoptable,
-- and the event by which the loss of its host interrupted it.

do

local function until_of(heartbeat_s, at) return at + census.MISSED_MAX * heartbeat_s end

local function is_absent(till, at)
  return till < at or till > at + 2 * census.MISSED_MAX * census.HEARTBEAT_S_MAX
end

local function is_present(ctx, node)
  local till = redis.call('ZSCORE', 'skep:nodes', node)
  return till and not is_absent(tonumber(till), ctx.at)
end

local function hear(ctx, node, heartbeat_s)
  redis.call('ZADD', 'skep:nodes', num(until_of(heartbeat_s, ctx.at)), node)
  redis.call('HSET', 'skep:node:' .. node, 'beat_at', num(ctx.at))
end

-- ARGV: now, node, heartbeat, what it says of itself.
function census.enrol(_, args)
  local ctx, node = begin(args[1]), args[2]
  redis.call('HSET', 'skep:node:' .. node, 'told', args[4], 'heartbeat_s', args[3], 'started_at', num(ctx.at))
  hear(ctx, node, tonumber(args[3]))
  local swarms = redis.call('SCARD', 'skep:hosted:' .. node)
  return finish(ctx, {num(ctx.at), num(until_of(tonumber(args[3]), ctx.at)), swarms})
end

-- ARGV: now, then nodes. Answers 1 or 0 each.
function census.beat(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 2, #args do
    local till = redis.call('ZSCORE', 'skep:nodes', args[i])
    local heard = till and tonumber(till) ~= 0
    if heard then hear(ctx, args[i], tonumber(redis.call('HGET', 'skep:node:' .. args[i], 'heartbeat_s'))) end
    answers[i - 1] = heard and 1 or 0
  end
  return finish(ctx, answers)
end

-- ARGV: now, node.
function census.leave(_, args)
  local ctx = begin(args[1])
  if not redis.call('ZSCORE', 'skep:nodes', args[2]) then return 0 end
  redis.call('ZADD', 'skep:nodes', 0, args[2])
  return finish(ctx, 1)
end

local function hosting_of(id)
  local row = redis.call('HMGET', base(id), 'host', 'hosting')
  if not row[2] then return nil end
  local state, adoptable, seq = string.match(row[2], '^(%a+) (%d) (%d+)$')
  return {node = row[1], state = state, is_adoptable = adoptable == '1', seq = tonumber(seq)}
end

local function unhost(id, known)
  redis.call('HDEL', base(id), 'host', 'hosting')
  if known then redis.call('SREM', 'skep:hosted:' .. known.node, id) end
  redis.call('ZREM', 'skep:orphans', id)
end

local function keep(id, known, node, state, is_adoptable, seq)
  if known then redis.call('SREM', 'skep:hosted:' .. known.node, id) end
  local words = string.format('%s %d %d', state, is_adoptable and 1 or 0, seq)
  redis.call('HSET', base(id), 'host', node, 'hosting', words)
  if state ~= 'orphaned' then redis.call('SADD', 'skep:hosted:' .. node, id) end
  if state == 'hosted' then
    redis.call('ZREM', 'skep:orphans', id)
  else
    redis.call('ZADD', 'skep:orphans', state == 'adopting' and 1 or 0, id)
  end
end

-- ARGV: now, node, 1 or 0 for adoptable, then swarms. Answers 'OK', 'ENDED' or 'NOSWARM' each.
function census.host(_, args)
  local ctx, node, answers = begin(args[1]), args[2], {}
  if not is_present(ctx, node) then return {'ABSENT'} end
  for i = 4, #args do
    local status = redis.call('HGET', base(args[i]), 'status')
    if not status or status == 'initializing' then
      answers[i - 3] = 'NOSWARM'
    elseif ENDED[status] then
      answers[i - 3] = 'ENDED'
    else
      keep(args[i], hosting_of(args[i]), node, 'hosted', args[3] == '1', 0)
      answers[i - 3] = 'OK'
    end
  end
  return finish(ctx, answers)
end

local function add_hosted(found, ids, node)
  for _, id in ipairs(ids) do
    local row = redis.call('HMGET', base(id), 'host', 'hosting')
    if node == '' or row[1] == node then found[id] = {id, row[1], row[2]} end
  end
end

-- ARGV: a node, or nothing for all. Answers {swarm, node, words} each.
function census.hosted(_, args)
  local found, rows, nodes = {}, {}, {args[1]}
  if args[1] == '' then nodes = redis.call('ZRANGE', 'skep:nodes', 0, -1) end
  for _, node in ipairs(nodes) do
    add_hosted(found, redis.call('SMEMBERS', 'skep:hosted:' .. node), node)
  end
  add_hosted(found, redis.call('ZRANGE', 'skep:orphans', 0, -1), args[1])
  for _, row in pairs(found) do rows[#rows + 1] = row end
  return rows
end

-- Take a swarm's host away; says whether that interrupted it.
local function orphan(ctx, id)
  local known, s = hosting_of(id), sheet(ctx, id)
  local is_at_work = s.status == 'active' or s.status == 'recovering'
  if is_at_work then move_swarm(ctx, s, 'swarm.interrupted', reason_told(census.LOST)) end
  if ENDED[s.status] or not known.is_adoptable then
    unhost(id, known)
  else
    keep(id, known, known.node, 'orphaned', true, is_at_work and s.seq or 0)
  end
  return is_at_work
end

local function absent(ctx)
  local rows, nodes = redis.call('ZRANGE', 'skep:nodes', 0, -1, 'WITHSCORES'), {}
  for i = 1, #rows, 2 do
    if is_absent(tonumber(rows[i + 1]), ctx.at) then nodes[#nodes + 1] = rows[i] end
  end
  return nodes
end

-- ARGV: now, limit. Answers {nodes that are forgotten, swarms that were interrupted}.
function census.sweep(_, args)
  local ctx, limit, gone, interrupted = begin(args[1]), tonumber(args[2]), {}, {}
  for _, node in ipairs(absent(ctx)) do
    local swarms = redis.call('SMEMBERS', 'skep:hosted:' .. node)
    table.sort(swarms)
    for i = 1, math.min(limit, #swarms) do
      if orphan(ctx, swarms[i]) then interrupted[#interrupted + 1] = swarms[i] end
    end
    limit = limit - #swarms
    if limit < 0 then break end
    redis.call('ZREM', 'skep:nodes', node)
    redis.call('DEL', 'skep:node:' .. node)
    gone[#gone + 1] = node
  end
  if #gone + #interrupted == 0 and limit >= 0 then return {{}, {}} end
  return finish(ctx, {gone, interrupted})
end

-- Whether a swarm left `interrupted` since an event, without having ended.
local function has_moved(id, seq)
  for _, event in ipairs(redis.call('LRANGE', base(id) .. ':ev', seq, -1)) do
    if census.BACK[cjson.decode(event).kind] then return true end
  end
  return false
end

-- Adopt a swarm if it may be; says whether it is recovering under the node.
local function adopt_one(ctx, id, node)
  local known, s = hosting_of(id), sheet(ctx, id)
  if ENDED[s.status] then
    unhost(id, known)
    return false
  end
  if known.state == 'adopting' and known.node ~= node then return false end
  if known.state == 'adopting' and s.status == 'recovering' then return true end
  local is_lost = s.status == 'interrupted' and known.seq > 0
  if known.state == 'adopting' or not is_lost or has_moved(id, known.seq) then
    keep(id, known, node, 'hosted', true, 0)
    return false
  end
  move_swarm(ctx, s, 'swarm.recovering', reason_told('adopted by ' .. node))
  keep(id, known, node, 'adopting', true, known.seq)
  return true
end

-- ARGV: now, node, limit. Answers {'ABSENT'}, or {'OK', swarms that are recovering under it}.
function census.adopt(_, args)
  local ctx, node, adopted = begin(args[1]), args[2], {}
  if not is_present(ctx, node) then return {'ABSENT'} end
  local asked = redis.call('ZRANGEBYSCORE', 'skep:orphans', 1, 1)
  local orphans = redis.call('ZRANGEBYSCORE', 'skep:orphans', 0, 0, 'LIMIT', 0, tonumber(args[3]))
  if #asked + #orphans == 0 then return {'OK', {}} end
  for _, id in ipairs(orphans) do asked[#asked + 1] = id end
  for _, id in ipairs(asked) do
    if adopt_one(ctx, id, node) then adopted[#adopted + 1] = id end
  end
  return finish(ctx, {'OK', adopted})
end

-- Nothing of a forgotten swarm is met by a later roll call.
function census.forget(id)
  local known = hosting_of(id)
  if known then unhost(id, known) end
end

-- A restored swarm has lost its host: the nodes of the old store are not there.
function census.index(side, id)
  local hosting = redis.call('HGET', side .. base(id), 'hosting')
  if not hosting then return end
  local adoptable = string.match(hosting, '^%a+ (%d)')
  redis.call('HSET', side .. base(id), 'hosting', 'orphaned ' .. adoptable .. ' 0')
  redis.call('ZADD', side .. 'skep:orphans', 0, id)
end

end
