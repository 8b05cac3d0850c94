"""docs/operate/runbook.md, "Upgrade": from the previous version and back, process by process, while people chat."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from config.settings import Settings
from core.base.ids import uuid7
from core.chat import groups
from tests.chaos.conftest import SEED
from tests.chaos.crowd import gathered
from tests.chaos.hub import ROOT, HubProcess
from tests.chaos.journal import Refused
from tests.chaos.servers import open_servers
from tests.chaos.stage import KEY, Stage, free_port, open_stage
from tests.deploy.previous import PREVIOUS, export, in_history, migrate
from tests.deploy.test_runbook import told
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Chatter, Environment, open_environment
from tests.flow.onswift.test_calendar import read
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.skipif(not in_history(), reason=f"there is no git history here that has {PREVIOUS}"),
]
NEW = ROOT
PATIENCE = 20.0


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the previous version is."""
    return export(tmp_path_factory.mktemp("previous"))


@pytest.fixture
async def stage(old: Path) -> AsyncIterator[Stage]:
    """Return a stage of the previous version, on servers of its own."""
    with open_servers() as servers:
        await migrate(old, {"GREENROOM_DATABASE_URL": servers.postgres.url})
        async with open_stage(servers, SEED, tree=old) as stage:
            yield stage


async def replace(process: HubProcess, tree: Path) -> None:
    """Start the version of a folder in the place of a process."""
    process.tree = tree
    await process.restart()


async def test_hubs_are_replaced_and_put_back_one_by_one_while_people_talk(stage: Stage, old: Path) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            assert await migrate(NEW, stage.hubs[0].environ)
            await crowd.said(60)
            for tree in (NEW, old):
                for hub in stage.hubs:
                    await replace(hub, tree)
                    await crowd.said(60)
        assert await crowd.settled() == []
        assert crowd.count(Refused) == 0


@pytest.fixture
async def env(stage: Stage) -> AsyncIterator[Environment]:
    """Return a process of this version on the new schema, and people for hubs of both."""
    await migrate(NEW, stage.hubs[0].environ)
    await replace(stage.hubs[1], NEW)
    postgres, redis = stage.servers.postgres.url, stage.servers.redis.url
    async with open_environment(Settings(database_url=postgres, redis_urls=(redis,), jwt_keys=(KEY,))) as env:
        yield env


async def test_hubs_of_both_versions_understand_each_other(stage: Stage, env: Environment) -> None:
    people = [await env.chatter(f"P{number}", f"http://127.0.0.1:{stage.ports[number % 2]}") for number in range(4)]
    room = str(await env.group(*(person.user for person in people)))
    for person in people:
        await person.connect()
        await person.call("join:conversation", conversationId=room)
    old, new, other_old, other_new = people
    await say_everything(old, new, room)
    await say_everything(new, old, room)
    await old.call("conversation:remove", conversationId=room, userId=str(other_new.user.id))
    await put_out(other_new, room)
    await groups.remove(env.ctx(old.user), UUID(room), other_old.user.id)  # as an API of this version does
    await put_out(other_old, room)
    env.publisher.end_sessions([person.user.session_id for person in people])
    for person in people:
        await person.heard.next("session:ended")
    assert [line for hub in stage.hubs for line in hub.errors()] == []


async def say_everything(who: Chatter, other: Chatter, room: str) -> None:
    """Do what is told to other hubs, each in another frame, and return when the other one has heard all of it."""
    sent = await who.call("message:send", conversationId=room, content="hello")
    about = {"conversationId": room, "messageId": sent["id"]}
    await who.call("message:react", **about, emoji="👍")
    await who.call("message:edit", **about, content="better")
    await who.call("message:delete", **about)
    versions = [
        (await other.heard.next("message:received"))["message"]["version"],
        (await other.heard.next("message:reacted"))["version"],
        (await other.heard.next("message:edited"))["message"]["version"],
        (await other.heard.next("message:deleted"))["version"],
    ]
    assert versions == [sent["version"] + number for number in range(4)]
    # These are in no log: only the bus has them.
    await who.call("conversation:typing", conversationId=room, isTyping=True)
    assert (await other.heard.next("conversation:typing"))["userId"] == str(who.user.id)
    await other.call("conversation:read", **about)  # who sent it has read it
    while (await who.heard.next("conversation:read"))["userId"] != str(other.user.id):
        pass  # her own, which she hears as well
    other.heard.taken = {name: len(other.heard.all(name)) for name, _ in other.heard.events}
    who.heard.taken = {name: len(who.heard.all(name)) for name, _ in who.heard.events}


async def put_out(member: Chatter, room: str) -> None:
    """Return when a member who was removed on another hub has been told so, and is out on this one."""
    assert not (await member.heard.next("conversation:members"))["isMember"]
    async with asyncio.timeout(PATIENCE):
        while "error" not in await member.call("conversation:typing", conversationId=room, isTyping=True):
            pass


@asynccontextmanager
async def rest(stage: Stage, old: Path, mailbox: Mailbox) -> AsyncIterator[tuple[HubProcess, HubProcess, Api]]:
    """Start a worker and an API of the previous version."""
    environ = {**stage.hubs[0].environ, "GREENROOM_SMTP_URL": mailbox.url}
    worker, api = (HubProcess(free_port(), environ, command, old) for command in ("worker", "api"))
    async with AsyncExitStack() as stack:
        for process in (worker, api):
            stack.push_async_callback(process.end, signal.SIGKILL)
            await process.start()
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{api.port}"))
        yield worker, api, Api(cast("TestClient[Any, Any]", http))  # which asks in the same way


async def test_accounts_tokens_and_jobs_of_each_version_are_good_for_the_other(
    stage: Stage, old: Path, mailbox: Mailbox
) -> None:
    async with rest(stage, old, mailbox) as (worker, api, callers):
        ann, bob = await callers.signed_up("creator", "Ann"), await callers.signed_up("talent", "Bob")
        feed = (await ann.post("/calendar/feed")).body["url"]
        await migrate(NEW, worker.environ)
        await replace(stage.hubs[1], NEW)
        await do_everything(stage, callers, mailbox, ann, bob)
        assert (await read(callers.anyone, feed)).status == 200
        for process in (worker, api):
            await replace(process, NEW)
            await do_everything(stage, callers, mailbox, ann, bob)
            assert (await read(callers.anyone, feed)).status == 200
        found = (await ann.get("/users/search", q="Bob", limit=1)).body
        assert [talent["name"] for talent in found["users"]] == ["Bob"], found
        for process in (api, worker):
            await replace(process, old)
            await do_everything(stage, callers, mailbox, ann, bob)
            assert (await read(callers.anyone, feed)).status == 200
        assert worker.errors() + api.errors() == []


async def do_everything(stage: Stage, callers: Api, mailbox: Mailbox, ann: Caller, bob: Caller) -> None:
    """Do what both versions can, with tokens that the version before may have made."""
    for person in (ann, bob):
        renewed = (await person.post("/auth/refresh", refreshToken=person.refresh_token)).body
        person.access_token, person.refresh_token = renewed["accessToken"], renewed["refreshToken"]
    assert (await callers.log_in(bob.email)).status == 200
    feed = (await bob.post("/calendar/feed")).body["url"]
    assert (await bob.get("/calendar/feed")).body == {"url": feed}
    assert (await read(callers.anyone, feed)).status == 200
    others = [bob, await callers.signed_up("talent", "Carl")]
    rooms = [(await ann.post("/conversations", participantId=other.id)).body["id"] for other in others]
    said = [(await ann.post(f"/conversations/{room}/messages", content=f"hello {uuid7()}")).body for room in rooms]
    for other, room, message in zip(others, rooms, said, strict=True):
        for port in stage.ports:
            assert await told(port, other.access_token, room) == message["seq"]
        await notified(other, message["id"])
    await bob.post("/auth/forgot-password", email=bob.email)
    assert (await mailbox.next())["To"] == bob.email


async def notified(who: Caller, message_id: str) -> None:
    """Return when the worker has told someone of a message; its text is not stored, so the version before says "New message"."""
    async with asyncio.timeout(PATIENCE):
        while message_id not in str((await who.get("/notifications")).body):  # noqa: ASYNC110 - the worker tells nobody else
            await asyncio.sleep(0.1)
    await who.put("/notifications/read-all")
