"""The interface to services that push to devices, and one that only logs what it would have sent."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from config.settings import Settings
from core.notifications.deliveries import Push

log = logging.getLogger(__name__)


class UnregisteredError(Exception):
    """There is no such device any more: forget its token."""


class PushProvider(Protocol):
    """Brings notifications to devices."""

    async def send(self, push: Push) -> None:
        """Bring one. Raises UnregisteredError, PermanentError for what is never taken, others for what is worth a try."""
        ...


class LoggedPush:
    """What there is without a provider."""

    async def send(self, push: Push) -> None:
        """Log that there is a notification, not whom it is for and not what it says: that may be a private message."""
        log.info("a push to a device (%s), which no provider brings: %s", push.platform, push.title)


@asynccontextmanager
async def open_push(settings: Settings) -> AsyncIterator[PushProvider]:
    """Open the provider that the settings name; raises SettingsError."""
    if not settings.fcm_credentials:
        yield LoggedPush()
        return
    from workers.fcm import open_fcm  # only here, because it needs an extra

    async with open_fcm(settings.fcm_credentials) as fcm:
        yield fcm
