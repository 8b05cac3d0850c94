"""`greenroom hub`: the process that people's sockets are connected to."""

import asyncio

from aiohttp import web

from cli.checks import check_settings, markets
from cli.lifetime import run
from cli.serve.listening import hub_listening, operations, runner_of
from config.settings import Settings
from core.resources import open_resources
from realtime.app import open_hub


def run_hub(settings: Settings) -> None:
    """Run a hub until a signal."""

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        messages = markets(settings.marketplaces)[0].messages
        async with (
            open_resources(settings) as resources,
            runner_of(web.Application()) as runner,
            open_hub(settings, resources, messages) as hub,
        ):
            runner.app.add_routes(operations(resources, hub=hub.ready))
            async with hub_listening(settings, runner, hub):
                await stop.wait()

    run(main)
