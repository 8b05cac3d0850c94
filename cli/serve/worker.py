"""`greenroom worker`: the process that runs jobs. Its port answers `/healthz`, `/readyz` and `/metrics` only."""

import asyncio
import logging

import marketplaces
from cli.checks import check_settings, warn_of_files
from cli.lifetime import run, until
from cli.serve.heartbeats import worker_heartbeat
from cli.serve.listening import bare_app, listening, operations, runner_of
from config.settings import Settings
from core.market.resources import open_resources
from realtime.publishing.publisher import open_publisher
from workers.app import open_worker

log = logging.getLogger(__name__)


def run_worker(settings: Settings) -> None:
    """Run a worker until a signal."""

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        async with (
            open_resources(settings) as resources,
            open_publisher(settings, resources, marketplaces.ALL.values()) as publisher,
            runner_of(bare_app()) as runner,
            open_worker(settings, resources, publisher) as worker,
        ):
            runner.app.add_routes(operations(resources, queue=resources.jobs.ping))
            async with listening(settings, runner, resources.offenders), worker_heartbeat(settings, resources, worker):
                if not settings.smtp_url:
                    log.warning("GREENROOM_SMTP_URL is not set: no mail will be sent")
                await warn_of_files(settings, resources.storage)
                await until(stop, worker.wait())

    run(main)
