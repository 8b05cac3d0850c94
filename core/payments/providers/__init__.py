"""Drivers of payment providers. The sandbox stands in for those that the settings have no keys for."""

from functools import lru_cache

from config.settings import Settings
from core.payments.port import Provider
from core.payments.providers.sandbox import Sandbox
from core.platform.outgoing import Outgoing


@lru_cache(maxsize=8)
def providers_of(settings: Settings, outgoing: Outgoing) -> dict[str, Provider]:
    """Return the drivers that the settings have keys for, by name."""
    known: list[Provider] = []
    if settings.payments_sandbox_url:
        known.append(Sandbox(settings.payments_sandbox_url, outgoing))
    return {one.name: one for one in known}
