"""A worker of its own, a mail server that keeps what it gets, and the API that gives the worker something to do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, Envelope

from config.settings import Settings
from tests.flow.api.conftest import api as api
from tests.flow.conftest import PATIENCE, Environment
from workers.app import Worker, open_worker


@dataclass
class Mailbox:
    """A mail server. It answers while it is `open`; what `refusals` holds comes first, one for each mail.

    The mails that greet new users it takes at any time, and keeps apart.
    """

    url: str = ""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    refusals: list[str] = field(default_factory=list)
    attempts: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    mails: asyncio.Queue[EmailMessage] = field(default_factory=asyncio.Queue)
    welcomes: asyncio.Queue[EmailMessage] = field(default_factory=asyncio.Queue)

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=default)
        if mail["Subject"].startswith("Your address"):
            self.welcomes.put_nowait(mail)
            return "250 OK"
        self.asked.set()
        await self.open.wait()
        answer = self.refusals.pop(0) if self.refusals else "250 OK"
        self.attempts.put_nowait(answer)
        if answer.startswith("250"):
            self.mails.put_nowait(mail)
        return answer

    async def next(self) -> EmailMessage:
        """Return the next mail that arrives."""
        async with asyncio.timeout(PATIENCE):
            return await self.mails.get()

    async def next_welcome(self) -> EmailMessage:
        """Return the next mail that greets a new user."""
        async with asyncio.timeout(PATIENCE):
            return await self.welcomes.get()

    async def next_answer(self) -> str:
        """Return what the next delivery was answered."""
        async with asyncio.timeout(PATIENCE):
            return await self.attempts.get()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """Return a mail server."""
    box = Mailbox()
    box.open.set()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield box
    server.close()
    await server.wait_closed()


@pytest.fixture
def settings(settings: Settings, mailbox: Mailbox) -> Settings:
    """Return settings with that mail server."""
    return msgspec.structs.replace(settings, smtp_url=mailbox.url)


@pytest.fixture
async def worker(env: Environment) -> AsyncIterator[Worker]:
    """Return a worker that runs."""
    async with open_worker(env.settings, env.resources, env.publisher) as worker:
        yield worker
