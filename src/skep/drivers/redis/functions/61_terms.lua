-- Elections, and the fence of a leader's writes. The choices are those of policy/election.py.
--
-- swarm:leader has no time to live: its deadline is a value that is judged by this server's clock,
-- and the term outlives every deadline, a restore included (95_backup.lua leaves the key alone).

local leading = {}

-- Whether what is done under a mandate, as JSON, has to be refused: the refusal, or nothing. Without
-- a mandate ('' or nil) nothing is refused. To be asked before anything is written.
local function fenced_by_term(words)
  if not words or words == '' then return nil end
  local mandate = cjson.decode(words)
  local row = redis.call('HMGET', 'swarm:leader', 'incarnation', 'node', 'term', 'resigned')
  local is_current = mandate.incarnation == life.incarnation and row[1] == mandate.incarnation
    and row[2] == mandate.node and tonumber(row[3]) == mandate.term and row[4] == '0'
  if is_current then return nil end
  return redis.error_reply('STALE_TERM ' .. num(mandate.term) .. ' ' .. (row[3] or '0'))
end

do

local FIELDS = {'incarnation', 'node', 'term', 'since', 'expires_at', 'lease_s', 'resigned'}

local function stands() return redis.call('HMGET', 'swarm:leader', unpack(FIELDS)) end

local function is_held(row, at)
  if not row[1] or row[1] ~= life.incarnation or row[7] ~= '0' then return false end
  -- Further away than two leases: written before the clock was set back.
  return at < tonumber(row[5]) and tonumber(row[5]) <= at + 2 * tonumber(row[6])
end

-- A leadership as its reader wants it: the row, whether it is held, and whether by who asks.
local function shown(row, at, node)
  local held = is_held(row, at)
  row[8] = held and 1 or 0
  row[9] = held and row[2] == node and 1 or 0
  return row
end

-- ARGV: now, node, lease_s, the highest term that it has seen. A campaign that is lost writes nothing.
function leading.campaign(_, args)
  local ctx, node, row = begin(args[1]), args[2], stands()
  if is_held(row, ctx.at) and row[2] ~= node then return shown(row, ctx.at, node) end
  local term = math.max(tonumber(row[3] or 0), tonumber(args[4])) + 1
  local until_at = num(ctx.at + tonumber(args[3]))
  redis.call('HSET', 'swarm:leader', 'incarnation', life.incarnation, 'node', node, 'term', num(term),
    'since', num(ctx.at), 'expires_at', until_at, 'lease_s', args[3], 'resigned', '0')
  return finish(ctx, shown(stands(), ctx.at, node))
end

-- ARGV: now, mandate, lease_s.
function leading.renew(_, args)
  local stale = fenced_by_term(args[2])
  if stale then return stale end
  local ctx = begin(args[1])
  redis.call('HSET', 'swarm:leader', 'expires_at', num(ctx.at + tonumber(args[3])), 'lease_s', args[3])
  local row = stands()
  return finish(ctx, shown(row, ctx.at, row[2]))
end

-- ARGV: now, mandate. Answers 1, or 0 when it was not held.
function leading.resign(_, args)
  if fenced_by_term(args[2]) then return 0 end
  local ctx = begin(args[1])
  redis.call('HSET', 'swarm:leader', 'resigned', '1', 'expires_at', ctx.stamp)
  return finish(ctx, 1)
end

-- ARGV: now, mandate, duty, how it went as the beginning of a JSON object.
function leading.note(_, args)
  local stale = fenced_by_term(args[2])
  if stale then return stale end
  local ctx = begin(args[1])
  redis.call('HSET', 'skep:duties', args[3], args[4] .. ',"at":' .. ctx.stamp .. '}')
  return finish(ctx, 1)
end

-- ARGV: now. Answers the last election, or {} before any.
function leading.read(_, args)
  local row = stands()
  if not row[1] then return {} end
  return shown(row, begin(args[1]).at, '')
end

end
