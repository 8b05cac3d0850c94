"""`greenroom hub`: the process that sockets are connected to."""

import asyncio
import gc

from cli.checks import check_settings, markets
from cli.lifetime import freeze_objects, run
from cli.serve.listening import bare_app, hub_listening, operations, runner_of
from config.settings import Settings
from core.market.resources import open_resources
from realtime.app import open_hub


def run_hub(settings: Settings) -> None:
    """Run a hub until a signal."""

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        manifests = markets(settings.marketplaces)
        async with (
            open_resources(settings) as resources,
            runner_of(bare_app()) as runner,
            open_hub(settings, resources, manifests) as hub,
        ):
            runner.app.add_routes(operations(resources, hub=hub.ready))
            async with hub_listening(settings, runner, hub):
                freeze_objects()
                _collect_less_often()
                await stop.wait()

    run(main)


def _collect_less_often() -> None:
    """Collect cyclic garbage, of which a hub produces little, less often: its cost grows with the number of clients."""
    gc.set_threshold(20_000, 20, 50)
