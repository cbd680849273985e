"""The store in Redis 7.0 or Valkey 7.2 and later: many processes on many hosts.

Each operation is one function of a library that is loaded into the server (`functions/`, its key
table at the head). Times are the server's, so that the clocks of the hosts do not matter.
"""

from skep.drivers.redis.store import RedisStore

__all__ = ["RedisStore"]
