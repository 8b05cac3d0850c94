"""docs/operate/runbook.md, step by step: a migration under load, backup and restore, new signing keys."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest
import socketio
from aiohttp.test_utils import TestClient, TestServer

from api.app import build_app
from config.settings import Settings
from core.platform import migrate as migrations
from tests.chaos.conftest import SEED
from tests.chaos.crowd import gathered
from tests.chaos.hub import HubProcess
from tests.chaos.promises import Log, Stored, broken, log_of
from tests.chaos.servers import open_servers
from tests.chaos.stage import LOG, Stage, free_port, open_stage
from tests.deploy.postgres import pg
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment, open_environment

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
# What a later version may add: columns to the tables of the hot path, also with a default, a table, an index.
LATER = """
    alter table messages add column later text;
    alter table conversations add column later int not null default 1;
    alter table members add column later timestamptz;
    alter table users add column later boolean not null default false;
    create table later (id uuid primary key, user_id uuid references users on delete cascade);
    create index messages_later on messages (conversation_id) where later is not null;
"""
TABLES = """
    select format('%I.%I', table_schema, table_name) from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') order by 1"""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Return a stage on servers of its own, because their schema is changed."""
    with open_servers() as servers:
        await migrations.migrate(servers.postgres.url)
        async with open_stage(servers, SEED) as stage:
            yield stage


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a migration of a later version, which is there to be applied."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.MIGRATIONS, folder)
    (folder / "9999_later.sql").write_text(LATER)
    monkeypatch.setattr(migrations, "MIGRATIONS", folder)
    return "9999_later"


async def test_this_version_works_on_the_schema_of_a_later_one_applied_while_people_talk(
    stage: Stage, later: str
) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            assert await migrations.migrate(stage.servers.postgres.url) == [later]
            await crowd.said(60)
            for hub in stage.hubs:  # as after going back to it
                await hub.restart()
            await crowd.said(60)
        assert await crowd.settled() == []


async def test_a_migration_that_has_to_wait_for_a_long_query_does_not_keep_people_from_talking(
    stage: Stage, later: str
) -> None:
    reader = await asyncpg.connect(stage.servers.postgres.url)
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            async with reader.transaction():
                await reader.fetchval("select count(*) from messages")  # a backup, say: it holds on to what it has read
                migrating = asyncio.create_task(migrations.migrate(stage.servers.postgres.url))
                await crowd.said(300)
                assert not migrating.done()
            assert await migrating == [later]
            await crowd.said(60)
        assert await crowd.settled() == []
    await reader.close()


async def contents(url: str) -> dict[str, tuple[int, str]]:
    """Return of each table how many rows it has and a hash of all that is in them."""
    connection = await asyncpg.connect(url)
    try:
        return {
            name: tuple(await connection.fetchrow(
                f"select count(*), coalesce(md5(string_agg(row::text, '' order by row::text)), '') from {name} row"
            )) for (name,) in await connection.fetch(TABLES)
        }  # fmt: skip
    finally:
        await connection.close()


@asynccontextmanager
async def restored(stage: Stage, dump: Path, name: str) -> AsyncIterator[str]:
    """Restore a dump into an empty database and yield its address."""
    url = stage.servers.postgres.url.replace("/greenroom?", f"/{name}?")
    admin = await asyncpg.connect(stage.servers.postgres.url)
    await admin.execute(f"create database {name}")
    await admin.close()
    await pg("pg_restore", "--no-owner", "--exit-on-error", "--dbname", url, dump)
    yield url


async def test_a_backup_made_while_people_talk_is_whole_and_one_made_after_has_everything(
    stage: Stage, tmp_path: Path
) -> None:
    url = stage.servers.postgres.url
    running, rest = tmp_path / "running.dump", tmp_path / "rest.dump"
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            await pg("pg_dump", "--format", "custom", "--file", running, url)
            await crowd.said(60)
        assert await crowd.settled() == []
        async with restored(stage, running, "from_running") as copy:
            assert broken(await stored(copy, crowd.conversations), []) == []  # no hole, nothing twice
    for hub in stage.hubs:
        await hub.end(signal.SIGTERM)
    await pg("pg_dump", "--format", "custom", "--file", rest, url)
    async with restored(stage, rest, "from_rest") as copy:
        before, after = await contents(url), await contents(copy)
        assert before["public.messages"][0] >= 120
        assert after == before
        hub = HubProcess(free_port(), {**stage.hubs[0].environ, "GREENROOM_DATABASE_URL": copy})
        await hub.start()
        try:
            assert await told(hub.port, crowd.people[0].token, crowd.people[0].journal.conversations[0]) > 0
        finally:
            await hub.end(signal.SIGTERM)


async def stored(url: str, conversations: list[str]) -> Log:
    connection = await asyncpg.connect(url)
    try:
        return log_of([Stored(*row) for row in await connection.fetch(LOG, conversations)])
    finally:
        await connection.close()


async def told(port: int, token: str, conversation: str) -> int:
    """Join a conversation and return how many messages there are in it."""
    socket = socketio.AsyncClient(reconnection=False)
    await socket.connect(f"http://127.0.0.1:{port}", auth={"token": token}, transports=["websocket"])
    answer = await socket.call("join:conversation", {"conversationId": conversation}, timeout=10)
    await socket.disconnect()
    last: int = answer["lastSeq"]
    return last


OLD, NEW = "old:a-secret-of-tests-that-is-long-enough", "new:another-secret-of-tests-that-is-long-enough"


@asynccontextmanager
async def processes(settings: Settings, *keys: str) -> AsyncIterator[tuple[Environment, str, Api]]:
    """Start a hub and an API with these keys."""
    async with open_environment(msgspec.structs.replace(settings, jwt_keys=keys)) as env:
        app = build_app(env.settings, env.resources, env.publisher)
        async with TestClient(TestServer(app)) as client:
            yield env, await env.hub(), Api(client)


async def lets_in(api: Api, url: str, token: str) -> tuple[bool, bool]:
    """Return whether the API and the hub take a token."""
    caller = api.anyone
    caller.access_token = token
    by_api = (await caller.get("/users/me")).status == 200
    socket = socketio.AsyncClient(reconnection=False)
    try:
        await socket.connect(url, auth={"token": token}, transports=["websocket"])
    except socketio.exceptions.ConnectionError:
        return by_api, False
    await socket.disconnect()
    return by_api, True


async def test_keys_are_changed_without_logging_anybody_out(settings: Settings) -> None:
    async with processes(settings, OLD) as (_, url, api):
        ann = await api.signed_up()
        assert await lets_in(api, url, ann.access_token) == (True, True)
    async with processes(settings, OLD, NEW) as (_, url, api):
        assert await lets_in(api, url, ann.access_token) == (True, True)
        by_old = (await api.log_in(ann.email)).body["accessToken"]
    async with processes(settings, NEW, OLD) as (_, url, api):
        for token in (ann.access_token, by_old):
            assert await lets_in(api, url, token) == (True, True)
        renewed = (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).body
        by_new = renewed["accessToken"]
    async with processes(settings, OLD, NEW) as (_, url, api):  # a process that has not been restarted yet
        assert await lets_in(api, url, by_new) == (True, True)
    async with processes(settings, NEW) as (_, url, api):
        assert await lets_in(api, url, by_new) == (True, True)
        for token in (ann.access_token, by_old):
            assert await lets_in(api, url, token) == (False, False)
        assert (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).status == 401
        assert (await api.anyone.post("/auth/refresh", refreshToken=renewed["refreshToken"])).status == 200
