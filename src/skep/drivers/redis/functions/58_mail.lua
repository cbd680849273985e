-- Messages. Of each swarm that was ever sent one there are, under `swarm:<id>:mail`:
--
-- (itself)  hash   number -> the message as JSON, which nothing here reads
-- :post     hash   number -> where it stands, in fields that end with a zero byte (`write`)
-- :ids      hash   agent/id -> number
-- :all      zset   every number
-- :lines    zset   agent, sender, number of the undelivered ones: who comes first in the order of
--                  these is the head of its sender's line
-- :heads    zset   agent, priority, number of the heads that can be taken
-- :rests    zset   numbers of the heads that rest, by the end of it
-- :takes    zset   numbers of the heads that somebody has, by the end of the lease
-- :held     hash   agent -> how many nobody has acknowledged
-- :past     zset   numbers of the acknowledged ones, by the time of it
--
-- and of all swarms `skep:mail:last` (the last number), `skep:mail:mortal` (undelivered ones by the
-- time at which they die) and `skep:mail:dead`. Members of both are <number>/<swarm>. In
-- `skep:mail:next` stands of each swarm with heads when the first of them can be taken, so that who
-- reads for a thousand swarms asks once. Parts of the members of `lines` and `heads` end with a zero
-- byte, which no name has.

-- The names of keys are made once for a swarm, as long as few have mail.
local names, names_made = {}, 0

function mail.key(id, part)
  local of = names[id]
  if not of then
    if names_made >= 1000 then names, names_made = {}, 0 end
    of = {}
    names[id], names_made = of, names_made + 1
  end
  local name = of[part]
  if not name then
    name = base(id) .. ':mail:' .. part
    of[part] = name
  end
  return name
end

function mail.place(n) return string.format('%016d', n) end
function mail.field(n) return string.format('%d', n) end
-- Moments as scores: whole microseconds, which Redis keeps as integers in small sets. Fractions it
-- would keep as text there, and read again at each comparison.
function mail.score(moment) return string.format('%d', moment * 1000000 + 0.5) end
function mail.member(m) return mail.place(m.n) .. '/' .. m.swarm end
function mail.line(m) return m.agent .. '\0' .. m.sender .. '\0' end
function mail.rank(m) return m.agent .. '\0' .. (9 - m.priority) .. mail.place(m.n) end

function mail.first_in(key, prefix, limit)
  return redis.call('ZRANGEBYLEX', key, '[' .. prefix, '[' .. prefix .. '\255', 'LIMIT', 0, limit)
end

-- What never changes of a message stands in front, and is written as it was read. POST_FIELDS of
-- mailbox.py are the same. Every field ends with a zero byte, which `struct` reads at once.
local POST = 'ssssssssssssss'

function mail.parse(id, n, row)
  local agent, sender, name, digest, priority, ttl_s, sent_at, state, tries, nonce, due_at,
    expires_at, ended_at, reason = struct.unpack(POST, row)
  local fixed = #agent + #sender + #name + #digest + #priority + #ttl_s + #sent_at + 7
  return {
    swarm = id, n = tonumber(n), fixed = string.sub(row, 1, fixed), agent = agent, sender = sender,
    id = name, digest = digest, priority = priority, ttl_s = ttl_s, sent_at = sent_at, state = state,
    tries = tonumber(tries), nonce = nonce, due_at = due_at, expires_at = expires_at,
    ended_at = ended_at, reason = reason
  }
end

local function part_of(of, id)
  local part = of[id] or {}
  of[id] = part
  return part
end

-- Read what an operation will look at of one swarm, all of it by one call: fields of a hash into
-- what is known of it, where what is not there stands as false.
local function fetch(id, part, fields, known, read)
  local asked = {}
  for _, field in ipairs(fields) do
    if known[field] == nil then
      asked[#asked + 1] = field
      known[field] = false
    end
  end
  if #asked == 0 then return end
  for i, row in ipairs(redis.call('HMGET', mail.key(id, part), unpack(asked))) do
    if row then known[asked[i]] = read and read(id, asked[i], row) or row end
  end
end

-- Where messages stand by their numbers; each is read once in an operation, and written by `flush`.
function mail.fetch(ctx, id, numbers)
  local known = part_of(ctx.posts, id)
  fetch(id, 'post', numbers, known, mail.parse)
  return known
end

function mail.find(ctx, id, n) return mail.fetch(ctx, id, {n})[n] or nil end

-- The numbers of messages by <agent>/<id>.
function mail.numbers(ctx, id, ids)
  local known = part_of(ctx.ids, id)
  fetch(id, 'ids', ids, known)
  return known
end

function mail.number(ctx, id, name) return mail.numbers(ctx, id, {name})[name] or nil end

function mail.write(ctx, m)
  ctx.touched[m.swarm] = true
  part_of(ctx.dirty, m.swarm)[mail.field(m.n)] = m
end

-- Remove a message that is over.
function mail.drop(ctx, m)
  local n = mail.field(m.n)
  redis.call('ZREM', mail.key(m.swarm, 'all'), n)
  redis.call('HDEL', mail.key(m.swarm, 'post'), n)
  redis.call('HDEL', base(m.swarm) .. ':mail', n)
  part_of(ctx.dirty, m.swarm)[n] = nil
  part_of(ctx.posts, m.swarm)[n] = false
end

function mail.row(m)
  return m.fixed .. m.state .. '\0' .. m.tries .. '\0' .. m.nonce .. '\0' .. m.due_at .. '\0'
    .. m.expires_at .. '\0' .. m.ended_at .. '\0' .. m.reason .. '\0'
end

function mail.flush(ctx)
  for id, rows in pairs(ctx.dirty) do
    for n, m in pairs(rows) do
      later(ctx, 'HSET', mail.key(id, 'post'), n, mail.row(m))
    end
  end
  ctx.dirty = {}
end

-- Put the head of a line where it is looked for.
function mail.head(ctx, m)
  if m.state == 'taken' then
    redis.call('ZADD', mail.key(m.swarm, 'takes'), mail.score(m.due_at), mail.field(m.n))
  elseif tonumber(m.due_at) > ctx.at then
    redis.call('ZADD', mail.key(m.swarm, 'rests'), mail.score(m.due_at), mail.field(m.n))
  else
    redis.call('ZADD', mail.key(m.swarm, 'heads'), 0, mail.rank(m))
    ctx.rung[base(m.swarm)] = ctx.rung[base(m.swarm)] or '{}'
  end
end

function mail.unhead(m)
  if m.state == 'taken' and redis.call('ZREM', mail.key(m.swarm, 'takes'), mail.field(m.n)) == 1 then return end
  if redis.call('ZREM', mail.key(m.swarm, 'heads'), mail.rank(m)) == 1 then return end
  redis.call('ZREM', mail.key(m.swarm, 'rests'), mail.field(m.n))
end

function mail.first(m)
  local found = mail.first_in(mail.key(m.swarm, 'lines'), mail.line(m), 1)[1]
  return found and tonumber(string.sub(found, -16))
end

function mail.queue(ctx, m)
  redis.call('ZADD', mail.key(m.swarm, 'lines'), 0, mail.line(m) .. mail.place(m.n))
  later(ctx, 'ZADD', mail.key(m.swarm, 'all'), m.n, mail.field(m.n))
  later(ctx, 'HSET', mail.key(m.swarm, 'ids'), m.agent .. '/' .. m.id, mail.field(m.n))
  part_of(ctx.ids, m.swarm)[m.agent .. '/' .. m.id] = mail.field(m.n)
  part_of(ctx.posts, m.swarm)[mail.field(m.n)] = m
  mail.outlive(m)
  mail.write(ctx, m)
  if mail.first(m) == m.n then mail.head(ctx, m) end
end

-- Put down when a message dies: not before the lease is over under which somebody has it.
function mail.outlive(m)
  if m.expires_at == '' then return end
  local dies_at = tonumber(m.expires_at)
  if m.state == 'taken' then dies_at = math.max(dies_at, tonumber(m.due_at)) end
  redis.call('ZADD', 'skep:mail:mortal', num(dies_at), mail.member(m))
end

-- Take a message out of its line, and let the next one of its sender be taken.
function mail.finish(ctx, m, state, reason)
  -- Only the first of a line is ever with a reader.
  local was_first = m.state == 'taken' or mail.first(m) == m.n
  redis.call('ZREM', mail.key(m.swarm, 'lines'), mail.line(m) .. mail.place(m.n))
  if m.expires_at ~= '' then redis.call('ZREM', 'skep:mail:mortal', mail.member(m)) end
  if was_first then mail.unhead(m) end
  m.state, m.due_at, m.ended_at, m.reason = state, '0', ctx.stamp, reason
  if state == 'acknowledged' then
    mail.held(ctx, m.swarm, m.agent, -1)
    redis.call('ZADD', mail.key(m.swarm, 'past'), mail.score(ctx.at), mail.place(m.n))
  else
    m.nonce = ''
    redis.call('ZADD', 'skep:mail:dead', m.n, mail.member(m))
  end
  mail.write(ctx, m)
  ctx.did = true
  local after = was_first and mail.first(m)
  if after then mail.head(ctx, mail.find(ctx, m.swarm, mail.field(after))) end
end

-- Write at once, for whoever reads it in the same operation.
function mail.flush_now(ctx)
  for id, rows in pairs(ctx.dirty) do
    ctx.dirty[id] = nil
    for n, m in pairs(rows) do redis.call('HSET', mail.key(id, 'post'), n, mail.row(m)) end
  end
end

function mail.begin(now)
  local ctx = begin(now)
  ctx.rung, ctx.touched, ctx.statuses, ctx.held, ctx.did = {}, {}, {}, {}, false
  ctx.posts, ctx.ids, ctx.dirty = {}, {}, {}
  return ctx
end

function mail.earliest(id, part)
  return tonumber(redis.call('ZRANGE', mail.key(id, part), 0, 0, 'WITHSCORES')[2])
end

-- Put down when the first head of each swarm that was touched can be taken, in as few calls as can be.
function mail.note_next(ctx)
  local noted, gone = {}, {}
  for id in pairs(ctx.touched) do
    if redis.call('EXISTS', mail.key(id, 'heads')) == 1 then
      noted[#noted + 1], noted[#noted + 2] = 0, id
    else
      local rests, takes = mail.earliest(id, 'rests'), mail.earliest(id, 'takes')
      if rests or takes then
        noted[#noted + 1], noted[#noted + 2] = string.format('%d', math.min(rests or takes, takes or rests)), id
      else
        gone[#gone + 1] = id
      end
    end
  end
  ctx.touched = {}
  if #noted > 0 then redis.call('ZADD', 'skep:mail:next', unpack(noted)) end
  if #gone > 0 then redis.call('ZREM', 'skep:mail:next', unpack(gone)) end
end

-- The inboxes, of those named, of whose swarms something can be taken now.
function mail.promising(ctx, inboxes)
  local found, now = {}, tonumber(mail.score(ctx.at))
  for first = 1, #inboxes, 1000 do
    local asked = {'ZMSCORE', 'skep:mail:next'}
    for i = first, math.min(first + 999, #inboxes) do asked[#asked + 1] = inboxes[i][1] end
    for i, at in ipairs(redis.call(unpack(asked))) do
      at = at and tonumber(at)
      -- Further away than a lease can be: a long rest, or written before the clock was set back.
      if at and (at <= now or at > now + 2000000 * LEASE_S_MAX) then found[#found + 1] = inboxes[first + i - 1] end
    end
  end
  return found
end

-- How many messages of an inbox nobody has acknowledged, with so many more; written by `done`.
function mail.held(ctx, id, agent, more)
  local of = ctx.held[id] or {}
  ctx.held[id] = of
  of[agent] = (of[agent] or tonumber(redis.call('HGET', mail.key(id, 'held'), agent) or 0)) + more
  return of[agent]
end

function mail.write_held(ctx)
  for id, of in pairs(ctx.held) do
    for agent, count in pairs(of) do
      if count > 0 then
        redis.call('HSET', mail.key(id, 'held'), agent, count)
      else
        redis.call('HDEL', mail.key(id, 'held'), agent)
      end
    end
  end
end

-- Announce what came, and end the operation; one that did nothing leaves no mark.
function mail.done(ctx, answer)
  mail.note_next(ctx)
  for channel, told in pairs(ctx.rung) do redis.call('PUBLISH', channel, told) end
  if not ctx.did then return answer end
  mail.write_held(ctx)
  mail.flush(ctx)
  return finish(ctx, answer)
end

-- Bury messages whose time is over, those whose time was over first first.
function mail.bury(ctx)
  local over = redis.call('ZRANGEBYSCORE', 'skep:mail:mortal', '-inf', ctx.stamp, 'LIMIT', 0, BURIED_MAX)
  for _, member in ipairs(over) do
    local n, id = string.match(member, '^(%d+)/(.*)$')
    mail.finish(ctx, mail.find(ctx, id, mail.field(tonumber(n))), 'dead', MAIL_EXPIRED)
  end
end

-- Let go of the history that is too long or too old.
function mail.trim(ctx, id)
  local past = mail.key(id, 'past')
  for _ = 1, BURIED_MAX do
    local oldest = redis.call('ZRANGE', past, 0, 0, 'WITHSCORES')
    if not oldest[1] then return end
    local is_long = redis.call('ZCARD', past) > MESSAGES_KEPT_MAX
    if not is_long and tonumber(oldest[2]) > tonumber(mail.score(ctx.at - MESSAGES_KEPT_S)) then return end
    local n = mail.field(tonumber(oldest[1]))
    local m = mail.find(ctx, id, n)
    redis.call('ZREM', past, oldest[1])
    mail.drop(ctx, m)
    redis.call('HDEL', mail.key(id, 'ids'), m.agent .. '/' .. m.id)
    ctx.did = true
  end
end

function mail.forget(id)
  redis.call('ZREM', 'skep:mail:next', id)
  for _, n in ipairs(redis.call('ZRANGE', mail.key(id, 'all'), 0, -1)) do
    local member = mail.place(tonumber(n)) .. '/' .. id
    redis.call('ZREM', 'skep:mail:mortal', member)
    redis.call('ZREM', 'skep:mail:dead', member)
  end
end

-- Make the indices of the messages of a swarm that a restore has loaded under `side`.
function mail.index(side, id)
  local rows, last = redis.call('HGETALL', side .. mail.key(id, 'post')), side .. 'skep:mail:last'
  for i = 1, #rows, 2 do
    local m = mail.parse(id, rows[i], rows[i + 1])
    if m.state == 'dead' then redis.call('ZADD', side .. 'skep:mail:dead', m.n, mail.member(m)) end
    if m.expires_at ~= '' and m.ended_at == '' then
      redis.call('ZADD', side .. 'skep:mail:mortal', m.expires_at, mail.member(m))
    end
    if m.ended_at == '' then redis.call('ZADD', side .. 'skep:mail:next', 0, id) end
    if m.n > tonumber(redis.call('GET', last) or 0) then redis.call('SET', last, mail.field(m.n)) end
  end
end

-- The status of a swarm that callers can see, read once in an operation.
function mail.status(ctx, id)
  if ctx.statuses[id] == nil then
    local status = redis.call('HGET', base(id), 'status')
    ctx.statuses[id] = status and status ~= 'initializing' and status
  end
  return ctx.statuses[id]
end

function mail.send_one(ctx, ask, body)
  local status = mail.status(ctx, ask.swarm)
  if not status then return {'NOSWARM'} end
  local known = mail.number(ctx, ask.swarm, ask.agent .. '/' .. ask.id)
  if known then
    local same = mail.find(ctx, ask.swarm, known).digest == ask.digest
    return {same and 'ALREADY' or 'CONFLICT', known}
  end
  if ENDED[status] then return {'CLOSED', status} end
  local absent = ask.blobs and missing(ask.blobs)
  if absent then return {'MISSING', absent} end
  if mail.held(ctx, ask.swarm, ask.agent, 0) >= INBOX_MAX then return {'FULL'} end
  refer(ask.swarm, ask.blobs)
  local m = {
    swarm = ask.swarm, agent = ask.agent, sender = ask.sender, id = ask.id, digest = ask.digest,
    priority = ask.priority, ttl_s = ask.ttl_s, sent_at = ctx.stamp,
    n = redis.call('INCR', 'skep:mail:last'), fixed = ask.fixed .. ctx.stamp .. '\0',
    state = 'waiting', tries = 0, nonce = '', reason = '', due_at = '0',
    expires_at = mail.expires(ctx, ask.ttl_s), ended_at = ''
  }
  later(ctx, 'HSET', base(m.swarm) .. ':mail', mail.field(m.n), body)
  mail.held(ctx, m.swarm, m.agent, 1)
  local own = ctx.rung[base(m.swarm)]
  mail.queue(ctx, m)
  ctx.rung[base(m.swarm)] = own  -- the channels of the message ring for it
  for _, channel in ipairs(ask.channels) do ctx.rung[channel] = ask.told end
  ctx.did = true
  return {'OK', mail.field(m.n)}
end

function mail.expires(ctx, ttl_s)
  return ttl_s ~= '' and num(ctx.at + tonumber(ttl_s)) or ''
end

local ASK = 'ssssssssss'

-- What is looked at of a message: its swarm, blobs, channels and announcement, then what is written
-- down of it as `fixed`: agent, sender, id, digest, priority and time to live.
function mail.asked(text)
  local swarm, blobs, channels, told, agent, sender, id, digest, priority, ttl_s = struct.unpack(ASK, text)
  local before = #swarm + #blobs + #channels + #told + 4
  return {
    swarm = swarm, blobs = blobs ~= '' and words_of(blobs, ',') or nil, told = told, agent = agent,
    channels = words_of(channels, ','), sender = sender, id = id, digest = digest,
    priority = priority, ttl_s = ttl_s, fixed = string.sub(text, before + 1)
  }
end

-- ARGV: now, then of each message what is looked at here, and as it is to be kept.
function mail.send(_, args)
  local ctx, answers, asks, swarms = mail.begin(args[1]), {}, {}, {}
  mail.bury(ctx)
  local asks = {}
  for i = 2, #args, 2 do
    local ask = mail.asked(args[i])
    asks[#asks + 1] = ask
    local names = part_of(swarms, ask.swarm)
    names[#names + 1] = ask.agent .. '/' .. ask.id
  end
  -- First, so that an id that is known no longer is a new one, whoever asks first.
  for id in pairs(swarms) do mail.trim(ctx, id) end
  for id, names in pairs(swarms) do mail.numbers(ctx, id, names) end
  for i, ask in ipairs(asks) do answers[i] = mail.send_one(ctx, ask, args[2 * i + 1]) end
  return mail.done(ctx, answers)
end

-- Let heads be taken again whose rest or lease is over; those given out for the last time are dead.
function mail.wake(ctx, id)
  if redis.call('EXISTS', mail.key(id, 'rests'), mail.key(id, 'takes')) == 0 then return end
  for part, longest in pairs({rests = SECONDS_MAX, takes = LEASE_S_MAX}) do
    local key = mail.key(id, part)
    local due = redis.call('ZRANGEBYSCORE', key, '-inf', mail.score(ctx.at))
    -- Further away than any can be: written before the clock was set back.
    local far = redis.call('ZRANGEBYSCORE', key, '(' .. mail.score(ctx.at + 2 * longest), '+inf')
    for _, n in ipairs(far) do due[#due + 1] = n end
    for _, n in ipairs(due) do
      local m = mail.find(ctx, id, n)
      if part == 'takes' and m.tries >= MESSAGE_TRIES_MAX then
        mail.finish(ctx, m, 'dead', MAIL_TRIED)
      else
        redis.call('ZREM', key, n)
        redis.call('ZADD', mail.key(id, 'heads'), 0, mail.rank(m))
        ctx.touched[id], ctx.did = true, true
      end
    end
  end
end

-- Give heads of one inbox to a reader.
function mail.take_heads(ctx, id, heads, taken, lease)
  if #heads == 0 then return end
  local numbers, takes, until_then = {}, {}, mail.score(lease.due_at)
  for i, member in ipairs(heads) do numbers[i] = mail.field(tonumber(string.sub(member, -16))) end
  local posts, bodies = mail.fetch(ctx, id, numbers), redis.call('HMGET', base(id) .. ':mail', unpack(numbers))
  redis.call('ZREM', mail.key(id, 'heads'), unpack(heads))
  for i, n in ipairs(numbers) do
    local m = posts[n]
    m.state, m.tries, m.nonce, m.due_at = 'taken', m.tries + 1, lease.nonce .. '-' .. #taken, lease.due_at
    takes[#takes + 1], takes[#takes + 2] = until_then, n
    mail.outlive(m)
    mail.write(ctx, m)
    taken[#taken + 1] = {bodies[i], m.sent_at, m.tries, m.nonce}
  end
  redis.call('ZADD', mail.key(id, 'takes'), unpack(takes))
  ctx.did = true
end

-- ARGV: now, limit, lease_s, inboxes as JSON (swarm, agent each), then a nonce, to which each gets its place.
-- Answers {message, when it was sent, tries, nonce} each.
function mail.take(_, args)
  if rewritten ~= arrived then return redis.error_reply('TORN the append-only file is not proved') end
  local ctx, limit, taken = mail.begin(args[1]), tonumber(args[2]), {}
  local due_at = num(ctx.at + math.min(tonumber(args[3]), LEASE_S_MAX))
  mail.bury(ctx)
  mail.note_next(ctx)
  for _, to in ipairs(mail.promising(ctx, cjson.decode(args[4]))) do
    if #taken >= limit then break end
    local id, agent = to[1], to[2]
    if mail.status(ctx, id) then
      mail.wake(ctx, id)
      local heads = mail.first_in(mail.key(id, 'heads'), agent .. '\0', limit - #taken)
      mail.take_heads(ctx, id, heads, taken, {due_at = due_at, nonce = args[5]})
    end
  end
  return mail.done(ctx, taken)
end

-- A token as it is sent: the swarm, then incarnation, agent, id and nonce.
function mail.token(text)
  local swarm, incarnation, agent, id, nonce = struct.unpack('sssss', text)
  return {swarm = swarm, incarnation = incarnation, agent = agent, id = id, nonce = nonce}
end

-- The message that a token names, and what the token is worth.
function mail.under(ctx, token)
  local n = mail.status(ctx, token.swarm) and mail.number(ctx, token.swarm, token.agent .. '/' .. token.id)
  local m = n and mail.find(ctx, token.swarm, n)
  if not m or m.state == 'dead' then return nil, 'lost' end
  if token.nonce == '' or token.nonce ~= m.nonce or token.incarnation ~= ctx.incarnation then return nil, 'lost' end
  if m.state == 'acknowledged' then return nil, 'already' end
  return m, 'ok'
end

-- Put an undelivered message back at the head of its line, and write it down.
function mail.seat(ctx, m)
  mail.head(ctx, m)
  mail.outlive(m)
  mail.write(ctx, m)
  ctx.did = true
end

-- ARGV: now, lease_s, then each token. Answers a verdict each.
function mail.renew(_, args)
  local ctx, verdicts = mail.begin(args[1]), {}
  for i = 3, #args do
    local m, verdict = mail.under(ctx, mail.token(args[i]))
    if m then
      m.due_at = num(ctx.at + math.min(tonumber(args[2]), LEASE_S_MAX))
      mail.unhead(m)
      mail.seat(ctx, m)
    end
    verdicts[#verdicts + 1] = verdict
  end
  return mail.done(ctx, verdicts)
end

-- ARGV: now, then each token. Answers a verdict each.
function mail.acknowledge(_, args)
  local ctx, verdicts, swarms, tokens = mail.begin(args[1]), {}, {}, {}
  for i = 2, #args do
    local token = mail.token(args[i])
    tokens[#tokens + 1] = token
    local names = part_of(swarms, token.swarm)
    names[#names + 1] = token.agent .. '/' .. token.id
  end
  for id, names in pairs(swarms) do
    local known, numbers = mail.numbers(ctx, id, names), {}
    for _, name in ipairs(names) do numbers[#numbers + 1] = known[name] or nil end
    mail.fetch(ctx, id, numbers)
  end
  for i, token in ipairs(tokens) do
    local m, verdict = mail.under(ctx, token)
    if m then mail.finish(ctx, m, 'acknowledged', '') end
    verdicts[i] = verdict
  end
  for id in pairs(swarms) do mail.trim(ctx, id) end
  return mail.done(ctx, verdicts)
end

-- ARGV: now, then each return as JSON. Answers a verdict each.
function mail.give_back(_, args)
  local ctx, verdicts = mail.begin(args[1]), {}
  for i = 2, #args do
    local back = cjson.decode(args[i])
    local m, verdict = mail.under(ctx, mail.token(back.token))
    if m and back.is_failure and m.tries >= MESSAGE_TRIES_MAX then
      mail.finish(ctx, m, 'dead', back.reason ~= '' and back.reason or MAIL_TRIED)
    elseif m then
      mail.unhead(m)
      m.state, m.nonce, m.reason = 'waiting', '', back.reason
      m.due_at = num(ctx.at + tonumber(back.delay_s))
      if not back.is_failure then m.tries = m.tries - 1 end
      mail.seat(ctx, m)
    end
    verdicts[#verdicts + 1] = verdict
  end
  return mail.done(ctx, verdicts)
end

-- ARGV: now, then {swarm, agent, id} as JSON each. Answers 'REPLAYED', 'LIVE' or 'NONE' each.
function mail.replay(_, args)
  local ctx, answers = mail.begin(args[1]), {}
  for i = 2, #args do
    local id, agent, name = unpack(cjson.decode(args[i]))
    local n = mail.status(ctx, id) and mail.number(ctx, id, agent .. '/' .. name)
    local m = n and mail.find(ctx, id, n)
    if m and m.state == 'dead' then
      local body = redis.call('HGET', base(id) .. ':mail', n)
      redis.call('ZREM', 'skep:mail:dead', mail.member(m))
      mail.drop(ctx, m)
      m.n, m.state, m.tries, m.reason = redis.call('INCR', 'skep:mail:last'), 'waiting', 0, ''
      m.ended_at, m.expires_at = '', mail.expires(ctx, m.ttl_s)
      redis.call('HSET', base(id) .. ':mail', mail.field(m.n), body)
      mail.queue(ctx, m)
      ctx.did = true
      answers[#answers + 1] = 'REPLAYED'
    else
      answers[#answers + 1] = m and 'LIVE' or 'NONE'
    end
  end
  return mail.done(ctx, answers)
end

function mail.shown(id, n)
  return {n, redis.call('HGET', mail.key(id, 'post'), n), redis.call('HGET', base(id) .. ':mail', n)}
end

-- ARGV: swarm, number after which to read, limit. Answers {number, where it stands, message} each.
function mail.read(_, args)
  if not mail.status({statuses = {}}, args[1]) then return {'NOSWARM'} end
  local found = {'OK'}
  local after = {'ZRANGEBYSCORE', mail.key(args[1], 'all'), '(' .. args[2], '+inf', 'LIMIT', 0, args[3]}
  for _, n in ipairs(redis.call(unpack(after))) do found[#found + 1] = mail.shown(args[1], n) end
  return found
end

-- ARGV: now, swarm or empty, number before which to read or +inf, limit. Answers as `read`.
function mail.dead(_, args)
  local ctx, found, limit, offset = mail.begin(args[1]), {}, tonumber(args[4]), 0
  mail.bury(ctx)
  mail.flush_now(ctx)
  local below = args[3] == '+inf' and args[3] or '(' .. args[3]
  repeat
    local page = redis.call('ZREVRANGEBYSCORE', 'skep:mail:dead', below, '-inf', 'LIMIT', offset, limit)
    for _, member in ipairs(page) do
      local n, id = string.match(member, '^(%d+)/(.*)$')
      if #found < limit and (args[2] == '' or id == args[2]) then
        found[#found + 1] = mail.shown(id, mail.field(tonumber(n)))
      end
    end
    offset = offset + #page
  until #found >= limit or #page < limit
  return mail.done(ctx, found)
end
