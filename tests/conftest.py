"""What tests run on: a real Postgres, Redis and S3 of each test process, and an empty database for each test that asks."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
import uvloop
from argon2 import PasswordHasher
from hypothesis import settings as generated
from redis import Redis

from cli.embedded.postgres import embedded_postgres
from cli.embedded.process import Server
from cli.embedded.redis import embedded_redis
from cli.embedded.s3 import S3Server, embedded_s3, with_s3
from config.settings import Settings
from core.platform import passwords
from core.platform.migrate import migrate
from tests.databases import Shared, cloned

generated.register_profile("untimed", generated(), deadline=None)  # a busy machine is no failure
generated.load_profile("untimed")

BUCKET = "tests"  # keys are made of ids, so tests do not meet in it


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the loop that production runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Return a folder outside the private ones of pytest, which the user nobody may have to enter when we are root."""
    folder = Path(mkdtemp(prefix="greenroom-tests-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def light_passwords() -> Iterator[None]:
    """Hash passwords with next to no work, which was half of the time of the tests that log people in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[Server]:
    """Return a Postgres whose database `greenroom` is migrated and stays empty: the template of all others."""
    with embedded_postgres(servers_folder / "postgres", fsync=False) as server:
        # The factory keeps the runner from touching the loop that pytest has set.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(migrate(server.url))
        yield server


@pytest.fixture(scope="session")
def redis(servers_folder: Path) -> Iterator[Server]:
    """Return a Redis that keeps nothing: it would stand still while a busy disk takes what it writes."""
    with embedded_redis(servers_folder / "redis") as server:
        with Redis.from_url(server.url) as client:
            client.config_set("appendonly", "no")
        yield server


@pytest.fixture(scope="session")
def s3(servers_folder: Path) -> Iterator[S3Server]:
    """Return an S3 server."""
    with embedded_s3(servers_folder / "files", BUCKET) as server:
        yield server


@pytest.fixture(scope="session")
def shared_database(postgres: Server) -> Iterator[Shared]:
    """Return the database that the tests of a process share."""
    with cloned(postgres.url, "test") as url:
        shared = Shared(url)
        yield shared
        shared.close()


@pytest.fixture
async def database_url(shared_database: Shared) -> AsyncIterator[str]:
    """Return the address of a migrated, empty database whose schema stays as it is."""
    yield shared_database.url
    await shared_database.empty()


@pytest.fixture
def fresh_database_url(postgres: Server) -> Iterator[str]:
    """Return the address of a migrated, empty database of this test's own: for its schema, plans and statistics."""
    with cloned(postgres.url, "fresh") as url:
        yield url


@pytest.fixture
def redis_url(redis: Server) -> Iterator[str]:
    """Return the address of a Redis with nothing in it; no connection to it is left afterwards."""
    with Redis.from_url(redis.url) as client:
        client.flushall()
    yield redis.url
    with Redis.from_url(redis.url) as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)


@pytest.fixture
def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def settings(database_url: str, redis_url: str, s3: S3Server, free_port: int, tmp_path: Path) -> Settings:
    """Return the settings of a server under test."""
    settings = Settings(
        port=free_port,
        public_url=f"http://127.0.0.1:{free_port}",
        data_dir=str(tmp_path),
        database_url=database_url,
        redis_urls=(redis_url,),
        jwt_keys=("test:a-secret-of-tests-that-is-long-enough",),
        s3_bucket=BUCKET,
    )
    return with_s3(settings, s3.url, s3.key, s3.secret)
