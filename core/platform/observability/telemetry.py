"""Telemetry: spans to a collector, errors to Sentry. Both are off unless configured."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from config.settings import Settings, SettingsError
from core.platform.observability import logs, tracing

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

CLOSE_SECONDS = 2.0


@asynccontextmanager
async def open_telemetry(settings: Settings) -> AsyncIterator[None]:
    """Export the configured telemetry while the block runs; raises SettingsError if an extra is missing."""
    async with _spans(settings.otlp_endpoint), _errors(settings.sentry_dsn):
        yield


@asynccontextmanager
async def _spans(endpoint: str) -> AsyncIterator[None]:
    if not endpoint:
        yield
        return
    try:
        from core.platform.observability.otel import OtelTracer
    except ImportError:
        raise _missing("GREENROOM_OTLP_ENDPOINT", "otel") from None
    tracer = OtelTracer(endpoint)
    try:
        with tracing.traced_by(tracer):
            yield
    finally:
        await asyncio.to_thread(tracer.close)


@asynccontextmanager
async def _errors(dsn: str) -> AsyncIterator[None]:
    if not dsn:
        yield
        return
    try:
        import sentry_sdk
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError:
        raise _missing("GREENROOM_SENTRY_DSN", "sentry") from None
    # Every failure is logged as an error. Frame variables may contain passwords, breadcrumbs anything.
    sentry_sdk.init(
        dsn,
        release=version("greenroom"),
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None)],
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=_masked,
        shutdown_timeout=CLOSE_SECONDS,
    )
    try:
        yield
    finally:
        await asyncio.to_thread(sentry_sdk.get_client().close)


def _masked(event: "Event", _hint: "Hint") -> "Event | None":
    said = {name: value for name, value in msgspec.structs.asdict(logs.origin()).items() if value}
    event["tags"] = {**event.get("tags", {}), **said}
    safe: Event = msgspec.json.decode(logs.masked(msgspec.json.encode(event, enc_hook=str).decode()))
    return safe


def _missing(setting: str, extra: str) -> SettingsError:
    return SettingsError(f"{setting} needs what `pip install 'greenroom[{extra}]'` installs")
