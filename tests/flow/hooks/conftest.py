"""The bazaar, its API, and servers of users that are told of what happens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestServer

import marketplaces
from config.settings import Settings
from core.base import clock
from tests import bazaar
from tests.bazaar.people import BazaarApi, with_bazaar
from tests.flow.api.conftest import operator as operator
from tests.flow.api.conftest import serving
from tests.flow.conftest import PATIENCE, Environment, open_environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox
from workers.webhooks import Webhooks, open_webhooks


@pytest.fixture
def settings(settings: Settings, mailbox: Mailbox) -> Settings:
    return msgspec.structs.replace(settings, marketplaces=("bazaar",), smtp_url=mailbox.url)


@pytest.fixture
async def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    """Return an environment that serves the bazaar."""
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    await with_bazaar(settings)
    async with open_environment(settings, "bazaar") as env:
        yield env


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[BazaarApi]:
    async with serving(env, DummyCookieJar(), BazaarApi) as api:
        assert isinstance(api, BazaarApi)
        yield api


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Return what makes it so much later than it was at first."""
    began = clock.now()

    def set_clock(by: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: began + by)

    set_clock(timedelta(0))
    return set_clock


@dataclass
class Receiver:
    """A server of a user. It answers while it is `open`; `answers` come first, one for each request, by path."""

    url: str = ""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answers: list[web.Response] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(request.headers), await request.read()))
        self.asked.set()
        await self.open.wait()
        return self.answers.pop(0) if self.answers else web.Response(text="thanks")

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.requests]

    @property
    def bodies(self) -> list[Any]:
        return [msgspec.json.decode(body) for *_, body in self.requests]

    async def wait(self) -> None:
        """Wait until it is asked."""
        async with asyncio.timeout(PATIENCE):
            await self.asked.wait()


async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.open.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver
        receiver.open.set()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a server."""
    async for one in receiving():
        yield one


@pytest.fixture
async def other_receiver() -> AsyncIterator[Receiver]:
    """Return another one."""
    async for one in receiving():
        yield one


@pytest.fixture
async def webhooks(env: Environment) -> AsyncIterator[Webhooks]:
    """Return what delivers, also to this machine."""
    async with open_webhooks(env.resources, env.publisher, lambda _address: True) as webhooks:
        yield webhooks


async def settled(webhooks: Webhooks) -> None:
    """Deliver what is due, and wait until that is done."""
    await webhooks.deliver()
    async with asyncio.timeout(PATIENCE):
        while running := set(webhooks.tasks._running):
            await asyncio.wait(running)
