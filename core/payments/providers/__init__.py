"""Drivers of payment providers. The sandbox stands in for those that the settings have no keys for."""

from functools import lru_cache

from config.settings import Settings
from core.base.errors import NOT_FOUND
from core.payments.port import Provider
from core.payments.providers.sandbox import Sandbox
from core.platform.outgoing import Outgoing


@lru_cache(maxsize=8)
def provider_of(settings: Settings, outgoing: Outgoing) -> Provider:
    """Return the driver of a marketplace's provider; raises NOT_FOUND."""
    if not settings.payments_sandbox_url:
        raise NOT_FOUND.error("There is no payment provider here")
    return Sandbox(settings.payments_sandbox_url, outgoing)
