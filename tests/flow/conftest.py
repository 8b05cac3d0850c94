"""Real hubs on real ports, people with sessions, and official clients that talk to them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import socketio
from aiohttp import web

from cli.login_provider.server import LoginProvider
from config.settings import Settings
from core.base.clock import now
from core.base.ids import uuid7
from core.base.people import Person
from core.base.publisher import Publisher
from core.chat import groups
from core.limits.budget import Rate
from core.market.market import Marketplace
from core.market.resources import open_resources
from core.platform.db import Db
from core.platform.tokens import Access, expiry
from core.work.context import Ctx, Resources, User
from marketplaces import ALL, onswift, policy_of
from realtime.app import Hub, open_hub
from realtime.engine.door import open_door
from realtime.publishing.publisher import open_publisher
from tests import bazaar
from tests.bazaar.database import with_bazaar
from tests.bazaar.words import WORDS
from tests.policies import ChangePolicy, changing, with_policy

PATIENCE = 20.0
MARKETS = [with_policy(onswift.MARKETPLACE, messages=Rate("messages", 30, 60))]
BAZAAR = [with_policy(bazaar.MARKETPLACE, messages=Rate("messages", 30, 60))]
ROLES = {"onswift": "creator", "bazaar": "seller"}  # of those for whom a test names none
# For tests of what all marketplaces do: they run over OnSwift, and over the one that differs from it in all respects.
over_markets = pytest.mark.parametrize("env", ["onswift", "bazaar"], indirect=True)
# For what OnSwift does not have, or does as all do.
at_bazaar = pytest.mark.market("bazaar")
at_onswift = pytest.mark.market("onswift")


@dataclass
class Heard:
    """What a client was told, by event; `next` waits for what has not been taken yet."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, name: str, payload: Any) -> None:
        self.events.append((name, payload))
        self.news.set()

    def all(self, name: str) -> list[Any]:
        return [payload for event, payload in self.events if event == name]

    async def next(self, name: str) -> Any:
        """Return the first event of this name that was not returned before."""
        place = self.taken.get(name, 0)
        async with asyncio.timeout(PATIENCE):
            while len(self.all(name)) <= place:
                self.news.clear()
                await self.news.wait()
        self.taken[name] = place + 1
        return self.all(name)[place]

    async def until(self, name: str, count: int) -> list[Any]:
        """Return all events of this name once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(self.all(name)) < count:
                self.news.clear()
                await self.news.wait()
        return self.all(name)


class Chatter:
    """A person with an official client (python-socketio) that remembers what it hears."""

    def __init__(self, user: User, token: str, url: str) -> None:
        self.user = user
        self.token = token
        self.url = url
        self.heard = Heard()
        self.socket = socketio.AsyncClient(reconnection=False)
        self.words = WORDS[user.market if user else "onswift"]  # some tests know only the token
        for namespace in self.words.namespaces:
            self.socket.on("*", self._hear, namespace)
        self.socket.on("disconnect", lambda reason: self.heard.add("disconnect", reason), self.words.namespaces[0])

    def _hear(self, event: str, payload: Any) -> None:
        self.heard.add(*self.words.heard(event, payload))

    async def connect(self, transports: tuple[str, ...] = ("websocket",), path: str = "socket.io") -> "Chatter":
        await self.socket.connect(
            self.url,
            auth={"token": self.token},
            transports=list(transports),
            socketio_path=path,
            wait_timeout=PATIENCE,
            namespaces=list(self.words.namespaces),
        )
        return self

    async def hang_up(self) -> None:
        """Disconnect. By polling this client says so only if it is not sending: else it waits for the next ping instead."""
        if self.socket.connected and self.socket.transport() == "polling":
            async with asyncio.timeout(PATIENCE):
                await self.socket.eio.queue.join()
        await self.socket.disconnect()

    async def call(self, event: str, **payload: Any) -> Any:
        namespace, name, body = self.words.sent(event, payload)
        return self.words.answered(await self.socket.call(name, body, namespace, timeout=PATIENCE))

    async def emit(self, event: str, payload: Any) -> None:
        namespace, name, body = self.words.sent(event, payload)
        await self.socket.emit(name, body, namespace)

    async def join(self, conversation_id: UUID, **more: Any) -> Any:
        return await self.call("join:conversation", conversationId=str(conversation_id), **more)

    async def send(self, conversation_id: UUID, content: str, **more: Any) -> Any:
        return await self.call("message:send", conversationId=str(conversation_id), content=content, **more)


@dataclass
class Environment:
    """Hubs over one database and Redis, and the people in it."""

    settings: Settings
    resources: Resources
    publisher: Publisher
    stack: AsyncExitStack
    hubs: list[Hub] = field(default_factory=list)
    market: str = "onswift"
    provider: LoginProvider | None = None  # where people log in, if the test has one

    async def hub(self, settings: Settings | None = None, markets: Sequence[Marketplace] = ()) -> str:
        """Open another hub and return its address."""
        markets = markets or (BAZAAR if self.market == "bazaar" else MARKETS)
        hub, url = await self.stack.enter_async_context(serve_hub(settings or self.settings, markets))
        self.hubs.append(hub)
        return url

    async def person(self, name: str, role: str = "") -> tuple[User, str]:
        """Sign someone up, log them in and return them with an access token."""
        role = role or ROLES[self.market]
        id = self.resources.ids.of(self.market)
        user = User(id, self.market, role, f"{uuid7()}@example.com", uuid7(), Person(UUID(int=0), name))
        user = User(user.id, user.market, role, user.email, user.session_id, Person(user.id, name))
        await self.resources.db.execute(
            "insert into users (id, market, email, password_hash, name, role) values ($1, $2, $3, '', $4, $5)",
            user.id, user.market, user.email, name, role,
        )  # fmt: skip
        await self.resources.db.execute("insert into sessions (id, user_id) values ($1, $2)", user.session_id, user.id)
        return user, self.token(user)

    def token(self, user: User, lifetime: timedelta = timedelta(minutes=15)) -> str:
        """Return an access token."""
        claims = Access(user.id, user.email, user.role, user.market, user.session_id, **expiry(now(), lifetime))
        return self.resources.keys.sign(claims)

    async def chatter(self, name: str, url: str, role: str = "") -> Chatter:
        """Return someone new with a client that is not connected yet."""
        user, token = await self.person(name, role)
        chatter = Chatter(user, token, url)
        self.stack.push_async_callback(chatter.hang_up)
        return chatter

    def ctx(self, user: User) -> Ctx:
        """Return what a handler would get."""
        return Ctx(self.resources, self.publisher, policy_of(user.market), "test", caller=user)

    async def group(self, owner: User, *others: User) -> UUID:
        """Make a group conversation of people who are taken to know each other."""
        conversation, _ = await groups.create(acquainted(self.ctx(owner)), "Group", [user.id for user in others])
        return conversation.id


async def everybody(_db: Db, _user_id: UUID, others: Sequence[UUID]) -> set[UUID]:
    """Take all these users for acquainted."""
    return set(others)


def acquainted(ctx: Ctx) -> Ctx:
    """Return a ctx whose caller is taken to know everybody."""
    return replace(ctx, policy=msgspec.structs.replace(ctx.policy, acquainted=everybody))


@asynccontextmanager
async def serve_hub(settings: Settings, markets: Sequence[Marketplace] = MARKETS) -> AsyncIterator[tuple[Hub, str]]:
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings))
        hub: Hub = await stack.enter_async_context(open_hub(settings, resources, markets))
        app = web.Application()
        app.add_routes(hub.routes())
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        assert runner.server
        door = await open_door(hub.acceptor, runner.server, "127.0.0.1", 0)
        stack.callback(door.close)
        yield hub, f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}"


@pytest.fixture(autouse=True)
def nothing_goes_wrong_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test when something was logged as an error: exceptions in callbacks reach nobody else."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


@pytest.fixture
def change_policy() -> Iterator[ChangePolicy]:
    """Return what changes OnSwift's policy until the test ends, also where it is in use already."""
    markets = onswift.MARKETPLACE, bazaar.MARKETPLACE, *MARKETS, *BAZAAR
    with changing(*(market.policy for market in markets)) as change:
        yield change


@pytest.fixture
async def env(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Environment]:
    """Return an environment without hubs: of OnSwift, unless the test or its file is marked otherwise."""
    mark = request.node.get_closest_marker("market")
    market: str = getattr(request, "param", mark.args[0] if mark else "onswift")
    if market == "bazaar":
        settings = msgspec.structs.replace(settings, marketplaces=(market,))
        await with_bazaar(settings)
        monkeypatch.setitem(ALL, market, bazaar.MARKETPLACE)
    async with open_environment(settings, market) as env:
        yield env


@asynccontextmanager
async def open_environment(settings: Settings, market: str = "onswift") -> AsyncIterator[Environment]:
    """Open what all hubs of a test share."""
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings))
        publisher = await stack.enter_async_context(open_publisher(settings, resources, ALL.values()))
        yield Environment(settings, resources, publisher.of(market), stack, market=market)
    await asyncio.sleep(0)  # asyncpg closes its transports without waiting for the loop to do it


@pytest.fixture
async def hub(env: Environment) -> str:
    """Return the address of one hub."""
    return await env.hub()


@pytest.fixture
async def two_hubs(env: Environment) -> tuple[str, str]:
    """Return the addresses of two hubs over the same database and Redis."""
    return await env.hub(), await env.hub()


def without_limits(settings: Settings) -> Settings:
    """Return the settings of a load test."""
    return msgspec.structs.replace(settings, rate_limits="off")
