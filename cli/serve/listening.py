"""Ports, and the applications that listen on them."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

from aiohttp import web

from api.admission import ADMISSION
from api.error_answers import answer
from api.middleware import add_headers
from cli.errors import CommandError
from config.settings import Settings, own_url
from core.base import errors
from core.limits.offenders import Offenders
from core.work.context import Resources
from realtime.app import Hub, door_config
from realtime.engine.config import Config
from realtime.engine.door import open_door, open_http
from realtime.engine.limits.guard import Guard
from realtime.operations import probes

NO_HUB = (
    "This process has no hub: point the Socket.IO client at the address of a `greenroom hub`, or of `greenroom dev`, which is"
    " everything in one process"
)
REQUEST_SECONDS = 1.0  # time left for requests in progress when the process ends

log = logging.getLogger(__name__)


def bare_app() -> web.Application:
    """Return an application without middlewares, for a process that serves no calls. Http answers requests without a route."""
    app = web.Application()
    app.on_response_prepare.append(add_headers)
    return app


def operations(resources: Resources, **checks: probes.Check) -> list[web.RouteDef]:
    """Return `/healthz`, `/readyz` with these checks in addition to the usual ones, and `/metrics`."""
    return probes.routes({**probes.usual_checks(resources), **checks}, resources.metrics)


@asynccontextmanager
async def runner_of(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """Yield the runner of an application; routes may be added until it listens."""
    runner = web.AppRunner(app, shutdown_timeout=REQUEST_SECONDS)
    try:
        yield runner
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(settings: Settings, runner: web.AppRunner, offenders: Offenders) -> AsyncIterator[int]:
    """Serve only an application and yield its port. Its 404 for Socket.IO clients says where a hub is."""
    runner.app.add_routes(_without_hub())
    guard = Guard(door_config(settings, offenders))
    _identify_users(guard, runner)
    guard.wheel.start()
    try:
        async with _door(settings, runner, partial(open_http, guard)) as port:
            yield port
    finally:
        guard.wheel.stop()


@asynccontextmanager
async def hub_listening(settings: Settings, runner: web.AppRunner, hub: Hub) -> AsyncIterator[int]:
    """Serve a hub and an application on one port and yield it."""
    runner.app.add_routes(hub.routes())
    _identify_users(hub.engine.guard, runner)
    async with _door(settings, runner, partial(open_door, hub.acceptor)) as port:
        yield port


def _without_hub() -> list[web.RouteDef]:
    paths = (f"{path}{{rest:.*}}" if path.endswith("/") else path for path in sorted(Config().served_paths()))
    return [web.route("*", path, _miss_hub) for path in paths]


async def _miss_hub(_request: web.Request) -> web.Response:
    return answer(errors.NOT_FOUND.error(NO_HUB))


def _identify_users(guard: Guard, runner: web.AppRunner) -> None:
    """Let the engine identify the users of an api: their requests are charged to them, not to their address."""
    if admission := runner.app.get(ADMISSION):
        guard.user_of = admission.user_of


@asynccontextmanager
async def _door(
    settings: Settings, runner: web.AppRunner, open: Callable[[web.Server, str, int], Awaitable[asyncio.Server]]
) -> AsyncIterator[int]:
    await runner.setup()
    assert runner.server  # noqa: S101 - for the type checker: it exists from setup on
    with _clear_errors(settings.host, settings.port):
        door = await open(runner.server, settings.host, settings.port)
    try:
        port: int = door.sockets[0].getsockname()[1]
        log.info("listening on %s", own_url(settings.host, port))
        yield port
    finally:
        door.close()


def check_free(host: str, port: int) -> None:
    """Raise CommandError unless the port is free."""
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
