"""`python -m tests.conformance --layer socketio|engineio --port P`: the protocol engine alone, for official suites."""

import argparse
import asyncio
import signal

import uvloop

from tests.conformance.echo import LayerName, conformance
from tests.flow.engine.serving import serving


async def serve(layer: LayerName, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(*conformance(layer), port) as served:
        print(f"{layer} on {served.url}", flush=True)
        await stop.wait()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.conformance")
    parser.add_argument("--layer", choices=("socketio", "engineio"), default="socketio")
    parser.add_argument("--port", type=int, default=3000, help="0 takes any that is free")
    options = parser.parse_args()
    uvloop.run(serve(options.layer, options.port))


main()
