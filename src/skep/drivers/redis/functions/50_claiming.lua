-- Tasks go out.

local function fits(lane, offer)
  local queue, kind, needs = string.match(lane, '^([^|]*)|([^|]*)|(.*)$')
  if not offer.queues[queue] or not offer.kinds[kind] then return false end
  for need in string.gmatch(needs, '[^,]+') do
    if not offer.capabilities[need] then return false end
  end
  return true
end

local function to_set(list)
  local found = {}
  for _, item in ipairs(list) do found[item] = true end
  return found
end

local function rings_for(ctx, offer, limit)
  local rings = {}
  for _, queue in ipairs(offer.queue_list) do
    for _, lane in ipairs(redis.call('SMEMBERS', 'skep:queue:' .. queue)) do
      if fits(lane, offer) then
        local seats = {}
        local heads = redis.call('ZRANGE', 'skep:ring:' .. lane, 0, limit - 1, 'WITHSCORES')
        for i = 1, #heads, 2 do seats[#seats + 1] = {id = heads[i], vt = tonumber(heads[i + 1])} end
        local turn = tonumber(redis.call('HGET', 'skep:lane:' .. lane, 'turn'))
        rings[#rings + 1] = {lane = lane, turn = turn, seats = seats}
      end
    end
  end
  table.sort(rings, function(a, b)
    if a.turn ~= b.turn then return a.turn < b.turn end
    return a.lane < b.lane
  end)
  return rings
end

local function grant(ctx, offer, id, key, nonce)
  local task, row = find(id, key, GRANT_FIELDS)
  local spec, timeout_s = row[#TASK_FIELDS + 1], row[#TASK_FIELDS + 2]
  task.attempt = task.attempt + 1
  local hard = ctx.at + tonumber(timeout_s)
  local lease = num(math.min(ctx.at + math.min(offer.lease_s, LEASE_S_MAX), hard))
  hard = num(hard)
  local told = '{"worker":' .. text(offer.worker) .. ',"attempt":' .. task.attempt .. '}'
  move(ctx, task, 'task.claimed', told, {
    attempt = task.attempt, nonce = nonce, spent = '', worker = offer.worker, reason = '',
    started_at = ctx.stamp, lease_until = lease, hard_until = hard
  })
  later(ctx, 'ZADD', 'skep:leases', lease, ref(task))
  later(ctx, 'SADD', 'skep:own:' .. offer.worker, ref(task))
  return {
    id, key, tostring(task.run), tostring(task.attempt), nonce, spec, tostring(task.failures),
    lease, hard, redis.call('ZRANGE', base(id) .. ':up:' .. key, 0, -1),
    redis.call('EXISTS', base(id) .. ':j:' .. task.run .. ':' .. key)
  }
end

-- The first keys in the queue of each seat, by lane and swarm, as many as it was served.
local function ready_of(served)
  local numbers, ready = {}, {}
  for _, share in ipairs(served) do
    local name = share.lane .. ' ' .. share.id
    numbers[name] = (numbers[name] or 0) + share.number
  end
  for _, share in ipairs(served) do
    local name = share.lane .. ' ' .. share.id
    local queue = base(share.id) .. ':ready:' .. share.lane
    ready[name] = ready[name] or redis.call('ZRANGE', queue, 0, numbers[name] - 1)
  end
  return ready
end

-- Id, request, cap, purse and number of messages of each swarm that was served, one after the other.
local function requests_of(ctx, served)
  local found, seen = {}, {}
  for _, share in ipairs(served) do
    if not seen[share.id] then
      seen[share.id] = true
      found[#found + 1] = share.id
      local row = redis.call('HMGET', base(share.id), 'request', 'purse')
      found[#found + 1] = row[1]
      found[#found + 1] = tostring(sheet(ctx, share.id).cap)
      found[#found + 1] = row[2] or ''
      found[#found + 1] = redis.call('LLEN', base(share.id) .. ':told')
    end
  end
  return found
end

-- ARGV: now, offer as JSON, limit, and as many nonces with commas. Answers {grants, requests}.
local function claim(_, args)
  if rewritten ~= arrived then return redis.error_reply('TORN the append-only file is not proved') end
  local ctx = begin(args[1])
  local offer, limit = cjson.decode(args[2]), tonumber(args[3])
  offer.queue_list, offer.queues = offer.queues, to_set(offer.queues)
  offer.kinds, offer.capabilities = to_set(offer.kinds), to_set(offer.capabilities)
  local rings = rings_for(ctx, offer, limit)
  local served = deal(ctx, rings, limit)
  if #served == 0 then return {{}, {}} end
  -- Which tasks: read before anything moves, of each seat as many as it was served.
  local ready, grants, nonce = ready_of(served), {}, string.gmatch(args[4], '[^,]+')
  for _, share in ipairs(served) do
    local keys = ready[share.lane .. ' ' .. share.id]
    for _ = 1, share.number do
      grants[#grants + 1] = grant(ctx, offer, share.id, table.remove(keys, 1), nonce())
    end
  end
  for _, ring in ipairs(rings) do
    for id, vt in pairs(ring.vts or {}) do
      local seat = seats_of(sheet(ctx, id))[ring.lane]
      seat.vt, seat.dirty = vt, true
    end
    if ring.floor then
      redis.call('HSET', 'skep:lane:' .. ring.lane, 'floor', string.format('%d', ring.floor), 'turn', ring.served_turn)
    end
  end
  ctx.rings = false  -- taking work makes none
  return finish(ctx, {grants, requests_of(ctx, served)})
end
