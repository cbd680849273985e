-- The fence.

local function same_grant(ctx, task, token)
  return task and token.nonce ~= '' and token.nonce == task.nonce and token.run == task.run
    and token.attempt == task.attempt and token.incarnation == ctx.incarnation
end

local function current(ctx, task, token)
  return same_grant(ctx, task, token) and task.spent == '' and task.status == 'running'
end
