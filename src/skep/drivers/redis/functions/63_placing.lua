-- Tasks that name no swarm: the order of policy/placement.py over the open swarms.
--
-- A crew are the open swarms of equal priority and skills; `skep:crew:<priority>|<skills>` holds them
-- by load, then id, and the first few of each crew hold everybody who may come first. `skep:open` has
-- all of them by id, for round robin. `write_sheet` keeps both, so they are as the swarms stand.

do
  local function is_open(s)
    local total = 0
    for _, number in pairs(s.counts) do total = total + number end
    return s.status == 'active' and s.sealed ~= '1' and total < PLAN_TASKS_MAX
  end

  local function load_of(ready, running, cap) return (ready + running) / cap end

  -- Put a swarm into its crew, or take it out.
  function placing.note(s)
    local crew = s.priority .. '|' .. (redis.call('HGET', base(s.id), 'skills') or '')
    if is_open(s) then
      redis.call('ZADD', 'skep:open', 0, s.id)
      redis.call('ZADD', 'skep:crew:' .. crew, num(load_of(s.counts.ready, s.counts.running, s.cap)), s.id)
      redis.call('SADD', 'skep:crews', crew)
      return
    end
    redis.call('ZREM', 'skep:open', s.id)
    redis.call('ZREM', 'skep:crew:' .. crew, s.id)
    if redis.call('EXISTS', 'skep:crew:' .. crew) == 0 then redis.call('SREM', 'skep:crews', crew) end
  end

  local function has_all(skills, needs)
    local has = {}
    for skill in string.gmatch(skills, '[^,]+') do has[skill] = true end
    for _, need in ipairs(needs) do if not has[need] then return false end end
    return true
  end

  local function first_of(crew, priority, found)
    local rows = redis.call('ZRANGE', 'skep:crew:' .. crew, 0, placing.LOOKED_MAX - 1, 'WITHSCORES')
    for i = 1, #rows, 2 do
      found[#found + 1] = {id = rows[i], load = tonumber(rows[i + 1]), priority = priority}
    end
  end

  local function by_load(a, b)
    if a.load ~= b.load then return a.load < b.load end
    return a.id < b.id
  end

  local function by_priority(a, b)
    if a.priority ~= b.priority then return a.priority > b.priority end
    return by_load(a, b)
  end

  local function of_crews(ask)
    local found = {}
    for _, crew in ipairs(redis.call('SMEMBERS', 'skep:crews')) do
      local priority, skills = string.match(crew, '^(%d+)|(.*)$')
      if ask.placement ~= 'capability' or has_all(skills, ask.needs) then
        first_of(crew, tonumber(priority), found)
      end
    end
    table.sort(found, ask.placement == 'priority' and by_priority or by_load)
    return found
  end

  -- Those after the one chosen last, then from the beginning.
  local function in_turn()
    local last, found, seen = redis.call('HGET', 'skep:meta', 'last_placed'), {}, {}
    for _, from in ipairs(last and {'(' .. last, '-'} or {'-'}) do
      for _, id in ipairs(redis.call('ZRANGEBYLEX', 'skep:open', from, '+', 'LIMIT', 0, placing.LOOKED_MAX)) do
        if not seen[id] then
          seen[id] = true
          local row = redis.call('HMGET', base(id), 'n:ready', 'n:running', 'cap')
          found[#found + 1] = {id = id, load = load_of(row[1], row[2], row[3])}
        end
      end
    end
    return found
  end

  local function list_told(items)
    local words = {}
    for i, item in ipairs(items) do words[i] = text(item) end
    return '[' .. table.concat(words, ',') .. ']'
  end

  local function choice_told(ask, found, moved_from)
    local looked = {}
    for i = 1, math.min(#found, placing.LOOKED_MAX) do
      looked[i] = '[' .. text(found[i].id) .. ',' .. num(found[i].load) .. ']'
    end
    return '{"placement":"' .. ask.placement .. '","looked":[' .. table.concat(looked, ',')
      .. '],"needs":' .. list_told(ask.needs) .. ',"by":' .. text(ask.by)
      .. (moved_from and ',"moved_from":' .. text(moved_from) or '') .. '}'
  end

  -- Add a task to the swarm that was chosen, and remember it with the command.
  local function put(ctx, s, ask, told)
    extend(ctx, s, ask, nil, ',"placed":' .. told)
    redis.call('SET', 'skep:placed:' .. ask.command, told, 'EX', COMMAND_TTL_S)
    redis.call('HSET', base(s.id) .. ':placed', ask.tasks[1].key, ask.command)
  end

  local function again(ask, known)
    if known[1] == 'CONFLICT' then return known end
    local told = redis.call('GET', 'skep:placed:' .. ask.command)
    return told and {'ALREADY', known[2], told} or {'CONFLICT'}
  end

  local function none(ask)
    local answer = {'NONE'}
    if ask.placement == 'capability' then
      for _, crew in ipairs(redis.call('SMEMBERS', 'skep:crews')) do answer[#answer + 1] = crew end
    end
    return answer
  end

  local function distribute(now, ask)
    local known = known_command(ask.command, ask.digest)
    if known then return again(ask, known) end
    local found = ask.placement == 'round_robin' and in_turn() or of_crews(ask)
    if #found == 0 then return none(ask) end
    local ctx, spec = begin(now), ask.tasks[1]
    local s = sheet(ctx, found[1].id)
    if redis.call('EXISTS', task_key(s.id, spec.key)) == 1 then return {'DUPLICATE', spec.key} end
    local gone = missing(ask.blobs)
    if gone then return {'NOBLOB', gone} end
    local told = choice_told(ask, found)
    put(ctx, s, ask, told)
    if ask.placement == 'round_robin' then redis.call('HSET', 'skep:meta', 'last_placed', s.id) end
    return finish(ctx, {'OK', s.id, told})
  end

  -- ARGV: now, then each distribution as JSON {command, digest, tasks, blobs, placement, needs, by}.
  -- Answers {'OK' or 'ALREADY', swarm, choice}, or why not, each.
  function placing.distribute(_, args)
    local answers = {}
    for i = 2, #args do answers[i - 1] = distribute(args[1], cjson.decode(args[i])) end
    return answers
  end

  function placing.is_moved(status, reason)
    return status == 'cancelled' and string.sub(reason or '', 1, #placing.MOVED) == placing.MOVED
  end

  local function may_move(choice, skills)
    if choice.placement == 'capability' then return has_all(skills, choice.needs) end
    return choice.placement == 'least_loaded'
  end

  -- What of a task is needed to move it; nil for one that stays. One that will never be moved is
  -- not looked at again.
  local function movable_one(source, target, key, command, skills)
    local row = redis.call('HMGET', task_key(source, key), 'status', 'attempt', 'run', 'delay_s', 'ordinal')
    if not row[1] or TERMINAL[row[1]] or tonumber(row[2] or 0) > 0 then
      redis.call('HDEL', base(source) .. ':placed', key)
      return nil
    end
    local is_free = row[1] == 'ready' and tonumber(row[3] or 1) == 1 and tonumber(row[4]) == 0
      and redis.call('EXISTS', base(source) .. ':up:' .. key, base(source) .. ':down:' .. key) == 0
      and redis.call('EXISTS', task_key(target, key)) == 0
    local told = is_free and redis.call('GET', 'skep:placed:' .. command)
    local known = told and redis.call('GET', 'skep:cmd:' .. command)
    local choice = known and cjson.decode(told)
    if not choice or not may_move(choice, skills) then return nil end
    return {
      key = key, command = command, digest = string.match(known, '^%S+'), choice = choice,
      ordinal = tonumber(row[5])
    }
  end

  -- What may be moved, the youngest first.
  local function movable(source, target)
    local found, skills = {}, redis.call('HGET', base(target), 'skills') or ''
    local rows = redis.call('HGETALL', base(source) .. ':placed')
    for i = 1, #rows, 2 do
      found[#found + 1] = movable_one(source, target, rows[i], rows[i + 1], skills)
    end
    table.sort(found, function(a, b) return a.ordinal > b.ordinal end)
    return found
  end

  local function spec_of(id, key)
    local row = redis.call('HMGET', task_key(id, key), 'spec', 'lane', 'priority', 'tolerant',
      'timeout_s', 'attempts_max')
    return {
      key = key, spec = row[1], lane = row[2], priority = tonumber(row[3]), tolerant = row[4] == '1',
      delay_s = 0, timeout_s = tonumber(row[5]), attempts_max = row[6], after = {}
    }
  end

  local function contents_of(spec)
    local input = cjson.decode(spec.spec).input
    local digest = type(input) == 'table' and input['$blob']
    return type(digest) == 'string' and {digest} or {}
  end

  -- Move one task; answers its choice, or nothing when the target is full.
  local function move_one(now, from, to, found)
    local ctx = begin(now)
    local source, target = sheet(ctx, from), sheet(ctx, to)
    if not is_open(target) then return nil end
    local looked = {}
    for i, s in ipairs({target, source}) do
      looked[i] = {id = s.id, load = load_of(s.counts.ready, s.counts.running, s.cap)}
    end
    local told, reason = choice_told(found.choice, looked, from), placing.MOVED .. to
    local spec = spec_of(from, found.key)
    move(ctx, find(from, found.key), 'task.cancelled', reason_told(reason), {reason = reason})
    redis.call('SREM', base(from) .. ':cmds', found.command)
    redis.call('HDEL', base(from) .. ':placed', found.key)
    put(ctx, target, {
      command = found.command, digest = found.digest, tasks = {spec}, blobs = contents_of(spec)
    }, told)
    return finish(ctx, {found.key, told})
  end

  local function shift(now, ask)
    local ctx = begin(now)
    for _, id in ipairs({ask.source, ask.target}) do
      local s = sheet(ctx, id)
      if not s or s.status == 'initializing' then return {'NOSWARM', id} end
      if not is_open(s) then return {'CLOSED', id, s.status} end
    end
    local moved = {'OK'}
    for _, found in ipairs(movable(ask.source, ask.target)) do
      if #moved > ask.number then break end
      moved[#moved + 1] = move_one(now, ask.source, ask.target, found)
    end
    return moved
  end

  -- ARGV: now, mandate, then each shift as JSON {source, target, number}. Answers {'OK', {key,
  -- choice}, ...} or why not, each.
  function placing.shift(_, args)
    local stale = fenced_by_term(args[2])
    if stale then return stale end
    local answers = {}
    for i = 3, #args do answers[i - 2] = shift(args[1], cjson.decode(args[i])) end
    return answers
  end
end
