"""The bazaar with a worker, an API at its public address, and providers of texts that behave like the real ones."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from socket import socket
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

import marketplaces
from api.app import build_app
from config.settings import Settings
from core.work.jobs import Job, Jobs, SendText
from tests import bazaar
from tests.bazaar.people import PREFIX, BazaarApi, with_bazaar
from tests.doubles.twilio import Twilio, twilio
from tests.doubles.whatsapp import WhatsApp, whatsapp
from tests.flow.conftest import Environment, open_environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox
from workers.app import Worker, open_worker
from workers.texting import sending
from workers.texting import twilio as sms_driver
from workers.texting import whatsapp as whatsapp_driver
from workers.texting.providers import Senders
from workers.texting.sending import open_senders

PHONE, OTHER_PHONE = "+12025550101", "+12025550102"
HOOKS = f"/bazaar{PREFIX}/hooks/texts"


@dataclass
class Providers:
    """Both of them, and a client to call us with."""

    sms: Twilio
    whatsapp: WhatsApp
    http: ClientSession
    public_url: str

    async def told(self, *statuses: dict[str, Any], secret: str = "") -> int:
        """Have WhatsApp tell of messages."""
        return await self.whatsapp.tell(self.http, f"{self.public_url}{HOOKS}/whatsapp", *statuses, secret=secret)


@pytest.fixture
def door() -> Iterator[socket]:
    """Return a socket with the port at which providers call us: nobody else takes it meanwhile."""
    with socket() as door:
        door.bind(("127.0.0.1", 0))
        yield door


@pytest.fixture
def settings(settings: Settings, door: socket) -> Settings:
    port: int = door.getsockname()[1]
    return msgspec.structs.replace(settings, port=port, public_url=f"http://127.0.0.1:{port}")


@pytest.fixture
async def providers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with twilio() as sms, whatsapp() as cloud, ClientSession() as http:
        cloud.templates = {("bazaar_code", "en_US"): 1, ("bazaar_code", "ar"): 1}
        monkeypatch.setattr(sms_driver, "TWILIO_URL", sms.url)
        monkeypatch.setattr(whatsapp_driver, "GRAPH_URL", cloud.url)
        monkeypatch.setattr(sending, "LOOK_SECONDS", 0.05)
        yield Providers(sms, cloud, http, settings.public_url)


@pytest.fixture
async def env(
    settings: Settings, providers: Providers, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Environment]:
    """Return an environment that serves the bazaar, which texts."""
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    await with_bazaar(settings)
    settings = msgspec.structs.replace(
        settings,
        marketplaces=("bazaar",),
        smtp_url=mailbox.url,
        sms="twilio",
        twilio_account=providers.sms.account,
        twilio_token=providers.sms.token,
        twilio_from=providers.sms.sender,
        whatsapp_number_id=providers.whatsapp.number_id,
        whatsapp_token=providers.whatsapp.token,
        whatsapp_app_secret=providers.whatsapp.app_secret,
        whatsapp_verify_token=providers.whatsapp.verify_token,
    )
    async with open_environment(settings, "bazaar") as env:
        yield env


@pytest.fixture
async def api(env: Environment, door: socket, light_passwords: None) -> AsyncIterator[BazaarApi]:
    """Return the bazaar's API, at the address that providers are told."""
    app = build_app(env.settings, env.resources, env.publisher)
    server = TestServer(app, port=env.settings.port, socket_factory=lambda *_: door)
    async with TestClient(server, cookie_jar=DummyCookieJar()) as client:
        yield BazaarApi(client)


@pytest.fixture
async def worker(env: Environment) -> AsyncIterator[Worker]:
    async with open_worker(env.settings, env.resources, env.publisher) as worker:
        yield worker


class Noted(Jobs):
    """Keeps jobs instead of queueing them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def enqueue(self, job: Job) -> None:
        self.jobs.append(job)


@dataclass
class Desk:
    """Sends texts by hand, one job at a time."""

    env: Environment
    senders: Senders
    noted: Noted = field(default_factory=Noted)

    async def send(self, job: SendText) -> None:
        """Run a job."""
        resources = replace(self.env.resources, jobs=self.noted)
        await sending.send_text(resources, self.senders, job)

    def next(self) -> SendText:
        """Return the only job that was queued."""
        (job,) = self.noted.jobs
        self.noted.jobs.clear()
        assert isinstance(job, SendText)
        return job

    async def rows(self) -> list[tuple[Any, ...]]:
        """Return channel, state and error code of all texts."""
        rows = await self.env.resources.db.fetch("select channel, state, error_code from texts_sent order by id")
        return [tuple(row) for row in rows]


@pytest.fixture
async def desk(env: Environment) -> AsyncIterator[Desk]:
    async with open_senders(env.settings) as senders:
        yield Desk(env, senders)
