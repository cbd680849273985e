-- Disputes (policy/conflict.py has the rules): a case is one text, changed by compare-and-set. They
-- are few and small, and a case has as many ballots as voters, so whoever was too late tries again.

do
  -- ARGV: now, id, the version that was read ('0' for none), case as JSON, whether it is open.
  -- Answers 1, or 0 when somebody else has changed it meanwhile.
  function placing.put_case(_, args)
    local key = 'swarm:conflict:' .. args[2]
    if (redis.call('HGET', key, 'version') or '0') ~= args[3] then return 0 end
    if args[3] == '0' then
      redis.call('ZADD', 'swarm:conflicts', redis.call('HINCRBY', 'skep:meta', 'disputes', 1), args[2])
    end
    redis.call('HSET', key, 'case', args[4], 'version', tonumber(args[3]) + 1)
    if args[5] == '1' then
      redis.call('ZADD', 'swarm:conflicts:open', redis.call('ZSCORE', 'swarm:conflicts', args[2]), args[2])
    else
      redis.call('ZREM', 'swarm:conflicts:open', args[2])
    end
    return finish(begin(args[1]), 1)
  end
end
