"""The bazaar with encryption at rest, or, for comparison, without; and all that is stored of it."""

import asyncio
import logging
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

import marketplaces
from api.app import build_app
from cli.embedded.binaries import postgres_binaries
from config.settings import Settings
from core.base.ids import BigintIds
from core.base.people import Person
from core.limits.shared_limits import SharedLimits
from core.market.endpoints import auth, conversations, messages, notifications, safety
from core.market.market import PUBLIC, Marketplace, create, delete, get, post, put
from core.platform.observability.logs import JsonLines
from core.work.context import Ctx, User
from tests import bazaar
from tests.bazaar.database import with_bazaar
from tests.bazaar.people import BazaarApi
from tests.bazaar.policy import ROLES
from tests.bazaar.routes import MESSAGE
from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import PATIENCE, Chatter, Environment, open_environment
from tests.flow.onswift.walk.marks import all_places
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox
from tests.policies import with_policy
from workers.texting.providers import Printer, Text

IDS = BigintIds("bazaar")
OLD_KEY, NEW_KEY, INDEX_KEY = "11" * 32, "22" * 32, "33" * 32
SEALS = {"seals_messages": True, "seals_contacts": True}
# What the bazaar does not have, and may hold what is sealed.
MORE = (
    create(MESSAGE + "/report", safety.report_message, ROLES),
    get("/messages/search", messages.search_messages, ROLES),
    get("/preferences", notifications.get_preferences, ROLES),
    create("/talks", conversations.create_conversation, ROLES),
    put("/preferences", notifications.set_preferences, ROLES),
    post("/devices", notifications.add_device, ROLES),
    post("/auth/email", auth.ask_email_change, ROLES),
    post("/auth/email/confirm", auth.confirm_email_change, PUBLIC),
    delete("/auth/email", auth.cancel_own_email_change, ROLES),
)


def market_of(*, is_sealed: bool) -> Marketplace:
    """Return the bazaar, with more calls."""
    market = replace(bazaar.MARKETPLACE, routes=(*bazaar.MARKETPLACE.routes, *MORE))
    return with_policy(market, **SEALS) if is_sealed else market


@dataclass
class Bazaar:
    """A bazaar, and the words that were said to it and are nowhere else."""

    env: Environment
    api: BazaarApi
    market: Marketplace
    lines: list[str]
    marks: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def mark(self, about: str) -> str:
        """Return a new word."""
        self.marks[about] = f"zq{next(self.numbers):03}q"
        return self.marks[about]

    async def person(self, name: str, role: str = "seller") -> Caller:
        """Sign somebody up, with a word in her address."""
        body = {"email": f"{self.mark('address of ' + name)}@Example.com", "password": "Correct-horse-7"}
        reply = await self.api.anyone.post("/auth/register", **body, name=name, user_type=role)
        assert reply.status == 201, reply
        return self.api.logged_in(reply)

    def user(self, caller: Caller, role: str = "seller") -> User:
        id = IDS.uuid(int(caller.id))
        session = self.env.resources.keys.access(caller.access_token).session_id
        return User(id, "bazaar", role, caller.email, session, Person(id, ""))

    def ctx(self, caller: Caller) -> Ctx:
        return Ctx(self.env.resources, self.env.publisher, self.market.policy, "test", caller=self.user(caller))

    async def chatter(self, caller: Caller, hub: str) -> Chatter:
        chatter = Chatter(self.user(caller), caller.access_token, hub)
        self.env.stack.push_async_callback(chatter.hang_up)
        return await chatter.connect()

    @property
    def is_sealed(self) -> bool:
        return self.market.policy.seals

    async def hub(self) -> str:
        return await self.env.hub(markets=[self.market])

    async def places(self) -> dict[str, str]:
        """Return all that is stored anywhere, by place; Postgres also as a backup has it."""
        resources = self.env.resources
        async with resources.storage._client() as s3:
            places = await all_places(resources.db, resources.redis, s3, self.env.settings.s3_bucket, self.lines)
        return places | {"backup": (await asyncio.to_thread(dump, self.env.settings.database_url)).lower()}

    async def found(self, *but: str) -> dict[str, set[str]]:
        """Return the words that are stored in the clear, and where."""
        places = await self.places()
        marks = {about: mark for about, mark in self.marks.items() if about not in but}
        at = {about: {place for place, text in places.items() if mark in text} for about, mark in marks.items()}
        return {about: where for about, where in at.items() if where}


@dataclass
class Room:
    """A conversation of two people."""

    place: Bazaar
    ann: Caller
    bob: Caller
    id: str
    hub: str

    @classmethod
    async def of(cls, place: Bazaar) -> "Room":
        ann, bob = await place.person("ann"), await place.person("bob", "buyer")
        made = await ann.post("/conversations", participant_id=bob.id)
        return cls(place, ann, bob, made.body["data"]["id"], await place.hub())

    @property
    def uuid(self) -> UUID:
        return uuid_of(self.id)

    @property
    def path(self) -> str:
        return f"/conversations/{self.id}/messages"

    async def joined(self, caller: Caller) -> Chatter:
        chatter = await self.place.chatter(caller, self.hub)
        await chatter.join(self.uuid)
        return chatter

    async def say(self, caller: Caller, content: str, **more: Any) -> dict[str, Any]:
        reply = await caller.post(self.path, content=content, **more)
        assert reply.status in (200, 201), reply
        said: dict[str, Any] = reply.body["data"]
        return said

    async def edit(self, caller: Caller, id: str, **change: Any) -> Reply:
        reply = await caller.call("PATCH", f"{self.path}/{id}", json=change)
        assert reply.status == 200, reply
        return reply

    async def read(self, caller: Caller, id: str) -> None:
        reply = await caller.call("PATCH", f"/conversations/{self.id}/read", json={"message_id": id})
        assert reply.status == 204, reply

    async def texts(self, caller: Caller) -> list[str]:
        """Return what somebody reads."""
        return [one["content"] for one in (await caller.get(self.path)).body["data"]["messages"]]

    async def wants_all(self, caller: Caller) -> None:
        """Have somebody notified of messages by mail and on a device."""
        wanted = [{"type": "message_received", "email": True, "push": True}]
        assert (await caller.put("/preferences", preferences=wanted)).status == 200
        assert (await caller.post("/devices", platform="fcm", token=str(uuid4()))).status in (200, 201)


def dump(url: str) -> str:
    """Return what pg_dump writes, with bytes as text."""
    env = {"PATH": os.defpath, "PGOPTIONS": "-c bytea_output=escape"}
    done = subprocess.run(
        [postgres_binaries()[0] / "pg_dump", "--dbname", url], capture_output=True, check=True, text=True, env=env
    )
    return done.stdout


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Return what production would log, as it is logged."""
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "aiohttp.access":  # the test server's own
                kept.append(self.format(record))

    handler = Keep()
    handler.setFormatter(JsonLines())
    caplog.set_level(logging.INFO)
    logging.getLogger().addHandler(handler)
    yield kept
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def settings(settings: Settings, mailbox: Mailbox) -> Settings:
    keys = {"seal_keys": (f"old:{OLD_KEY}",), "seal_index_key": INDEX_KEY}
    return msgspec.structs.replace(settings, smtp_url=mailbox.url, sms="print", marketplaces=("bazaar",), **keys)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[tuple[str, str]]:
    """Return the text messages that are sent."""
    sent: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def send(_sender: Printer, text: Text) -> str:
        sent.put_nowait((text.to, text.body))
        return ""

    monkeypatch.setattr(Printer, "send", send)
    return sent


@asynccontextmanager
async def opened(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, lines: list[str], *, is_sealed: bool, keeps_keys: bool = False
) -> AsyncIterator[Bazaar]:
    """Open a bazaar over a database that may have been another one's before."""
    if not is_sealed and not keeps_keys:
        settings = msgspec.structs.replace(settings, seal_keys=(), seal_index_key="")
    market = market_of(is_sealed=is_sealed)
    monkeypatch.setitem(marketplaces.ALL, "bazaar", market)
    monkeypatch.setattr(SharedLimits, "factor", lambda _limits, _subject: 1000)
    async with AsyncExitStack() as stack:
        env = await stack.enter_async_context(open_environment(settings, "bazaar"))
        app = build_app(env.settings, env.resources, env.publisher)
        client: Any = await stack.enter_async_context(TestClient(TestServer(app), cookie_jar=DummyCookieJar()))
        yield Bazaar(env, BazaarApi(client), market, lines)


@pytest.fixture
async def place(
    request: pytest.FixtureRequest,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[str],
    light_passwords: None,
) -> AsyncIterator[Bazaar]:
    """Return a bazaar that seals, unless the test says otherwise."""
    await with_bazaar(settings)
    async with opened(settings, monkeypatch, lines, is_sealed=getattr(request, "param", True)) as bazaar:
        yield bazaar


async def until(check: Any) -> None:
    """Return when something holds that tells nobody of itself."""
    async with asyncio.timeout(PATIENCE):
        while not await check():  # noqa: ASYNC110 - a table does not tell
            await asyncio.sleep(0.02)


def uuid_of(shown: str) -> UUID:
    """Return the id that the bazaar shows so."""
    return IDS.uuid(int(shown))
