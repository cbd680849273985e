-- Captures of swarms, and how a swarm is rebuilt.
--
-- A swarm comes in by pieces, like a large plan: the records and edges of some tasks each, then the
-- flip that shows them. A record that a piece wrote bears `laid`, and is none until the flip. In a
-- swarm that is recovering the keys of the plan gather in `swarm:<id>:laid`, in a new one, which
-- is `initializing` until then, in `swarm:<id>:tasks`. A piece says where it begins, so that each may
-- be sent twice, and who works from another image than the last one begins again.
--
-- A capture is a hash {text, number, at, seq, label, digest, blobs}; `swarm:state:<id>` holds that of
-- the state, and the last number of each kind beside it. Its parts are used by <id>@<kind>/<number>.

do

local LOOSE_RUNS = 20  -- runs of a task without a record that are looked for

local function index_key(id) return 'swarm:captures:' .. id end
local function state_key(id) return 'swarm:state:' .. id end
local function capture_key(id, name)
  if string.sub(name, 1, 6) == 'state/' then return state_key(id) end
  local kind, number = string.match(name, '^(%a+)/(%d+)$')
  return 'swarm:' .. kind .. ':' .. id .. ':' .. number
end
local function names_of(id) return redis.call('ZRANGE', index_key(id), 0, -1) end
local function count(name) redis.call('HINCRBY', 'swarm:state:manager:stats', name, 1) end
local function is_there(id)
  local status = redis.call('HGET', base(id), 'status')
  return status and status ~= 'initializing'
end

local function drop_one(id, name)
  local key = capture_key(id, name)
  for digest in string.gmatch(redis.call('HGET', key, 'blobs') or '', '%S+') do
    let_loose(id .. '@' .. name, digest)
  end
  if key == state_key(id) then
    redis.call('HDEL', key, 'text', 'number', 'at', 'seq', 'label', 'digest', 'blobs')
  else
    redis.call('DEL', key)
  end
  redis.call('ZREM', index_key(id), name)
end

-- The names of captures of a kind, the oldest first; those without a label, or all.
local function of_kind(id, kind, wants_loose)
  local found = {}
  for _, name in ipairs(names_of(id)) do
    local is_own = string.match(name, '^(%a+)/') == kind
    if is_own and (not wants_loose or redis.call('HGET', capture_key(id, name), 'label') == '') then
      found[#found + 1] = name
    end
  end
  return found
end

-- The newest capture of the kind and label, if it holds the same.
local function standing(id, ask)
  local names = of_kind(id, ask.kind, false)
  for place = #names, 1, -1 do
    local key = capture_key(id, names[place])
    local row = redis.call('HMGET', key, 'label', 'seq', 'digest', 'text', 'number', 'at')
    if row[1] == ask.label then
      if row[2] == tostring(ask.seq) and row[3] == ask.digest then return {row[4], row[5], row[6]} end
      return nil
    end
  end
  return nil
end

-- ARGV: now, capture as JSON {swarm, kind, label, seq, digest, blobs, kept, labelled}, its text.
-- Answers {'OK', text, number, at}, or why not.
function states.keep(_, args)
  local ask = cjson.decode(args[2])
  local id = ask.swarm
  if not is_there(id) then return {'NOSWARM'} end
  local stands = standing(id, ask)
  if stands then return {'OK', stands[1], stands[2], stands[3]} end
  if ask.label ~= '' then
    local held = #of_kind(id, ask.kind, false) - #of_kind(id, ask.kind, true)
    if held >= ask.labelled then
      return {'LIMIT', 'CAPTURES_LABELLED_MAX', tostring(ask.labelled), tostring(held + 1)}
    end
  end
  local gone = missing(ask.blobs)
  if gone then return {'NOBLOB', gone} end
  local ctx = begin(args[1])
  local number = redis.call('HINCRBY', state_key(id), 'last:' .. ask.kind, 1)
  local name, digests = ask.kind .. '/' .. number, ask.blobs or {}
  for _, old in ipairs(ask.kind == 'state' and of_kind(id, 'state', false) or {}) do
    drop_one(id, old)
    count('dropped')
  end
  redis.call('HSET', capture_key(id, name), 'text', args[3], 'number', number, 'at', num(ctx.at),
    'seq', ask.seq, 'label', ask.label, 'digest', ask.digest, 'blobs', table.concat(digests, ' '))
  redis.call('ZADD', index_key(id), number, name)
  for _, digest in ipairs(digests) do
    redis.call('SADD', 'skep:users:' .. digest, id .. '@' .. name)
    redis.call('ZREM', 'skep:loose', digest)
  end
  count(ask.kind)
  local loose = of_kind(id, ask.kind, true)
  for place = 1, #loose - ask.kept do
    drop_one(id, loose[place])
    count('dropped')
  end
  return finish(ctx, {'OK', args[3], tostring(number), num(ctx.at)})
end

-- ARGV: swarm. Answers {'OK', {text, number, at}, ...}, or {'NOSWARM'}.
function states.captures(_, args)
  if not is_there(args[1]) then return {'NOSWARM'} end
  local rows = {'OK'}
  for _, name in ipairs(names_of(args[1])) do
    rows[#rows + 1] = redis.call('HMGET', capture_key(args[1], name), 'text', 'number', 'at')
  end
  return rows
end

-- ARGV: now, swarm, name of the capture. Answers {'OK', 1 or 0}, or {'NOSWARM'}.
function states.drop(_, args)
  if not is_there(args[2]) then return {'NOSWARM'} end
  if not redis.call('ZSCORE', index_key(args[2]), args[3]) then return {'OK', 0} end
  local ctx = begin(args[1])
  drop_one(args[2], args[3])
  count('dropped')
  return finish(ctx, {'OK', 1})
end

-- For forgetting a swarm, backing it up, and making the indices of a restored one.
function states.forget(id)
  for _, name in ipairs(names_of(id)) do drop_one(id, name) end
  redis.call('DEL', index_key(id), state_key(id))
end

function states.keys(id)
  local keys, digests = {index_key(id), state_key(id)}, {}
  for _, name in ipairs(names_of(id)) do
    local key = capture_key(id, name)
    if key ~= state_key(id) then keys[#keys + 1] = key end
    for digest in string.gmatch(redis.call('HGET', key, 'blobs') or '', '%S+') do
      digests[#digests + 1] = digest
    end
  end
  return keys, digests
end

function states.index(side, id)
  for _, name in ipairs(redis.call('ZRANGE', side .. index_key(id), 0, -1)) do
    local blobs = redis.call('HGET', side .. capture_key(id, name), 'blobs') or ''
    for digest in string.gmatch(blobs, '%S+') do
      redis.call('SADD', side .. 'skep:users:' .. digest, id .. '@' .. name)
    end
  end
end

-- The journal of a task, as {run, step, ...}.
local function steps_of(id, key, runs)
  local steps = {}
  for run = 1, runs do
    local place = ':' .. run .. ':' .. key
    local order = redis.call('LRANGE', base(id) .. ':o' .. place, 0, -1)
    for _, step in ipairs(order) do
      steps[#steps + 1] = tostring(run)
      steps[#steps + 1] = redis.call('HGET', base(id) .. ':j' .. place, step)
    end
  end
  return steps
end

-- A task as an image has it: {key, fields, ups, steps}, without fields when it has no record.
local function pictured(id, key, runs)
  local fields = redis.call('HGETALL', task_key(id, key))
  local row = redis.call('HMGET', task_key(id, key), 'status', 'run', 'laid')
  if not row[1] or row[3] then fields = {} end
  if #fields > 0 then runs = tonumber(row[2] or 1) end
  local ups = redis.call('ZRANGE', base(id) .. ':up:' .. key, 0, -1)
  return {key, fields, ups, steps_of(id, key, runs)}
end

-- The tasks that events name, in a list that may name one twice.
local function named_by(events)
  local keys = {}
  for _, text_of in ipairs(events) do
    local event = cjson.decode(text_of)
    if event.task then keys[#keys + 1] = event.task end
    if event.kind == 'swarm.submitted' or event.kind == 'swarm.extended' then
      for _, key in ipairs(event.data.tasks or {}) do keys[#keys + 1] = key end
    end
  end
  return keys
end

-- ARGV: swarm, how many events the caller has, then key and number of runs of each task it wants.
-- Answers {'OK', fields, events, told, commands, task, ...} with the events after those, and with the
-- tasks that they name besides. Or {'NOSWARM'}.
function states.image(_, args)
  local id = args[1]
  if not is_there(id) then return {'NOSWARM'} end
  local events = redis.call('LRANGE', base(id) .. ':ev', tonumber(args[2]), -1)
  local rows = {
    'OK', redis.call('HGETALL', base(id)), events,
    redis.call('LRANGE', base(id) .. ':told', 0, -1), redis.call('SMEMBERS', base(id) .. ':cmds')
  }
  local seen = {}
  local function add(key, runs)
    if seen[key] then return end
    seen[key] = true
    rows[#rows + 1] = pictured(id, key, runs)
  end
  for i = 3, #args, 2 do add(args[i], tonumber(args[i + 1])) end
  for _, key in ipairs(named_by(events)) do add(key, 1) end
  return rows
end

-- ARGV: now, swarm. Answers {'OK', status}, or why not.
function states.suspend(_, args)
  local ctx, id = begin(args[1]), args[2]
  local s = sheet(ctx, id)
  if not s or s.status == 'initializing' then return {'NOSWARM'} end
  if s.status ~= 'recovering' then
    if not SWARM_MOVES[s.status]['swarm.recovering'] then return {'ILLEGAL', s.status} end
    move_swarm(ctx, s, 'swarm.recovering', reason_told(SUSPENDED))
  end
  for _, key in ipairs(each_task(id)) do
    if redis.call('HGET', task_key(id, key), 'status') == 'running' then
      local columns = {nonce = '', reason = SUSPENDED}
      move(ctx, find(id, key), 'task.handed_back', reason_told(SUSPENDED), columns)
    end
  end
  return finish(ctx, {'OK', s.status})
end

-- The list in which the keys of a plan gather, if this caller may write; nothing if not.
local function gathering(ask)
  local row = redis.call('HMGET', base(ask.swarm), 'status', 'staged_by', 'seq', 'progress')
  if row[1] == 'initializing' then
    local is_own = row[2] == ask.command and row[4] ~= '-1'
    return is_own and base(ask.swarm) .. ':tasks' or nil
  end
  local is_own = row[1] == 'recovering' and tonumber(row[3]) == ask.seq
  return is_own and base(ask.swarm) .. ':laid' or nil
end

local function lay_edges(id, task)
  for _, part in ipairs({'up', 'down', 'open'}) do
    redis.call('DEL', base(id) .. ':' .. part .. ':' .. task.key)
  end
  for _, up in ipairs(task.ups) do
    redis.call('ZADD', base(id) .. ':up:' .. task.key, up[2], up[1])
  end
  for _, down in ipairs(task.downs) do
    redis.call('RPUSH', base(id) .. ':down:' .. task.key, down[1])
    if down[3] then redis.call('ZADD', base(id) .. ':open:' .. task.key, down[2], down[1]) end
  end
end

local function drop_journal(id, key)
  local lines = {}
  for run = 1, LOOSE_RUNS do
    lines[#lines + 1] = base(id) .. ':j:' .. run .. ':' .. key
    lines[#lines + 1] = base(id) .. ':o:' .. run .. ':' .. key
  end
  redis.call('DEL', unpack(lines))
end

local function lay_record(id, task)
  local name = task_key(id, task.key)
  redis.call('DEL', name)
  redis.call('HSET', name, 'laid', 1, unpack(task.fields))
  drop_journal(id, task.key)
  for _, step in ipairs(task.steps) do
    local place = ':' .. step[1] .. ':' .. task.key
    redis.call('RPUSH', base(id) .. ':o' .. place, step[2])
    redis.call('HSET', base(id) .. ':j' .. place, step[2], step[3])
  end
end

-- ARGV: now, piece as JSON {swarm, seq, command, offset, tasks}; a task is {key, ordinal, unmet,
-- ups, downs} and, when its record is made anew, {fields, steps}. Answers how many keys there are
-- now, or -1 for who may not write, or not go on from there.
function states.lay(_, args)
  local ask = cjson.decode(args[2])
  local list = gathering(ask)
  if not list then return -1 end
  if ask.offset == 0 then redis.call('DEL', list) end
  if redis.call('LLEN', list) ~= ask.offset then return -1 end
  local ctx = begin(args[1])
  for _, task in ipairs(ask.tasks) do
    lay_edges(ask.swarm, task)
    if task.fields then
      lay_record(ask.swarm, task)
    else
      local name = task_key(ask.swarm, task.key)
      redis.call('HSET', name, 'unmet', task.unmet, 'goes_to', task.ordinal)
    end
    redis.call('RPUSH', list, task.key)
  end
  if redis.call('EXISTS', 'skep:staged') == 1 and redis.call('ZSCORE', 'skep:staged', ask.swarm) then
    redis.call('ZADD', 'skep:staged', num(ctx.at), ask.swarm)
  end
  return finish(ctx, redis.call('LLEN', list))
end

-- Give a task of a plan that was made anew its place, and put it into the indices it belongs to.
local function place_task(ctx, id, key)
  local name = task_key(id, key)
  local row = redis.call('HMGET', name, 'ordinal', 'goes_to', 'status', 'wake_at', 'ended_at')
  local before = {id = id, key = key, ordinal = tonumber(row[1])}
  local after = {id = id, key = key, ordinal = tonumber(row[2] or row[1])}
  for _, each in ipairs(row[2] and {before, after} or {after}) do
    for _, index in ipairs({'skep:leases', 'skep:timers', 'skep:dead', 'skep:drains'}) do
      redis.call('ZREM', index, ref(each))
    end
  end
  if row[3] == 'sleeping' then redis.call('ZADD', 'skep:timers', row[4], ref(after)) end
  if row[3] == 'failed' then redis.call('ZADD', 'skep:dead', row[5], ref(after)) end
  redis.call('HSET', name, 'ordinal', after.ordinal)
  redis.call('HDEL', name, 'laid', 'goes_to')
end

-- Count the tasks anew, and make the queues anew.
local function count_anew(s)
  for _, status in ipairs(STATUSES) do s.counts[status] = 0 end
  for lane, seat in pairs(seats_of(s)) do
    redis.call('DEL', base(s.id) .. ':ready:' .. lane)
    seat.ready, seat.dirty = 0, true
  end
  for _, key in ipairs(each_task(s.id)) do
    local row = redis.call('HMGET', task_key(s.id, key), 'status', 'lane', 'priority', 'ordinal')
    s.counts[row[1]] = s.counts[row[1]] + 1
    if row[1] == 'ready' and not ENDED[s.status] then
      local seat = seat_of(s, row[2])
      local score = (9 - tonumber(row[3])) * 1048576 + tonumber(row[4])
      redis.call('ZADD', base(s.id) .. ':ready:' .. row[2], score, key)
      seat.ready, seat.dirty = seat.ready + 1, true
    end
  end
end

-- A question whose step is gone is asked anew.
local function drop_questions(id, written)
  local is_written = to_set(written)
  for _, question in ipairs(redis.call('ZRANGE', base(id) .. ':approvals', 0, -1)) do
    local row = redis.call('HMGET', 'skep:approval:' .. question, 'task', 'run', 'key')
    local line = base(id) .. ':j:' .. (row[2] or '') .. ':' .. (row[1] or '')
    if is_written[row[1]] and redis.call('HEXISTS', line, row[3]) == 0 then
      redis.call('DEL', 'skep:approval:' .. question)
      for _, index in ipairs({'skep:approvals', 'skep:undecided', 'skep:expiries', base(id) .. ':approvals'}) do
        redis.call('ZREM', index, question)
      end
    end
  end
end

local function drop_task(id, key)
  redis.call('DEL', unpack(keys_of_task(id, key)))
  drop_journal(id, key)
end

local function tell_news(ctx, s, news)
  for _, each in ipairs(news) do tell(ctx, s, each.kind, each.task, each.data) end
end

-- ARGV: now, JSON {swarm, seq, total, written, dropped, purse, forgotten, news}; `total` is 0 when
-- no record is made anew. Answers {'OK', status}, or why not.
function states.reinstate(_, args)
  local ctx, ask = begin(args[1]), cjson.decode(args[2])
  local id = ask.swarm
  local s = sheet(ctx, id)
  if not s or s.status == 'initializing' then return {'NOSWARM'} end
  if not SWARM_MOVES[s.status]['swarm.reinstated'] then return {'ILLEGAL', s.status} end
  if s.seq ~= ask.seq then return {'MOVED'} end
  if ask.total > 0 and redis.call('LLEN', base(id) .. ':laid') ~= ask.total then return {'MOVED'} end
  if ask.total > 0 then
    redis.call('RENAME', base(id) .. ':laid', base(id) .. ':tasks')
    for _, key in ipairs(each_task(id)) do place_task(ctx, id, key) end
    for _, key in ipairs(ask.dropped) do drop_task(id, key) end
    drop_questions(id, ask.written)
  end
  count_anew(s)
  if ask.purse ~= '' then redis.call('HSET', base(id), 'purse', ask.purse) end
  for _, command in ipairs(ask.forgotten) do
    if redis.call('SREM', base(id) .. ':cmds', command) == 1 then
      redis.call('DEL', 'skep:cmd:' .. command, 'skep:placed:' .. command)
    end
  end
  tell_news(ctx, s, ask.news)
  count('reinstated')
  states.resume(ctx, s, SUSPENDED)
  end_if_over(ctx, s)
  return finish(ctx, {'OK', s.status})
end

-- ARGV: now, JSON {command, digest, swarm, fields, blobs, told}. Begins a swarm that is made from an
-- image. Answers {'STAGED'}, or as a submission.
function states.found(_, args)
  local ask = cjson.decode(args[2])
  local id = ask.swarm
  local known = known_command(ask.command, ask.digest)
  if known then return known end
  local ctx = begin(args[1])
  local row = redis.call('HMGET', base(id), 'status', 'staged_by')
  if row[1] and not (row[1] == 'initializing' and row[2] == ask.command) then return {'EXISTS'} end
  local gone = missing(ask.blobs)
  if gone then return {'NOBLOB', gone} end
  clear_wholly(id)
  redis.call('DEL', base(id), base(id) .. ':ev', base(id) .. ':told', base(id) .. ':tasks')
  redis.call('HSET', base(id), 'status', 'initializing', 'staged_by', ask.command, 'progress', 0,
    unpack(ask.fields))
  for _, status in ipairs(STATUSES) do redis.call('HSET', base(id), 'n:' .. status, 0) end
  for _, told in ipairs(ask.told) do redis.call('RPUSH', base(id) .. ':told', told) end
  refer(id, ask.blobs)
  redis.call('SADD', 'swarm:status:initializing', id)
  redis.call('ZADD', 'skep:staged', num(ctx.at), id)
  return finish(ctx, {'STAGED'})
end

-- ARGV: now, JSON {swarm, command, seq, offset}, then events. Answers how many there are now, or -1.
function states.log(_, args)
  local ask = cjson.decode(args[2])
  local name = base(ask.swarm) .. ':ev'
  if not gathering(ask) or redis.call('LLEN', name) ~= ask.offset then return -1 end
  local ctx = begin(args[1])
  for i = 3, #args do redis.call('RPUSH', name, args[i]) end
  return finish(ctx, redis.call('LLEN', name))
end

-- ARGV: now, JSON {command, digest, swarm, seq, total, status, news}. Makes the swarm visible.
function states.show(_, args)
  local ctx, ask = begin(args[1]), cjson.decode(args[2])
  local id = ask.swarm
  local known = known_command(ask.command, ask.digest)
  if known then return known end
  local list = gathering(ask)
  if not list or redis.call('LLEN', list) ~= ask.total
    or redis.call('LLEN', base(id) .. ':ev') ~= ask.seq then return {'MOVED'} end
  for _, key in ipairs(each_task(id)) do place_task(ctx, id, key) end
  local s = sheet(ctx, id)
  s.status = ask.status
  count_anew(s)
  reseat(ctx, s)
  if s.deadline ~= '' then redis.call('ZADD', 'skep:deadlines', s.deadline, id) end
  redis.call('ZADD', 'swarm:index', 0, id)
  redis.call('ZREM', 'skep:staged', id)
  redis.call('HDEL', base(id), 'staged_by', 'progress')
  tell_news(ctx, s, ask.news)
  end_if_over(ctx, s)
  remember_command(ask.command, ask.digest, id)
  count('founded')
  return finish(ctx, {'OK', id})
end

end
