"""What it looks like when Redis is away. Whoever can do without it catches these."""

from redis.exceptions import RedisError

# uvloop says RuntimeError when redis-py writes to a connection that has closed a moment ago.
REDIS_AWAY: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError, RuntimeError)
