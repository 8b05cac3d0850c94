"""The interface to services that push to devices, and one that only logs what it would have sent."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from config.settings import Settings
from core.notifications.deliveries import Push

log = logging.getLogger(__name__)


class UnregisteredError(Exception):
    """The device is no longer registered: delete its token."""


class PushProvider(Protocol):
    """Delivers notifications to devices."""

    async def send(self, push: Push) -> None:
        """Deliver one. Raises UnregisteredError, PermanentError if it will never be accepted, other errors for a retry."""
        ...


class LoggedPush:
    """Used if no provider is configured."""

    async def send(self, push: Push) -> None:
        """Log that there is a notification, but not for whom nor its text, which may be a private message."""
        log.info("a push to a device (%s), which no provider brings: %s", push.platform, push.title)


@asynccontextmanager
async def open_push(settings: Settings) -> AsyncIterator[PushProvider]:
    """Open the provider that the settings name; raises SettingsError."""
    if not settings.fcm_credentials:
        yield LoggedPush()
        return
    from workers.fcm import open_fcm  # imported here because it needs an extra

    async with open_fcm(settings.fcm_credentials) as fcm:
        yield fcm
