"""The errors that mean that Redis is away. Code that can do without Redis catches these."""

from redis.exceptions import RedisError

# uvloop says RuntimeError when redis-py writes to a connection that has closed a moment ago.
REDIS_AWAY: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError, RuntimeError)
