"""Redis as operators run it: TLS with a CA of their own, passwords, users; and Sentinels, which make another one the master."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

import msgspec
import pytest

from cli.checks import check_settings
from cli.errors import CommandError
from config.settings import Settings
from core.base.ids import uuid7
from core.platform.sealing.sealing import Sealing
from core.work.jobs import NotifyMembers, queue
from tests.chaos.conftest import SEED
from tests.chaos.conftest import chaos_servers as chaos_servers
from tests.chaos.crowd import gathered
from tests.chaos.servers import Servers
from tests.chaos.stage import Stage, free_port, open_stage
from tests.chaos.test_shards import until_unheard
from tests.deploy.redis_servers import (
    MASTER,
    PASSWORD,
    Watched,
    make_certificates,
    redis_server,
    tls_binary,
    watched_redis,
)
from tests.flow.conftest import open_environment
from workers.app import open_worker

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
SECRET = quote(PASSWORD, safe="")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="greenroom-redis-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def safe_redis(folder: Path) -> Iterator[str]:
    """Return host and port of a Redis that speaks TLS only and wants a password or the user `hub`."""
    binary = tls_binary(folder)
    if not shutil.which("openssl") or binary is None:
        pytest.skip("openssl or a redis-server with TLS is not installed")
    make_certificates(folder)
    port = free_port()
    files = {"tls-cert-file": "server.pem", "tls-key-file": "server.key", "tls-ca-cert-file": "ca.pem"}
    options = {name: str(folder / file) for name, file in files.items()} | {
        "tls-auth-clients": "no",
        "requirepass": PASSWORD,
        "user": "hub|on|>another|~*|&*|+@all|-@admin|-@dangerous|+info",
    }
    with redis_server(folder / "safe", port, options, tls=binary):
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize("account", [f":{SECRET}", "hub:another"], ids=["password", "user"])
async def test_bus_presence_and_jobs_work_over_tls_with_a_password(
    settings: Settings, safe_redis: str, folder: Path, account: str
) -> None:
    url = f"rediss://{account}@{safe_redis}/2?ssl_ca_certs={folder / 'ca.pem'}"
    safe = msgspec.structs.replace(settings, redis_urls=(url,))
    await check_settings(safe)
    async with open_environment(safe) as env:
        ann, bob = [await env.chatter(name, await env.hub()) for name in ("Ann", "Bob")]
        group = await env.group(ann.user, bob.user)
        for person in (ann, bob):
            await person.connect()
            await person.join(group)
        await asyncio.gather(*(hub.ready() for hub in env.hubs))
        await ann.send(group, "Over the bus")
        assert (await bob.heard.next("message:received"))["message"]["content"] == "Over the bus"
        async with asyncio.timeout(10):
            while not await env.hubs[0]._presence.online(ann.user.id.bytes, frozenset([bob.user.id.bytes])):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await env.resources.jobs.enqueue(NotifyMembers([str(uuid7())]))
        async with open_worker(safe, env.resources, env.publisher):
            await until_done(safe)


async def until_done(settings: Settings) -> None:
    """Return when workers have done what is queued."""
    async with asyncio.timeout(10), queue(settings, Sealing({}, b"")) as jobs:
        while await jobs.zcard("arq:queue"):  # noqa: ASYNC110 - another process would tell nobody either
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("rediss://:{secret}@{address}", "certificate"),
        ("rediss://:wrong@{address}?ssl_ca_certs={ca}", "assword"),
        ("rediss://{address}?ssl_ca_certs={ca}", "uthentication"),
        ("rediss://:{secret}@localhost:{port}?ssl_ca_certs={ca}", "ertificate"),
    ],
    ids=["unknown CA", "wrong password", "no password", "another host name"],
)
async def test_a_server_that_cannot_be_trusted_or_does_not_let_us_in_is_told_in_one_line(
    settings: Settings, safe_redis: str, folder: Path, url: str, words: str
) -> None:
    filled = url.format(secret=SECRET, address=safe_redis, port=safe_redis.partition(":")[2], ca=folder / "ca.pem")
    with pytest.raises(CommandError, match=words):
        await check_settings(msgspec.structs.replace(settings, redis_urls=(filled,)))


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    folder = folder / "watched"
    folder.mkdir()
    with watched_redis(folder) as watched:
        yield watched


@asynccontextmanager
async def behind_sentinel(servers: Servers, url: str) -> AsyncIterator[Stage]:
    async with open_stage(servers, SEED, redis_urls=[url]) as stage:
        yield stage
        stage.heal()


async def test_hubs_and_jobs_follow_the_master_and_nothing_is_lost(chaos_servers: Servers, watched: Watched) -> None:
    sentinels = f"127.0.0.1:{free_port()},127.0.0.1:{watched.port}"  # the first is dead
    url = f"redis+sentinel://:{SECRET}@{sentinels}/{MASTER}?sentinel_password={SECRET}"
    before = watched.address()
    async with behind_sentinel(chaos_servers, url) as stage, gathered(stage) as crowd:
        await until_unheard(stage, "")
        jobs = queue(Settings(redis_urls=(url,)), Sealing({}, b""))
        async with crowd.talking(), jobs:
            await crowd.said(60)
            await jobs.set("before", 1)
            watched.master.send_signal(signal.SIGKILL)
            await crowd.said(120)
            await until_unheard(stage, "")
            assert watched.address() != before
            await crowd.said(60)
            assert await jobs.set("after", 1)
        assert await crowd.settled() == []
