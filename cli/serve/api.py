"""`greenroom api`: the process that answers REST calls."""

import asyncio

import marketplaces
from api.app import build_app
from cli.checks import check_settings, warn_of_files
from cli.lifetime import freeze_objects, run
from cli.serve.heartbeats import api_heartbeat
from cli.serve.listening import listening, runner_of
from config.settings import Settings
from core.market.resources import open_resources
from realtime.operations.admin_client import open_admin_client
from realtime.publishing.publisher import open_publisher


def run_api(settings: Settings) -> None:
    """Run a REST server until a signal."""

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        async with (
            open_resources(settings) as resources,
            open_publisher(settings, resources, marketplaces.ALL.values()) as publisher,
            open_admin_client(settings, resources) as hubs,
            runner_of(build_app(settings, resources, publisher, hubs)) as runner,
            listening(settings, runner, resources.offenders),
            api_heartbeat(settings, resources, runner),
        ):
            await warn_of_files(settings, resources.storage)
            freeze_objects()
            await stop.wait()

    run(main)
