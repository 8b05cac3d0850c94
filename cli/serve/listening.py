"""Ports, and what answers on them."""

import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from cli.errors import CommandError
from config.settings import Settings, own_url
from core.context import Resources
from realtime import ops
from realtime.app import Hub
from realtime.engine.door import open_door

REQUEST_SECONDS = 1.0  # what a request under way has left when its process ends
MAX_LINE = 32 * 1024  # of a head; aiohttp answers longer ones, and to it 8 KB are long, with a text instead of our JSON

log = logging.getLogger(__name__)


def operations(resources: Resources, **checks: ops.Check) -> list[web.RouteDef]:
    """Return `/healthz`, `/readyz` with these checks beside the usual ones, and `/metrics`."""
    return ops.routes({**ops.usual_checks(resources), **checks}, resources.metrics)


@asynccontextmanager
async def runner_of(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """Yield the runner of an application, to which routes may still be added until it listens."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=REQUEST_SECONDS, max_line_size=MAX_LINE)
    try:
        yield runner
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(settings: Settings, runner: web.AppRunner) -> AsyncIterator[int]:
    """Serve an application alone and yield its port."""
    await runner.setup()
    with _clear_errors(settings.host, settings.port):
        await web.TCPSite(runner, settings.host, settings.port).start()
    port: int = runner.addresses[0][1]
    log.info("listening on %s", own_url(settings.host, port))
    yield port


@asynccontextmanager
async def hub_listening(settings: Settings, runner: web.AppRunner, hub: Hub) -> AsyncIterator[int]:
    """Serve a hub and an application behind one door and yield its port."""
    runner.app.add_routes(hub.routes())
    await runner.setup()
    assert runner.server  # noqa: S101 - for the type checker: it exists from setup on
    with _clear_errors(settings.host, settings.port):
        door = await open_door(hub.engine, runner.server, settings.host, settings.port)
    try:
        port: int = door.sockets[0].getsockname()[1]
        log.info("listening on %s", own_url(settings.host, port))
        yield port
    finally:
        door.close()


def check_free(host: str, port: int) -> None:
    """Raise CommandError unless one can listen on a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with _clear_errors(host, port):
        socket.create_server((host, port), family=family).close()


@contextmanager
def _clear_errors(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {port} on {host} is taken: stop what uses it, or choose another one with --port"
            ) from None
        raise CommandError(f"Cannot listen on port {port} of {host}: {error.strerror or error}") from None
