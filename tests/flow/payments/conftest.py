"""The bazaar over HTTP, with the sandbox that its webhooks come from."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from api.app import build_app
from cli.sandbox_payments import sandbox_payments
from cli.sandbox_payments.page import GOOD_CARD
from cli.sandbox_payments.server import SandboxPayments
from config.settings import Settings
from marketplaces import ALL
from tests import bazaar
from tests.bazaar.database import with_bazaar
from tests.bazaar.people import BazaarApi
from tests.flow.api.conftest import Caller
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import Environment, open_environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxPayments]:
    async with sandbox_payments() as sandbox:
        yield sandbox


@pytest.fixture
async def env(
    settings: Settings, sandbox: SandboxPayments, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Environment]:
    """Return the bazaar's environment."""
    monkeypatch.setitem(ALL, "bazaar", bazaar.MARKETPLACE)
    settings = msgspec.structs.replace(
        settings, marketplaces=("bazaar",), payments_sandbox_url=sandbox.url, smtp_url=mailbox.url
    )
    await with_bazaar(settings)
    async with open_environment(settings, "bazaar") as env:
        yield env


@dataclass
class Market:
    """Ann sells and Bob buys."""

    api: BazaarApi
    sandbox: SandboxPayments
    ann: Caller
    bob: Caller

    async def begun(self, **offered: Any) -> dict[str, Any]:
        """Return a payment of Bob for a lamp of Ann."""
        lamp = {"title": "A lamp", "price_cents": 1200, **offered}
        listing = (await self.ann.post("/listings", **lamp)).body["data"]
        reply = await self.bob.post(f"/listings/{listing['id']}/pay", price_cents=listing["price_cents"])
        assert reply.status == 200, reply
        payment: dict[str, Any] = reply.body["data"]
        return payment

    async def press(self, payment: dict[str, Any], press: str = "pay", card: str = GOOD_CARD) -> tuple[int, str]:
        """Press a button on the provider's page; return the status, and where the browser goes."""
        async with ClientSession() as http:
            form = {"press": press, "card": card}
            async with http.post(payment["pay_url"], data=form, allow_redirects=False) as answer:
                return answer.status, answer.headers.get("Location", "")

    async def state(self, payment: dict[str, Any]) -> str:
        state: str = (await self.bob.get(f"/payments/{payment['id']}")).body["data"]["state"]
        return state


@pytest.fixture
async def market(env: Environment, sandbox: SandboxPayments, light_passwords: None) -> AsyncIterator[Market]:
    app = build_app(env.settings, env.resources, env.publisher)
    async with TestClient(TestServer(app, port=env.settings.port)) as client:
        api = BazaarApi(client)
        yield Market(api, sandbox, await api.signed_up("seller", "Ann"), await api.signed_up("buyer", "Bob"))


async def follow(url: str) -> str:
    """Let a browser go there; return where it is sent."""
    async with ClientSession() as http, http.get(url, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        return answer.headers["Location"]
