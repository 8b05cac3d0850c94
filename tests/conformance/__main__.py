"""`python -m tests.conformance --layer socketio|engineio --port P`: the protocol engine alone, for official suites."""

import argparse
import asyncio
import signal

import uvloop
from aiohttp import web

from realtime.engine.door import open_door
from realtime.engine.server import Engine
from tests.conformance.echo import LayerName, conformance


async def serve(layer: LayerName, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    engine = Engine(*conformance(layer))
    app = web.Application()
    app.add_routes(engine.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    engine.start()
    server = await open_door(engine, runner.server, "127.0.0.1", port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"{layer} on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()
    await engine.stop()
    await runner.cleanup()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.conformance")
    parser.add_argument("--layer", choices=("socketio", "engineio"), default="socketio")
    parser.add_argument("--port", type=int, default=3000, help="0 takes any that is free")
    options = parser.parse_args()
    uvloop.run(serve(options.layer, options.port))


main()
