"""Redis servers by their URLs, for all three users: redis-py, arq, and the bus with its own connections.

`redis://user:password@host:port/db`, `rediss://` for TLS (`?ssl_ca_certs=` names a file of CAs other than the system's),
`unix:///path/to.sock?db=0`, and `redis+sentinel://user:password@host:port,host:port/service?db=0` (or `rediss+sentinel://`) for
the master that those Sentinels name; `sentinel_username` and `sentinel_password` are for the Sentinels themselves.
"""

from urllib.parse import parse_qs, urlsplit

from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

SENTINEL_PORT = 26379
SENTINEL_SECONDS = 1.0


class MasterPool(SentinelConnectionPool):
    """Connections to the current master."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Also disconnect from the Sentinels."""
        await super().disconnect(inuse_connections)
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()


def redis_pool(url: str, **options: object) -> ConnectionPool:
    """Return a connection pool to a server, without connecting yet; `options` are redis-py's. Raises ValueError."""
    scheme, _, by_sentinel = urlsplit(url).scheme.partition("+")
    if scheme == "rediss":
        options = {"ssl_check_hostname": True, **options}  # off by default in redis-py
    if not by_sentinel:
        return ConnectionPool.from_url(url, **options)
    return _master_pool(url, scheme, options)


def server_name(url: str) -> str:
    """Return the address of a server, without credentials: it identifies servers, in metrics too."""
    parts = urlsplit(url)
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return parts.netloc.rpartition("@")[2] + parts.path + (f"?db={database}" if database != "0" else "")


def _master_pool(url: str, scheme: str, options: dict[str, object]) -> MasterPool:
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    # Everything except the list of hosts is parsed by redis-py.
    given: dict[str, object] = {**options, **parse_url(f"{scheme}://{account}{at}sentinels?{parts.query}")}
    user, password = given.pop("sentinel_username", None), given.pop("sentinel_password", None)
    for name in ("host", "connection_class"):
        given.pop(name, None)
    tls = {name: value for name, value in given.items() if name.startswith("ssl_")} | {"ssl": scheme == "rediss"}
    at_sentinels = {"username": user, "password": password, "socket_timeout": SENTINEL_SECONDS, **tls}
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        [_host_and_port(host) for host in hosts.split(",")],
        sentinel_kwargs={**at_sentinels, "socket_connect_timeout": SENTINEL_SECONDS},
    )
    return MasterPool(parts.path.strip("/"), sentinels, **given, ssl=scheme == "rediss")  # type: ignore[no-untyped-call]


def _host_and_port(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return parts.hostname or "localhost", parts.port or SENTINEL_PORT
