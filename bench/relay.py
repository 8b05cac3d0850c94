"""The protocol engine with a minimal application: rooms of sockets, without users, checks or storage.

`python -m bench.relay --port P`; clients send `join {"room"}` and `msg {"room", "body"}`.
"""

import argparse
import asyncio
import signal
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

import msgspec
import uvloop
from aiohttp import web

from realtime.engine import endpoints
from realtime.engine.acceptor import Acceptor
from realtime.engine.config import Config
from realtime.engine.door import open_door
from realtime.engine.engine import Engine
from realtime.engine.session import Session
from realtime.engine.socketio import packets
from realtime.engine.socketio.sockets import Socket, socketio

_ROOMS: defaultdict[str, set[Session]] = defaultdict(set)


class Said(msgspec.Struct):
    """A client's event for a room: to join it, or a text for everybody in it."""

    room: str
    body: str = ""


_decode = msgspec.json.Decoder(tuple[str, Said]).decode


class Member(Socket):
    """A client that joins rooms and sends to them."""

    __slots__ = ("rooms",)

    def on_connect(self, _auth: bytes) -> None:
        self.rooms: list[str] = []
        self.accept()

    def on_event(self, name: str, args: bytes, _attachments: Sequence[bytes], ack: int | None) -> None:
        said = _decode(args)[1]
        if name == "join":
            self.rooms.append(said.room)
            _ROOMS[said.room].add(self.session)
        else:
            self.session.engine.outbox.broadcast(_ROOMS[said.room], packets.event(name, said))
        if ack is not None:
            self.ack(ack)

    def on_disconnect(self, _reason: str) -> None:
        for room in self.rooms:
            _ROOMS[room].discard(self.session)


async def serve(port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    engine = Engine(Config(rates=False))
    acceptor = Acceptor(engine, socketio({"/": Member}))
    app = web.Application()
    app.add_routes(endpoints.routes(acceptor))
    runner = web.AppRunner(app)
    await runner.setup()
    engine.start()
    server = await open_door(acceptor, cast("web.Server", runner.server), "127.0.0.1", port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    server.close()
    await engine.stop()
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(serve(parser.parse_args().port))
