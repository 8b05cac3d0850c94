"""`greenroom worker`: the process that runs jobs. Its port answers `/healthz` and `/readyz` only."""

import asyncio

from aiohttp import web

from cli.checks import check_settings
from cli.lifetime import run
from cli.serve.listening import listening, readiness, runner_of
from config.settings import Settings
from core.resources import open_resources
from realtime.publisher import open_publisher
from workers.app import open_worker


def run_worker(settings: Settings) -> None:
    """Run a worker until a signal."""

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        async with (
            open_resources(settings) as resources,
            open_publisher(settings, resources) as publisher,
            runner_of(web.Application()) as runner,
            open_worker(settings, resources, publisher),
        ):
            runner.app.add_routes(readiness(resources))
            async with listening(settings, runner):
                await stop.wait()

    run(main)
