"""A streaming replica: older pages and searches are read from it while it keeps up, and from the primary when it does not."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from cli.embedded.postgres import embedded_postgres
from cli.embedded.process import Server
from config.settings import Settings
from core.platform.replica import LateReads
from tests.chaos.servers import Restartable
from tests.deploy.postgres import base_backup
from tests.flow.api.conftest import Api, Caller
from tests.flow.api.conftest import api as api
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env

pytestmark = pytest.mark.slow


@pytest.fixture
async def replica(database_url: str, postgres: Server, servers_folder: Path) -> AsyncIterator[Restartable]:
    """Return a replica of the tests' Postgres."""
    folder = servers_folder / "replica"
    await base_backup(postgres.url, folder, "--write-recovery-conf")
    server = Restartable(lambda: embedded_postgres(folder, fsync=False))
    server.start()
    yield server
    server.close()
    shutil.rmtree(folder)


@pytest.fixture
def settings(settings: Settings, replica: Restartable) -> Settings:
    """Return the settings of processes that know the replica."""
    return msgspec.structs.replace(settings, database_replica_url=replica.url.replace("/greenroom?", "/test?"))


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set while processes look at the replica; cleared, they go on with what they know of it."""
    looks, has_kept_up = asyncio.Event(), LateReads._has_kept_up
    looks.set()

    async def looked(late: LateReads) -> bool:
        kept_up = await has_kept_up(late)
        await looks.wait()
        return kept_up

    monkeypatch.setattr(LateReads, "_has_kept_up", looked)
    return looks


async def until(env: Environment, keeps_up: bool) -> None:
    async with asyncio.timeout(20):
        while env.resources.late_reads.keeps_up is not keeps_up:  # noqa: ASYNC110 - it is looked at every two seconds
            await asyncio.sleep(0.1)


async def talk(api: Api) -> tuple[Caller, str, list[str]]:
    """Return someone with a conversation and the ids of its messages."""
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    conversation = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    path = f"/conversations/{conversation}/messages"
    return ann, path, [(await ann.post(path, content=str(number))).body["id"] for number in range(5)]


async def on_replica(env: Environment, statement: str) -> object:
    replica = env.resources.late_reads._replica
    assert replica
    return await replica.fetchval(statement)


async def test_older_pages_come_from_the_replica_while_it_keeps_up_and_the_newest_never(
    looking: asyncio.Event, env: Environment, api: Api, replica: Restartable
) -> None:
    ann, path, ids = await talk(api)
    await until(env, True)
    looking.clear()
    assert await on_replica(env, "select pg_is_in_recovery()")
    await on_replica(env, "select pg_wal_replay_pause()")
    await ann.put(f"{path}/{ids[0]}", content="better")
    assert await contents(ann, path, before=ids[1]) == ["0"], "from the replica, which has not heard of it"
    assert await contents(ann, path) == ["better", "1", "2", "3", "4"], "one reads what one has written"
    newer = [(await ann.post(path, content=content)).body["id"] for content in ("5", "6")]
    assert (await contents(ann, path, before=newer[1]))[-2:] == ["4", "5"], "no hole where the replica lacks a message"
    looking.set()
    await until(env, False)
    assert await contents(ann, path, before=ids[1]) == ["better"], "from the primary"
    await on_replica(env, "select pg_wal_replay_resume()")
    await until(env, True)
    assert await contents(ann, path, before=ids[1]) == ["better"]


async def test_a_replica_that_dies_is_not_noticed_by_callers_and_is_used_again_when_it_is_back(
    env: Environment, api: Api, replica: Restartable
) -> None:
    ann, path, ids = await talk(api)
    await until(env, True)
    replica.end(signal.SIGKILL)
    assert await contents(ann, path, before=ids[3]) == ["0", "1", "2"]
    assert (await ann.get("/users/search", q="Bob")).status == 200
    await until(env, False)
    replica.start()
    await until(env, True)
    assert await contents(ann, path, before=ids[3]) == ["0", "1", "2"]


async def contents(who: Caller, path: str, **query: str) -> list[str]:
    reply = await who.get(path, **query)
    assert reply.status == 200, reply
    return [message["content"] for message in reply.body["messages"]]
