-- What people tell swarms.

-- Keep a message and tell the log; why not, or nothing.
local function tell_swarm(ctx, s, ask)
  if ENDED[s.status] then return {'CLOSED', s.status} end
  local task, name = ask.tasks[1], base(s.id) .. ':told'
  if task and redis.call('EXISTS', task_key(s.id, task)) == 0 then return {'NOTASK', task} end
  local number = redis.call('LLEN', name) + 1
  if number > TOLD_MAX then return {'LIMIT', 'TOLD_MAX', tostring(TOLD_MAX), tostring(number)} end
  local told = '"by":' .. text(ask.by) .. ',"number":' .. number .. ',"task":'
    .. (task and text(task) or 'null') .. ',"text":' .. text(ask.text) .. '}'
  redis.call('RPUSH', name, '{"at":' .. ctx.stamp .. ',' .. told)
  move_swarm(ctx, s, 'swarm.told', '{' .. told)
  return nil
end
