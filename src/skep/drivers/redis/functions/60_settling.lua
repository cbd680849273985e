-- Outcomes come back.

local function judge(ctx, task, token, digest)
  if not same_grant(ctx, task, token) then return 'fenced' end
  if task.spent ~= '' then return task.spent == digest and 'already' or 'conflict' end
  if task.status == 'running' then return 'ok' end
  return task.status == 'cancelled' and 'late' or 'fenced'
end

-- ARGV: now, settlements as JSON. Answers a verdict each.
local function settle(_, args)
  local ctx, verdicts = begin(args[1]), {}
  for _, ask in ipairs(cjson.decode(args[2])) do
    local s = sheet(ctx, ask.token.swarm)
    local task = s and find(s.id, ask.token.task)
    local verdict = judge(ctx, task, ask.token, ask.digest)
    if verdict == 'ok' and missing(ask.blobs) then verdict = 'fenced' end
    verdicts[#verdicts + 1] = verdict
    if verdict == 'ok' then
      refer(task.id, ask.blobs)
      local columns = {spent = ask.digest, reason = ask.reason}
      if ask.wake_at then columns.wake_at = ask.wake_at end
      if ask.is_failure then columns.failures = task.failures + 1 end
      if ask.outcome then columns.outcome, columns.artifacts = ask.outcome, ask.artifacts end
      move(ctx, task, ask.move, ask.told, columns)
      if ask.awaits then wait_for(ctx, task, ask.awaits) end
      if TERMINAL[task.status] then
        -- Most tasks of a wide plan have nobody behind them.
        local has_edges = redis.call('EXISTS', base(s.id) .. ':open:' .. task.key) == 1
        if has_edges then consume_edges(ctx, task, SETTLE_EDGES_MAX) end
        end_if_over(ctx, s)
      end
    elseif verdict == 'late' then
      set(task, {spent = ask.digest})
      tell(ctx, s, 'task.result_came_late', task.key, ask.told)
    end
  end
  return finish(ctx, verdicts)
end
