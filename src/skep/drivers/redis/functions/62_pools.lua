-- Pools: what there is only so much of (policy/pools.py says who is served).
--
-- swarm:pools                  set   every pool; also the channel that tells of what was given back
-- swarm:pool:<name>            hash  capacity, unit, shared, and the sum of what is held
-- swarm:pool:<name>:held       zset  allocations that are held, by number
-- swarm:pool:<name>:queue      zset  those that wait, by priority, then number
-- skep:allocation:<id>         hash  one allocation
-- swarm:<id>:holds[:<task>]    zset  the allocations of a swarm and its tasks, and of one task, by number
--
-- The field `holds` of a swarm counts its allocations, so that a swarm without any costs nothing more.

do
  local FIELDS = {
    'number', 'pool', 'amount', 'swarm', 'task', 'attempt', 'priority', 'state', 'asked_at', 'digest'
  }
  local PAGE = 64

  local function pool_key(name, part) return 'swarm:pool:' .. name .. (part and ':' .. part or '') end
  local function place(a) return (9 - tonumber(a.priority)) * 1099511627776 + tonumber(a.number) end

  local function find_one(id)
    local row, a = redis.call('HMGET', 'skep:allocation:' .. id, unpack(FIELDS)), {id = id}
    if not row[1] then return nil end
    for i, name in ipairs(FIELDS) do a[name] = row[i] end
    return a
  end

  local function row_of(a)
    local row = {a.id}
    for _, name in ipairs(FIELDS) do row[#row + 1] = a[name] end
    return row
  end

  -- The keys in which an allocation stands besides its pool's.
  local function homes(a)
    local found = {base(a.swarm) .. ':holds'}
    if a.task ~= '' then found[2] = found[1] .. ':' .. a.task end
    return found
  end

  local function note(ctx, a, kind, reason)
    local told = '{"id":' .. text(a.id) .. ',"pool":' .. text(a.pool) .. ',"amount":' .. a.amount
    if reason then told = told .. ',"reason":' .. text(reason) end
    tell(ctx, sheet(ctx, a.swarm), kind, a.task ~= '' and a.task or nil, told .. '}')
    redis.call('PUBLISH', 'swarm:pools', '')
  end

  local function hold(ctx, a)
    redis.call('HSET', 'skep:allocation:' .. a.id, 'state', 'held')
    redis.call('ZREM', pool_key(a.pool, 'queue'), a.id)
    redis.call('ZADD', pool_key(a.pool, 'held'), a.number, a.id)
    redis.call('HINCRBY', pool_key(a.pool), 'held', a.amount)
    note(ctx, a, 'resource.allocated')
  end

  local function owner_of(name)
    local first = redis.call('ZRANGE', pool_key(name, 'held'), 0, 0)[1]
    return first and redis.call('HGET', 'skep:allocation:' .. first, 'swarm')
  end

  -- Let those hold their parts whose turn it is.
  local function serve(ctx, name)
    local row = redis.call('HMGET', pool_key(name), 'capacity', 'held', 'shared')
    local free, is_shared = tonumber(row[1]) - tonumber(row[2]), row[3] == '1'
    local owner = not is_shared and owner_of(name) or nil
    local ids, has_room = redis.call('ZRANGE', pool_key(name, 'queue'), 0, is_shared and PAGE - 1 or -1), true
    for _, id in ipairs(ids) do
      local a = find_one(id)
      if not owner or owner == a.swarm then
        has_room = tonumber(a.amount) <= free
        if not has_room then break end
        if not is_shared then owner = a.swarm end
        hold(ctx, a)
        free = free - tonumber(a.amount)
      end
    end
    if is_shared and has_room and #ids == PAGE then return serve(ctx, name) end
  end

  local function remove(ctx, a, reason)
    redis.call('DEL', 'skep:allocation:' .. a.id)
    for _, key in ipairs(homes(a)) do redis.call('ZREM', key, a.id) end
    redis.call('HINCRBY', base(a.swarm), 'holds', -1)
    if redis.call('ZREM', pool_key(a.pool, 'queue'), a.id) == 1 then return end
    redis.call('ZREM', pool_key(a.pool, 'held'), a.id)
    redis.call('HINCRBY', pool_key(a.pool), 'held', '-' .. a.amount)
    note(ctx, a, 'resource.released', reason)
  end

  -- Give parts back, in the order of their numbers, then serve those who wait.
  local function give_back(ctx, ids, reason)
    local seen, names = {}, {}
    for _, id in ipairs(ids) do
      local a = find_one(id)
      remove(ctx, a, reason)
      if not seen[a.pool] then
        seen[a.pool] = true
        names[#names + 1] = a.pool
      end
    end
    table.sort(names)
    for _, name in ipairs(names) do serve(ctx, name) end
  end

  function pools.end_attempt(ctx, s, task)
    if s.holds == 0 then return end
    local ids = redis.call('ZRANGE', base(s.id) .. ':holds:' .. task.key, 0, -1)
    give_back(ctx, ids, pools.ATTEMPT_OVER)
  end

  function pools.end_swarm(ctx, s)
    if s.holds == 0 then return end
    give_back(ctx, redis.call('ZRANGE', base(s.id) .. ':holds', 0, -1), pools.SWARM_ENDED)
  end

  local function show(name)
    local row, rows = redis.call('HMGET', pool_key(name), 'capacity', 'unit', 'shared'), {}
    for _, part in ipairs({'held', 'queue'}) do
      for _, id in ipairs(redis.call('ZRANGE', pool_key(name, part), 0, -1)) do
        rows[#rows + 1] = row_of(find_one(id))
      end
    end
    return {name, row[1], row[2], row[3], rows}
  end

  -- How much of a pool has to be there for those who hold or wait, and whether swarms share it.
  local function in_use(name)
    local wanted, first, is_shared = tonumber(redis.call('HGET', pool_key(name), 'held')), nil, false
    for _, id in ipairs(redis.call('ZRANGE', pool_key(name, 'queue'), 0, -1)) do
      wanted = math.max(wanted, tonumber(redis.call('HGET', 'skep:allocation:' .. id, 'amount')))
    end
    for _, id in ipairs(redis.call('ZRANGE', pool_key(name, 'held'), 0, -1)) do
      local swarm = redis.call('HGET', 'skep:allocation:' .. id, 'swarm')
      first = first or swarm
      if swarm ~= first then is_shared = true end
    end
    return wanted, is_shared
  end

  local function declare(ctx, ask)
    local key = pool_key(ask.name)
    if redis.call('EXISTS', key) == 1 then
      local wanted, is_shared = in_use(ask.name)
      if ask.capacity < wanted or (is_shared and not ask.shared) then return {'INUSE', num(wanted)} end
    elseif redis.call('SCARD', 'swarm:pools') >= pools.POOLS_MAX then
      return {'LIMIT', 'POOLS_MAX', pools.POOLS_MAX, pools.POOLS_MAX + 1}
    end
    redis.call('SADD', 'swarm:pools', ask.name)
    redis.call('HSET', key, 'capacity', num(ask.capacity), 'unit', ask.unit, 'shared', ask.shared and '1' or '0')
    redis.call('HSETNX', key, 'held', 0)
    serve(ctx, ask.name)
    return {'OK', show(ask.name)}
  end

  -- ARGV: now, then each pool as JSON {name, capacity, unit, shared}. Answers {'OK', pool} or why not.
  function pools.declare(_, args)
    local ctx, answers = begin(args[1]), {}
    for i = 2, #args do answers[i - 1] = declare(ctx, cjson.decode(args[i])) end
    return finish(ctx, answers)
  end

  local function refused(ctx, s, ask)
    if not s or s.status == 'initializing' then return {'NOSWARM'} end
    if ENDED[s.status] then return {'ENDED', s.status} end
    if ask.token and not current(ctx, find(s.id, ask.token.task), ask.token) then return {'FENCED'} end
    local capacity = tonumber(redis.call('HGET', pool_key(ask.pool), 'capacity') or nil)
    if not capacity then return {'NOPOOL'} end
    if ask.amount > capacity then return {'OVER', num(capacity)} end
    if s.holds >= pools.SWARM_ALLOCATIONS_MAX then
      return {'LIMIT', 'SWARM_ALLOCATIONS_MAX', pools.SWARM_ALLOCATIONS_MAX, s.holds + 1}
    end
    return nil
  end

  local function queue(ctx, s, ask)
    local number = redis.call('HINCRBY', 'skep:meta', 'allocations', 1)
    local a = {
      id = ask.id, number = number, pool = ask.pool, amount = num(ask.amount), swarm = s.id,
      task = ask.token and ask.token.task or '', attempt = ask.token and ask.token.attempt or 0,
      priority = ask.priority, state = 'queued', asked_at = ctx.stamp, digest = ask.digest
    }
    local args = {}
    for _, name in ipairs(FIELDS) do
      args[#args + 1] = name
      args[#args + 1] = a[name]
    end
    redis.call('HSET', 'skep:allocation:' .. a.id, unpack(args))
    for _, key in ipairs(homes(a)) do redis.call('ZADD', key, number, a.id) end
    s.holds = redis.call('HINCRBY', base(s.id), 'holds', 1)
    redis.call('ZADD', pool_key(a.pool, 'queue'), num(place(a)), a.id)
    serve(ctx, a.pool)
    ctx.did = true
  end

  local function allocate(ctx, ask)
    local known = find_one(ask.id)
    if known and known.digest ~= ask.digest then return {'CONFLICT'} end
    if not known then
      local s = sheet(ctx, ask.swarm)
      local why = refused(ctx, s, ask)
      if why then return why end
      queue(ctx, s, ask)
    end
    return {'OK', row_of(find_one(ask.id))}
  end

  -- ARGV: now, then each requisition as JSON {id, pool, amount, swarm, token, priority, digest}.
  -- Answers {'OK', allocation} or why not, each.
  function pools.allocate(_, args)
    local ctx, answers = begin(args[1]), {}
    for i = 2, #args do answers[i - 1] = allocate(ctx, cjson.decode(args[i])) end
    return ctx.did and finish(ctx, answers) or answers
  end

  -- ARGV: now, then ids. Answers 1 or 0 each.
  function pools.release(_, args)
    local ctx, answers = begin(args[1]), {}
    for i = 2, #args do
      local is_there = find_one(args[i]) ~= nil
      if is_there then give_back(ctx, {args[i]}, pools.RELEASED) end
      answers[i - 1] = is_there and 1 or 0
    end
    return finish(ctx, answers)
  end

  local function is_gone(ctx, a)
    local s = sheet(ctx, a.swarm)
    if not s or ENDED[s.status] then return true end
    if a.task == '' then return false end
    local task = find(a.swarm, a.task)
    return not task or task.status ~= 'running' or task.attempt ~= tonumber(a.attempt)
  end

  -- ARGV: now. Answers how many allocations belonged to nobody.
  function pools.sweep(_, args)
    local ctx, gone = begin(args[1]), {}
    for _, name in ipairs(redis.call('SMEMBERS', 'swarm:pools')) do
      for _, part in ipairs({'held', 'queue'}) do
        for _, id in ipairs(redis.call('ZRANGE', pool_key(name, part), 0, -1)) do
          if is_gone(ctx, find_one(id)) then gone[#gone + 1] = id end
        end
      end
    end
    if #gone == 0 then return 0 end
    give_back(ctx, gone, pools.HOLDER_GONE)
    return finish(ctx, #gone)
  end

  -- Answers every pool.
  function pools.read()
    local names, shown = redis.call('SMEMBERS', 'swarm:pools'), {}
    for i, name in ipairs(names) do shown[i] = show(name) end
    return shown
  end
end
