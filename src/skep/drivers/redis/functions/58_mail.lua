-- Messages. Of each swarm that was ever sent one there are, under `swarm:<id>:mail`:
--
-- (itself)  hash   number -> the message as JSON, which nothing here reads
-- :post     hash   number -> where it stands, as JSON (`write`)
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

function mail.key(id, part) return base(id) .. ':mail:' .. part end
function mail.place(n) return string.format('%016.0f', n) end
function mail.member(m) return mail.place(m.n) .. '/' .. m.swarm end
function mail.line(m) return m.agent .. '\0' .. m.sender .. '\0' end
function mail.rank(m) return m.agent .. '\0' .. (9 - m.priority) .. mail.place(m.n) end

function mail.first_in(key, prefix, limit)
  return redis.call('ZRANGEBYLEX', key, '[' .. prefix, '[' .. prefix .. '\255', 'LIMIT', 0, limit)
end

function mail.find(id, n)
  local row = redis.call('HGET', mail.key(id, 'post'), tostring(n))
  if not row then return nil end
  local m = cjson.decode(row)
  m.swarm, m.n = id, tonumber(n)
  return m
end

function mail.write(ctx, m)
  ctx.touched[m.swarm] = true
  redis.call('HSET', mail.key(m.swarm, 'post'), num(m.n), cjson.encode({
    agent = m.agent, sender = m.sender, id = m.id, digest = m.digest, priority = m.priority,
    ttl_s = m.ttl_s, state = m.state, tries = m.tries, nonce = m.nonce, reason = m.reason,
    due_at = m.due_at, sent_at = m.sent_at, expires_at = m.expires_at, ended_at = m.ended_at
  }))
end

-- Put the head of a line where it is looked for.
function mail.head(ctx, m)
  if m.state == 'taken' then
    redis.call('ZADD', mail.key(m.swarm, 'takes'), m.due_at, num(m.n))
  elseif tonumber(m.due_at) > ctx.at then
    redis.call('ZADD', mail.key(m.swarm, 'rests'), m.due_at, num(m.n))
  else
    redis.call('ZADD', mail.key(m.swarm, 'heads'), 0, mail.rank(m))
    ctx.rung[base(m.swarm)] = ctx.rung[base(m.swarm)] or '{}'
  end
end

function mail.unhead(m)
  if m.state == 'taken' and redis.call('ZREM', mail.key(m.swarm, 'takes'), num(m.n)) == 1 then return end
  if redis.call('ZREM', mail.key(m.swarm, 'heads'), mail.rank(m)) == 1 then return end
  redis.call('ZREM', mail.key(m.swarm, 'rests'), num(m.n))
end

function mail.first(m)
  local found = mail.first_in(mail.key(m.swarm, 'lines'), mail.line(m), 1)[1]
  return found and tonumber(string.sub(found, -16))
end

function mail.queue(ctx, m)
  redis.call('ZADD', mail.key(m.swarm, 'lines'), 0, mail.line(m) .. mail.place(m.n))
  redis.call('ZADD', mail.key(m.swarm, 'all'), m.n, num(m.n))
  redis.call('HSET', mail.key(m.swarm, 'ids'), m.agent .. '/' .. m.id, num(m.n))
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
  local was_first = mail.first(m) == m.n
  redis.call('ZREM', mail.key(m.swarm, 'lines'), mail.line(m) .. mail.place(m.n))
  if m.expires_at ~= '' then redis.call('ZREM', 'skep:mail:mortal', mail.member(m)) end
  if was_first then mail.unhead(m) end
  m.state, m.due_at, m.ended_at, m.reason = state, '0', ctx.stamp, reason
  if state == 'acknowledged' then
    local held = mail.key(m.swarm, 'held')
    if redis.call('HINCRBY', held, m.agent, -1) == 0 then redis.call('HDEL', held, m.agent) end
    redis.call('ZADD', mail.key(m.swarm, 'past'), m.ended_at, mail.place(m.n))
  else
    m.nonce = ''
    redis.call('ZADD', 'skep:mail:dead', m.n, mail.member(m))
  end
  mail.write(ctx, m)
  ctx.did = true
  local after = was_first and mail.first(m)
  if after then mail.head(ctx, mail.find(m.swarm, num(after))) end
end

function mail.begin(now)
  local ctx = begin(now)
  ctx.rung, ctx.touched, ctx.statuses, ctx.did = {}, {}, {}, false
  return ctx
end

function mail.earliest(id, part)
  return tonumber(redis.call('ZRANGE', mail.key(id, part), 0, 0, 'WITHSCORES')[2])
end

-- Put down when the first head of each swarm that was touched can be taken.
function mail.note_next(ctx)
  for id in pairs(ctx.touched) do
    local rests, takes = mail.earliest(id, 'rests'), mail.earliest(id, 'takes')
    if redis.call('EXISTS', mail.key(id, 'heads')) == 1 then
      redis.call('ZADD', 'skep:mail:next', 0, id)
    elseif rests or takes then
      redis.call('ZADD', 'skep:mail:next', num(math.min(rests or takes, takes or rests)), id)
    else
      redis.call('ZREM', 'skep:mail:next', id)
    end
  end
  ctx.touched = {}
end

-- The inboxes, of those named, of whose swarms something can be taken now.
function mail.promising(ctx, inboxes)
  local asked, found = {'ZMSCORE', 'skep:mail:next'}, {}
  for _, to in ipairs(inboxes) do asked[#asked + 1] = to[1] end
  if #inboxes == 0 then return found end
  for i, at in ipairs(redis.call(unpack(asked))) do
    at = at and tonumber(at)
    -- Further away than a lease can be: a long rest, or written before the clock was set back.
    if at and (at <= ctx.at or at > ctx.at + 2 * LEASE_S_MAX) then found[#found + 1] = inboxes[i] end
  end
  return found
end

-- Announce what came, and end the operation; one that did nothing leaves no mark.
function mail.done(ctx, answer)
  mail.note_next(ctx)
  for channel, told in pairs(ctx.rung) do redis.call('PUBLISH', channel, told) end
  if not ctx.did then return answer end
  return finish(ctx, answer)
end

-- Bury messages whose time is over, those whose time was over first first.
function mail.bury(ctx)
  local over = redis.call('ZRANGEBYSCORE', 'skep:mail:mortal', '-inf', ctx.stamp, 'LIMIT', 0, BURIED_MAX)
  for _, member in ipairs(over) do
    local n, id = string.match(member, '^(%d+)/(.*)$')
    mail.finish(ctx, mail.find(id, num(tonumber(n))), 'dead', MAIL_EXPIRED)
  end
end

-- Let go of the history that is too long or too old.
function mail.trim(ctx, id)
  local past = mail.key(id, 'past')
  for _ = 1, BURIED_MAX do
    local oldest = redis.call('ZRANGE', past, 0, 0, 'WITHSCORES')
    if not oldest[1] then return end
    local is_long = redis.call('ZCARD', past) > MESSAGES_KEPT_MAX
    if not is_long and tonumber(oldest[2]) > ctx.at - MESSAGES_KEPT_S then return end
    local n = num(tonumber(oldest[1]))
    local m = mail.find(id, n)
    redis.call('ZREM', past, oldest[1])
    redis.call('ZREM', mail.key(id, 'all'), n)
    redis.call('HDEL', mail.key(id, 'post'), n)
    redis.call('HDEL', base(id) .. ':mail', n)
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
    local m = cjson.decode(rows[i + 1])
    m.swarm, m.n = id, tonumber(rows[i])
    if m.state == 'dead' then redis.call('ZADD', side .. 'skep:mail:dead', m.n, mail.member(m)) end
    if m.expires_at ~= '' and m.ended_at == '' then
      redis.call('ZADD', side .. 'skep:mail:mortal', m.expires_at, mail.member(m))
    end
    if m.ended_at == '' then redis.call('ZADD', side .. 'skep:mail:next', 0, id) end
    if m.n > tonumber(redis.call('GET', last) or 0) then redis.call('SET', last, num(m.n)) end
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
  local known = redis.call('HGET', mail.key(ask.swarm, 'ids'), ask.agent .. '/' .. ask.id)
  if known then
    local same = mail.find(ask.swarm, known).digest == ask.digest
    return {same and 'ALREADY' or 'CONFLICT', known}
  end
  if ENDED[status] then return {'CLOSED', status} end
  local absent = missing(ask.blobs)
  if absent then return {'MISSING', absent} end
  local held = redis.call('HGET', mail.key(ask.swarm, 'held'), ask.agent)
  if tonumber(held or 0) >= INBOX_MAX then return {'FULL'} end
  refer(ask.swarm, ask.blobs)
  local m = {
    swarm = ask.swarm, agent = ask.agent, sender = ask.sender, id = ask.id, digest = ask.digest,
    priority = ask.priority, ttl_s = ask.ttl_s, n = redis.call('INCR', 'skep:mail:last'),
    state = 'waiting', tries = 0, nonce = '', reason = '', due_at = '0', sent_at = ctx.stamp,
    expires_at = mail.expires(ctx, ask.ttl_s), ended_at = ''
  }
  redis.call('HSET', base(m.swarm) .. ':mail', num(m.n), body)
  redis.call('HINCRBY', mail.key(m.swarm, 'held'), m.agent, 1)
  local own = ctx.rung[base(m.swarm)]
  mail.queue(ctx, m)
  ctx.rung[base(m.swarm)] = own  -- the channels of the message ring for it
  for _, channel in ipairs(ask.channels) do ctx.rung[channel] = ask.told end
  ctx.did = true
  return {'OK', num(m.n)}
end

function mail.expires(ctx, ttl_s)
  return ttl_s ~= '' and num(ctx.at + tonumber(ttl_s)) or ''
end

-- ARGV: now, then each message as JSON of what is looked at here, and as it is to be kept.
function mail.send(_, args)
  local ctx, answers, swarms = mail.begin(args[1]), {}, {}
  mail.bury(ctx)
  for i = 2, #args, 2 do
    local ask = cjson.decode(args[i])
    answers[#answers + 1] = mail.send_one(ctx, ask, args[i + 1])
    swarms[ask.swarm] = true
  end
  for id in pairs(swarms) do mail.trim(ctx, id) end
  return mail.done(ctx, answers)
end

-- Let heads be taken again whose rest or lease is over; those given out for the last time are dead.
function mail.wake(ctx, id)
  for part, longest in pairs({rests = SECONDS_MAX, takes = LEASE_S_MAX}) do
    local key = mail.key(id, part)
    local due = redis.call('ZRANGEBYSCORE', key, '-inf', ctx.stamp)
    -- Further away than any can be: written before the clock was set back.
    local far = redis.call('ZRANGEBYSCORE', key, '(' .. num(ctx.at + 2 * longest), '+inf')
    for _, n in ipairs(far) do due[#due + 1] = n end
    for _, n in ipairs(due) do
      local m = mail.find(id, n)
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

-- ARGV: now, limit, lease_s, inboxes as JSON (swarm, agent each), then as many nonces as the limit.
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
      for _, member in ipairs(heads) do
        local n = num(tonumber(string.sub(member, -16)))
        local m = mail.find(id, n)
        m.state, m.tries, m.nonce, m.due_at = 'taken', m.tries + 1, args[5 + #taken], due_at
        redis.call('ZREM', mail.key(id, 'heads'), member)
        mail.head(ctx, m)
        mail.outlive(m)
        mail.write(ctx, m)
        ctx.did = true
        taken[#taken + 1] = {redis.call('HGET', base(id) .. ':mail', n), m.sent_at, m.tries, m.nonce}
      end
    end
  end
  return mail.done(ctx, taken)
end

-- The message that a token names, and what the token is worth.
function mail.under(ctx, token)
  local n = mail.status(ctx, token.swarm) and redis.call('HGET', mail.key(token.swarm, 'ids'), token.agent .. '/' .. token.id)
  local m = n and mail.find(token.swarm, n)
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

-- ARGV: now, lease_s, then each token as JSON. Answers a verdict each.
function mail.renew(_, args)
  local ctx, verdicts = mail.begin(args[1]), {}
  for i = 3, #args do
    local m, verdict = mail.under(ctx, cjson.decode(args[i]))
    if m then
      m.due_at = num(ctx.at + math.min(tonumber(args[2]), LEASE_S_MAX))
      mail.unhead(m)
      mail.seat(ctx, m)
    end
    verdicts[#verdicts + 1] = verdict
  end
  return mail.done(ctx, verdicts)
end

-- ARGV: now, then each token as JSON. Answers a verdict each.
function mail.acknowledge(_, args)
  local ctx, verdicts, swarms = mail.begin(args[1]), {}, {}
  for i = 2, #args do
    local token = cjson.decode(args[i])
    local m, verdict = mail.under(ctx, token)
    if m then mail.finish(ctx, m, 'acknowledged', '') end
    swarms[token.swarm] = true
    verdicts[#verdicts + 1] = verdict
  end
  for id in pairs(swarms) do mail.trim(ctx, id) end
  return mail.done(ctx, verdicts)
end

-- ARGV: now, then each return as JSON. Answers a verdict each.
function mail.give_back(_, args)
  local ctx, verdicts = mail.begin(args[1]), {}
  for i = 2, #args do
    local back = cjson.decode(args[i])
    local m, verdict = mail.under(ctx, back.token)
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
    local n = mail.status(ctx, id) and redis.call('HGET', mail.key(id, 'ids'), agent .. '/' .. name)
    local m = n and mail.find(id, n)
    if m and m.state == 'dead' then
      local body = redis.call('HGET', base(id) .. ':mail', n)
      redis.call('ZREM', 'skep:mail:dead', mail.member(m))
      redis.call('ZREM', mail.key(id, 'all'), n)
      redis.call('HDEL', mail.key(id, 'post'), n)
      redis.call('HDEL', base(id) .. ':mail', n)
      m.n, m.state, m.tries, m.reason = redis.call('INCR', 'skep:mail:last'), 'waiting', 0, ''
      m.ended_at, m.expires_at = '', mail.expires(ctx, m.ttl_s)
      redis.call('HSET', base(id) .. ':mail', num(m.n), body)
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
  local below = args[3] == '+inf' and args[3] or '(' .. args[3]
  repeat
    local page = redis.call('ZREVRANGEBYSCORE', 'skep:mail:dead', below, '-inf', 'LIMIT', offset, limit)
    for _, member in ipairs(page) do
      local n, id = string.match(member, '^(%d+)/(.*)$')
      if #found < limit and (args[2] == '' or id == args[2]) then
        found[#found + 1] = mail.shown(id, num(tonumber(n)))
      end
    end
    offset = offset + #page
  until #found >= limit or #page < limit
  return mail.done(ctx, found)
end
