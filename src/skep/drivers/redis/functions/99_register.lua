-- The functions by the names under which they are called.

redis.register_function('LIBRARY_submit', submit)
redis.register_function('LIBRARY_add', add)
redis.register_function('LIBRARY_claim', claim)
redis.register_function('LIBRARY_settle', settle)
redis.register_function('LIBRARY_steer', steer)
redis.register_function('LIBRARY_renew', renew)
redis.register_function('LIBRARY_reclaim', reclaim)
redis.register_function('LIBRARY_sweep', sweep)
redis.register_function('LIBRARY_reconcile', reconcile)
redis.register_function('LIBRARY_write', write)
redis.register_function('LIBRARY_note', note)
