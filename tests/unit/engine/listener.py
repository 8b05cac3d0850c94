"""A WebSocket without a network, and what listens to it."""

from realtime.engine.config import Config
from realtime.engine.engine import Engine
from realtime.engine.limits.budget import Budget
from realtime.engine.transports.websocket import WebSocket
from tests.unit.engine.wire import Wire


class Listener:
    """Keeps what a WebSocket brings, and the code that it is closed with."""

    def __init__(self, websocket: WebSocket, max_payload: int) -> None:
        self.max_payload = max_payload
        self.heard: list[object] = []
        self.codes: list[int] = []
        self._websocket = websocket

    def receive(self, packet: str) -> None:
        self.heard.append(packet)

    def deliver(self, message: bytes) -> None:
        self.heard.append(message)

    def fall_behind(self) -> None: ...

    def catch_up(self) -> None: ...

    def close(self, reason: str, code: int, why: str = "") -> None:
        self.codes.append(code)
        self._websocket.close(reason, code, why)


def connect(config: Config, engine: Engine | None = None) -> tuple[WebSocket, Wire, Listener]:
    """Return a WebSocket, its transport and its listener."""
    wire = Wire()
    websocket = WebSocket(engine or Engine(config), wire, Budget(config, "1.2.3.4"))
    listener = websocket.taker = Listener(websocket, config.max_payload)
    return websocket, wire, listener
