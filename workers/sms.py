"""The interface to services that send text messages, and the two that there are without one."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from config.settings import Settings

log = logging.getLogger(__name__)


class SmsSender(Protocol):
    """Sends text messages."""

    async def send(self, to: str, text: str) -> None:
        """Send one. Raises PermanentError for what is never taken, others for what is worth a try."""
        ...


class Printer:
    """Prints messages instead of sending them, as `greenroom dev` does with mails."""

    async def send(self, to: str, text: str) -> None:
        """Print one."""
        print(f"\n--- text message to {to}\n{text}\n---\n", flush=True)


class Nobody:
    """What there is where the settings name nobody who sends them."""

    async def send(self, to: str, text: str) -> None:  # noqa: ARG002 - neither is for a log
        """Log that there was one."""
        log.error("a text message was not sent, because GREENROOM_SMS is not set")


@asynccontextmanager
async def open_sms(settings: Settings) -> AsyncIterator[SmsSender]:
    """Open what the settings name."""
    yield Printer() if settings.sms == "print" else Nobody()
