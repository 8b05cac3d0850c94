"""What all servers depend on: a dedicated Postgres and Redis, and databases with logged-in users."""

import asyncio
import contextlib
import io
import os
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import asyncpg
import msgspec
import uvloop

from bench.machine import Cores, cores, pinned
from bench.process import build
from cli.embedded.postgres import embedded_postgres
from cli.embedded.process import Server
from cli.embedded.redis import embedded_redis
from cli.seed import seed
from config.settings import Settings
from core.platform.migrate import migrate

HERE = Path(__file__).parent
KEY = "bench:a-signing-key-that-is-known-to-everybody"

T = TypeVar("T")


class Crowd(msgspec.Struct, frozen=True):
    """Users of a database and their rooms: user i is a member of room i mod `rooms`."""

    database_url: str
    users: int
    rooms: int
    tokens: Path
    conversations: Path


class Environment:
    """The servers and programs of one run; `folder` is for its files, and deleted afterwards."""

    def __init__(self, folder: Path, postgres: Server, redis: Server, rounds: int) -> None:
        self.folder = folder
        self.postgres = postgres
        self.redis = redis
        self.rounds = rounds
        self.cores: Cores = cores()
        self.load = build([HERE / "load" / "load.c", HERE / "load" / "socketio.c"], folder / "load")
        self.floor = build([HERE / "peers" / "floor.c"], folder / "floor")
        self._databases = 0

    def database(self) -> str:
        """Create an empty database and return its address."""
        self._databases += 1
        name = f"bench{self._databases}"
        run(_execute(self._url("postgres"), f"create database {name} template greenroom"))
        return self._url(name)

    def crowd(self, users: int, rooms: int, database_url: str = "") -> Crowd:
        """Store users with their rooms, in a separate database unless one is given."""
        url = database_url or self.database()
        out = Path(self.folder / f"crowd-{users}-{rooms}-{url.rpartition('/')[2].partition('?')[0]}")
        with contextlib.redirect_stdout(io.StringIO()):
            run(seed(self.settings(url), "onswift", users, rooms, out))
        return Crowd(url, users, rooms, out / "tokens.txt", out / "conversations.txt")

    def settings(self, database_url: str) -> Settings:
        """Return the settings of a process on that database."""
        return settings(database_url, self.redis.url)

    def environment(self, database_url: str) -> dict[str, str]:
        """Return the same as environment variables."""
        return environment(database_url, self.redis.url)

    def _url(self, database: str) -> str:
        return self.postgres.url.replace("/greenroom?", f"/{database}?")


def settings(database_url: str, *redis_urls: str) -> Settings:
    """Return the settings of a process on these servers."""
    return Settings(database_url=database_url, redis_urls=redis_urls, jwt_keys=(KEY,), rate_limits="off")


def environment(database_url: str, *redis_urls: str) -> dict[str, str]:
    """Return the same as environment variables."""
    return {
        **os.environ,
        "GREENROOM_DATABASE_URL": database_url,
        "GREENROOM_REDIS_URLS": ",".join(redis_urls),
        "GREENROOM_JWT_KEYS": KEY,
        "GREENROOM_RATE_LIMITS": "off",
        "GREENROOM_LOG_LEVEL": "WARNING",
    }


@contextmanager
def open_environment(folder: Path, rounds: int) -> Iterator[Environment]:
    """Start Postgres, with fsync, and Redis, both off the server's core."""
    with ExitStack() as stack:
        with pinned(cores().beside):
            postgres = stack.enter_context(embedded_postgres(folder / "postgres"))
            redis = stack.enter_context(embedded_redis(folder / "redis"))
        run(migrate(postgres.url))
        yield Environment(folder, postgres, redis, rounds)


def run(work: Coroutine[None, None, T]) -> T:
    """Run a coroutine to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
