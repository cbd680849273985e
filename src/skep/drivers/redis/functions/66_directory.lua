-- The directory: swarms by what they are, figures, and the archive.
--
-- key                            type    holds
-- skep:by:status:<status>        zset    swarms of a status; their ids sort by the time of their making
-- skep:by:strategy:<strategy>, skep:by:mode:<mode>, skep:by:phase:<phase>
--                                zset    the same by what was asked for
-- swarm:metrics                  hash    what was counted, and the figures as somebody last asked
-- skep:departed                  zset    swarms that were deregistered, by the time of it
-- swarm:archive:<id>             string  what is kept of a swarm, as JSON; it goes by itself
-- skep:archived                  zset    archived swarms by the time of it
-- skep:archive:index             zset    the same; their ids sort by the time of their making

do

local function traits_of(text)
  local request = cjson.decode(text)
  local traits = {'strategy:' .. request.strategy, 'mode:' .. request.mode}
  local phase = type(request.metadata) == 'table' and request.metadata.phase
  if type(phase) == 'string' then traits[3] = 'phase:' .. phase end
  return traits
end

local function list(side, id, status, request)
  redis.call('ZADD', side .. 'skep:by:status:' .. status, 0, id)
  for _, trait in ipairs(traits_of(request)) do redis.call('ZADD', side .. 'skep:by:' .. trait, 0, id) end
end

-- A swarm that callers can see has come to another status.
function census.listed(s)
  if s.was == 'initializing' then return list('', s.id, s.status, redis.call('HGET', base(s.id), 'request')) end
  redis.call('ZREM', 'skep:by:status:' .. s.was, s.id)
  redis.call('ZADD', 'skep:by:status:' .. s.status, 0, s.id)
end

function census.list_restored(side, id)
  local row = redis.call('HMGET', side .. base(id), 'status', 'request')
  list(side, id, row[1], row[2])
end

function census.unlist(id)
  local row = redis.call('HMGET', base(id), 'status', 'request')
  redis.call('ZREM', 'skep:by:status:' .. row[1], id)
  for _, trait in ipairs(traits_of(row[2])) do redis.call('ZREM', 'skep:by:' .. trait, id) end
  redis.call('ZREM', 'skep:departed', id)
  redis.call('HINCRBY', 'swarm:metrics', 'forgotten', 1)
end

-- The index with the fewest swarms goes first: the others are asked about what stands in it.
local function by_rarity(keys)
  local sizes = {}
  for _, key in ipairs(keys) do sizes[key] = redis.call('ZCARD', key) end
  table.sort(keys, function(a, b) return sizes[a] < sizes[b] end)
  return keys
end

local function has_all(keys, id)
  for i = 2, #keys do
    if not redis.call('ZSCORE', keys[i], id) then return false end
  end
  return true
end

-- ARGV: keys of indices as JSON, the highest id as ZREVRANGEBYLEX has it, limit. Answers {id, fields}.
function census.find(_, args)
  local keys, limit, found = by_rarity(cjson.decode(args[1])), tonumber(args[3]), {}
  local highest = args[2]
  while #found < limit do
    local ids = redis.call('ZREVRANGEBYLEX', keys[1], highest, '-', 'LIMIT', 0, limit)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      if #found < limit and has_all(keys, id) then found[#found + 1] = {id, redis.call('HGETALL', base(id))} end
    end
    highest = '(' .. ids[#ids]
  end
  return found
end

-- Answers the figures as name and number, one after the other, and leaves them in swarm:metrics.
function census.statistics()
  local figures, here, live = {}, redis.call('ZCARD', 'swarm:index'), 0
  for _, status in ipairs(census.STATUSES) do
    local count = redis.call('ZCARD', 'skep:by:status:' .. status)
    figures['status:' .. status] = count
    if not ENDED[status] then live = live + count end
  end
  figures.registered = here + tonumber(redis.call('HGET', 'swarm:metrics', 'forgotten') or 0)
  figures.live, figures.archived = live, redis.call('ZCARD', 'skep:archived')
  figures.messages_sent = tonumber(redis.call('GET', 'skep:mail:last') or 0)
  for name, number in pairs(figures) do redis.call('HSET', 'swarm:metrics', name, number) end
  return redis.call('HGETALL', 'swarm:metrics')
end

-- ARGV: now, then name and number, one after the other.
function census.tally(_, args)
  local ctx = begin(args[1])
  for i = 2, #args, 2 do redis.call('HINCRBY', 'swarm:metrics', args[i], args[i + 1]) end
  return finish(ctx, 1)
end

-- ARGV: now, outcome, then swarms. Answers 'OK', 'ALREADY' or 'NOSWARM' each.
function census.deregister(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 3, #args do
    local status = redis.call('HGET', base(args[i]), 'status')
    if not status or status == 'initializing' then
      answers[i - 2] = 'NOSWARM'
    elseif redis.call('HSETNX', base(args[i]), 'departed', args[2]) == 0 then
      answers[i - 2] = 'ALREADY'
    else
      redis.call('ZADD', 'skep:departed', num(ctx.at), args[i])
      answers[i - 2] = 'OK'
    end
  end
  return finish(ctx, answers)
end

-- ARGV: before, limit. Answers {id, fields} of those that have ended, by their ids.
function census.departed(_, args)
  local ids, found, before = redis.call('ZRANGE', 'skep:departed', 0, -1), {}, tonumber(args[1])
  table.sort(ids)
  for _, id in ipairs(ids) do
    local row = redis.call('HMGET', base(id), 'status', 'ended_at')
    if ENDED[row[1]] and tonumber(row[2]) < before and #found < tonumber(args[2]) then
      found[#found + 1] = {id, redis.call('HGETALL', base(id))}
    end
  end
  return found
end

-- ARGV: now, seconds for which they are kept, then id, last event and record of each. Answers 1 or 0.
function census.archive(_, args)
  local ctx, answers = begin(args[1]), {}
  for i = 3, #args, 3 do
    local id, row = args[i], redis.call('HMGET', base(args[i]), 'status', 'seq', 'departed')
    local may = row[1] and ENDED[row[1]] and row[2] == args[i + 1] and row[3]
    if may then
      census.forget_one(ctx, id, math.huge)
      redis.call('SET', 'swarm:archive:' .. id, args[i + 2], 'EX', math.ceil(tonumber(args[2])))
      redis.call('ZADD', 'skep:archived', num(ctx.at), id)
      redis.call('ZADD', 'skep:archive:index', 0, id)
    end
    answers[#answers + 1] = may and 1 or 0
  end
  return finish(ctx, answers)
end

-- ARGV: the highest id as ZREVRANGEBYLEX has it, limit. Answers the records.
function census.archived(_, args)
  local found, highest, limit = {}, args[1], tonumber(args[2])
  while #found < limit do
    local ids = redis.call('ZREVRANGEBYLEX', 'skep:archive:index', highest, '-', 'LIMIT', 0, limit)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      local record = redis.call('GET', 'swarm:archive:' .. id)
      if record and #found < limit then found[#found + 1] = record end
    end
    highest = '(' .. ids[#ids]
  end
  return found
end

-- ARGV: now, before, limit. Answers how many records were dropped.
function census.expire(_, args)
  local ctx = begin(args[1])
  local over = redis.call('ZRANGEBYSCORE', 'skep:archived', '-inf', '(' .. args[2], 'LIMIT', 0, tonumber(args[3]))
  for _, id in ipairs(over) do
    redis.call('DEL', 'swarm:archive:' .. id)
    redis.call('ZREM', 'skep:archived', id)
    redis.call('ZREM', 'skep:archive:index', id)
  end
  return finish(ctx, #over)
end

end
