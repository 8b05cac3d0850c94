"""Somebody with a phone: numbers that are nobody's, and the text messages that a real worker sends to them."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import pytest

from config.settings import Settings
from core.accounts.phones.logins import NewPerson, PhoneLogin, log_in
from core.accounts.phones.sending import send_code
from core.work.context import Ctx
from core.work.rules import required
from core.work.rules.accounts import OtpRules
from tests import bazaar
from tests.flow.api.conftest import api as api
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox
from workers.app import Worker, open_worker
from workers.texting import providers

# Of the range that films use.
PHONE, OTHER_PHONE = "+12025550101", "+12025550102"
RULES = required(bazaar.MARKETPLACE.policy.otp)
ANN = NewPerson("Ann", "buyer")


class Text(NamedTuple):
    """A text message, and the code in it."""

    to: str
    code: str


@dataclass
class Texts:
    """The messages that were sent."""

    sent: asyncio.Queue[Text] = field(default_factory=asyncio.Queue)

    async def send(self, text: providers.Text) -> str:
        self.sent.put_nowait(Text(text.to, re.findall(r"\b\d{6}\b", text.body)[0]))
        return ""

    async def next(self) -> Text:
        """Return the next message."""
        async with asyncio.timeout(PATIENCE):
            return await self.sent.get()


@pytest.fixture
def settings(settings: Settings, mailbox: Mailbox) -> Settings:
    return msgspec.structs.replace(settings, sms="print", smtp_url=mailbox.url)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> Texts:
    """Return what takes the place of the printing."""
    texts = Texts()
    monkeypatch.setattr(providers.Printer, "send", lambda _printer, text: texts.send(text))
    return texts


@pytest.fixture
async def worker(env: Environment, texts: Texts) -> AsyncIterator[Worker]:
    async with open_worker(env.settings, env.resources, env.publisher) as worker:
        yield worker


@dataclass
class Phones:
    """Phones whose messages are read, at the bazaar with these rules."""

    env: Environment
    texts: Texts
    rules: OtpRules = RULES

    def anyone(self, remote: str = "192.0.2.1") -> Ctx:
        """Return the call of somebody without a login."""
        policy = msgspec.structs.replace(bazaar.MARKETPLACE.policy, otp=self.rules)
        return Ctx(self.env.resources, self.env.publisher, policy, "test", remote)

    async def code(self, phone: str = PHONE) -> str:
        """Have a code sent, and return it."""
        await send_code(self.anyone(), phone)
        text = await self.texts.next()
        assert text.to == phone
        return text.code

    async def log_in(self, code: str, new: NewPerson | None = ANN, phone: str = PHONE) -> PhoneLogin:
        return await log_in(self.anyone(), phone, code, new)

    async def signed_up(self, phone: str = PHONE) -> PhoneLogin:
        """Return someone new, who may ask for the next code at once."""
        login = await self.log_in(await self.code(phone), phone=phone)
        await self.rest()
        return login

    async def rest(self) -> None:
        """Let so much time pass that nobody has to wait for anything, and no job is left."""
        async with asyncio.timeout(PATIENCE):
            while await self.env.resources.redis.keys("arq:job:*"):  # noqa: ASYNC110 - nothing tells of their end
                await asyncio.sleep(0.01)
        if limits := await self.env.resources.redis.keys("limit:*"):
            await self.env.resources.redis.delete(*limits)

    async def users(self) -> list[tuple[str | None, str]]:
        """Return the numbers and names of all users."""
        rows = await self.env.resources.db.fetch("select phone, name from users where deleted_at is null order by id")
        return [(row["phone"], row["name"]) for row in rows]


@pytest.fixture
def phones(env: Environment, texts: Texts, worker: Worker) -> Phones:
    return Phones(env, texts)
