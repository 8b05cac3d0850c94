"""The applications that the protocols' official test suites expect to find behind a server."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from realtime.engine.config import Config
from realtime.engine.session import Layer, Session
from realtime.engine.socketio import packets
from realtime.engine.socketio.sockets import Socket, socketio

# The official suite listens for one packet at a time: of two that one read brings, it misses the second.
APART_SECONDS = 0.01

LayerName = Literal["socketio", "engineio"]


class Echo(Socket):
    """Tells the client its auth, sends `message` back as `message-back`, and acks `message-with-ack`."""

    __slots__ = ()

    def on_connect(self, auth: bytes) -> None:
        self.accept()
        told = packets.event_raw("auth", auth, self.namespace)
        asyncio.get_running_loop().call_later(APART_SECONDS, self.emit_raw, told)

    def on_event(self, name: str, args: bytes, attachments: Sequence[bytes], ack: int | None) -> None:
        _, *values = packets.arguments(args, attachments)
        if name == "message":
            self.emit("message-back", *values)
        elif name == "message-with-ack" and ack is not None:
            self.ack(ack, *values)


class EngineEcho:
    """Sends every Engine.IO message back."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def message(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.session.send(data.encode())
        else:
            self.session.send_binary(data)

    def fell_behind(self) -> None: ...

    def caught_up(self) -> None: ...

    def closed(self, reason: str) -> None: ...


def conformance(layer: LayerName) -> tuple[Config, Callable[[Session], Layer]]:
    """The configuration and the application of one official suite."""
    path = "/socket.io/" if layer == "socketio" else "/engine.io/"
    config = Config(ping_interval=0.3, ping_timeout=0.2, max_payload=1_000_000, paths=(path,), connect_timeout=1.0)
    make: Callable[[Session], Layer] = socketio({"/": Echo, "/custom": Echo}) if layer == "socketio" else EngineEcho
    return config, make
