"""`greenroom dev`: hub, REST and worker on one port, with embedded servers if the settings name none."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from api.app import build_app
from cli.checks import check_settings, markets
from cli.embedded.process import Server
from cli.embedded.servers import embedded_servers
from cli.errors import CommandError
from cli.lifetime import run, until
from cli.login_provider import login_provider
from cli.mail_sink import mail_sink
from cli.migrate import migrate_database
from cli.progress import step
from cli.sandbox_payments import sandbox_payments
from cli.serve.heartbeats import api_heartbeat, worker_heartbeat
from cli.serve.listening import hub_listening, runner_of
from config.settings import Settings, own_url
from core.base.origins import LOOPBACK
from core.market.resources import open_resources
from realtime.app import open_hub
from realtime.operations.admin_client import open_admin_client
from realtime.publishing.publisher import open_publisher
from workers.app import Worker, open_worker

WATCH_SECONDS = 0.5


def run_dev(settings: Settings) -> None:
    """Run everything until a signal; stored data is kept for the next run."""
    # Frontends in development are served from another local port.
    settings = msgspec.structs.replace(
        settings, cors_origins=(*settings.cors_origins, LOOPBACK), sms=settings.sms or "print"
    )
    with embedded_servers(settings, step) as (completed, servers):
        run(partial(_run, completed, servers))


async def _run(settings: Settings, servers: Sequence[Server], stop: asyncio.Event) -> None:
    with step("Bringing the database up to date"):
        await migrate_database(settings)
    await check_settings(settings)
    async with (
        _mail_server(settings) as with_mail,
        _login_provider(with_mail) as with_logins,
        _payment_provider(with_logins) as with_payments,
        _processes(with_payments) as (port, worker),
    ):
        print(_greeting(settings, own_url(settings.host, port)))
        sys.stdout.flush()
        await until(stop, worker.wait(), _watch(servers))
        print("Ending ...", flush=True)


def _greeting(settings: Settings, url: str) -> str:
    name, _, secret = settings.operator_tokens[0].partition(":")
    token = f"#token={secret}" if name == "dev" else ""  # only print our own: a configured token must not be shown
    return f"""
  Open {url}
  For operators: {url}/console{token}

  Ctrl-C ends it. The data stays in {settings.data_dir}
"""


@asynccontextmanager
async def _mail_server(settings: Settings) -> AsyncIterator[Settings]:
    if settings.smtp_url:
        yield settings
    else:
        async with mail_sink() as url:
            yield msgspec.structs.replace(settings, smtp_url=url)


@asynccontextmanager
async def _login_provider(settings: Settings) -> AsyncIterator[Settings]:
    if settings.oauth_local_url:
        yield settings
    else:
        async with login_provider() as provider:
            yield msgspec.structs.replace(settings, oauth_local_url=provider.url)


@asynccontextmanager
async def _payment_provider(settings: Settings) -> AsyncIterator[Settings]:
    if settings.payments_sandbox_url:
        yield settings
    else:
        async with sandbox_payments() as provider:
            yield msgspec.structs.replace(settings, payments_sandbox_url=provider.url)


@asynccontextmanager
async def _processes(settings: Settings) -> AsyncIterator[tuple[int, Worker]]:
    manifests = markets(settings.marketplaces)
    async with (
        open_resources(settings) as resources,
        open_publisher(settings, resources, manifests) as publisher,
        open_worker(settings, resources, publisher) as worker,
        open_admin_client(settings, resources) as hubs,
        runner_of(build_app(settings, resources, publisher, hubs)) as runner,
        open_hub(settings, resources, manifests) as hub,
        hub_listening(settings, runner, hub) as port,
        api_heartbeat(settings, resources, runner),
        worker_heartbeat(settings, resources, worker),
    ):
        yield port, worker


async def _watch(servers: Sequence[Server]) -> None:
    """Raise CommandError if a server that we started has ended."""
    while True:
        for server in servers:
            if server.process.poll() is not None:
                raise CommandError(f"{server.title} has ended (exit code {server.process.returncode}): see its log")
        await asyncio.sleep(WATCH_SECONDS)
