"""`greenroom api`: the process that answers REST calls."""

import asyncio

from api.app import build_app
from cli.checks import check_settings, warn_of_files
from cli.lifetime import freeze_objects, run
from cli.serve.listening import listening, runner_of
from cli.serve.pulses import api_pulse
from config.settings import Settings
from core.market.resources import open_resources
from realtime.hubs import open_hubs
from realtime.publisher import open_publisher


def run_api(settings: Settings) -> None:
    """Run a REST server until a signal."""

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        async with (
            open_resources(settings) as resources,
            open_publisher(settings, resources) as publisher,
            open_hubs(settings, resources) as hubs,
            runner_of(build_app(settings, resources, publisher, hubs)) as runner,
            listening(settings, runner, resources.offenders),
            api_pulse(settings, resources, runner),
        ):
            await warn_of_files(settings, resources.storage)
            freeze_objects()
            await stop.wait()

    run(main)
