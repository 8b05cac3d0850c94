"""Upgrades a session from polling to a WebSocket, with no message lost or out of order."""

from typing import Final

from realtime.engine.session import PARSE_ERROR, TRANSPORT_ERROR, Session
from realtime.engine.socketio.packets import BLANK
from realtime.engine.transports.frames import NORMAL, PROTOCOL_ERROR, text_frame
from realtime.engine.transports.polling import Polling
from realtime.engine.transports.websocket import HIGH_WATER, WebSocket

PROBE_TIME: Final = 10.0  # seconds from the offer to the upgrade

_PROBED = text_frame(b"3probe")


def offer(session: Session, websocket: WebSocket) -> None:
    """Let the first WebSocket of a polling session try to take it over; close any other."""
    polling = session.transport
    probe = Probe(session, websocket)
    if session.probe is None and isinstance(polling, Polling):
        session.probe = probe
        probe.polling = polling
        session.engine.wheel.schedule(probe, PROBE_TIME)
    else:
        probe.close(TRANSPORT_ERROR, NORMAL, "The session has a WebSocket, or another that is tried")


class Probe:
    """A WebSocket that offers to carry a polling session: the client probes it, stops polling, then upgrades."""

    __slots__ = ("polling", "session", "slot", "websocket")
    max_payload = 16  # bytes: it says "2probe" and "5"

    def __init__(self, session: Session, websocket: WebSocket) -> None:
        self.session = session
        self.polling: Polling | None = None
        self.websocket = websocket
        self.slot = 0
        websocket.taker = self

    def receive(self, packet: str) -> None:
        """Only the probe and the upgrade are expected."""
        packet = packet.rstrip(BLANK)
        if packet == "2probe" and self.polling is not None:
            self.websocket.transport.write(_PROBED)
            self.polling.upgrade()
        elif packet == "5" and self.polling is not None and self.polling.upgrading:
            self._take_over(self.polling)
        else:
            self._fail()

    def deliver(self, message: bytes) -> None:  # noqa: ARG002
        """Refuse it: messages may come after the upgrade only."""
        self._fail()

    def _fail(self) -> None:
        self.close(PARSE_ERROR, PROTOCOL_ERROR, "A WebSocket for a polling session says 2probe, then 5")

    def _take_over(self, polling: Polling) -> None:
        session, websocket = self.session, self.websocket
        session.engine.wheel.cancel(self)
        websocket.taker = session
        session.probe = None
        session.transport = websocket
        session.write = websocket.transport.write
        session.write(polling.retire())
        session.write = websocket.writer
        if session.behind and websocket.transport.get_write_buffer_size() <= HIGH_WATER:
            session.catch_up()

    def fall_behind(self) -> None:
        """Do nothing: only the answer to the probe is ever written."""

    def catch_up(self) -> None:
        """Do nothing: see `fall_behind`."""

    def close(self, reason: str, code: int, why: str = "") -> None:
        """Withdraw the offer; the session continues to poll."""
        self.session.engine.wheel.cancel(self)
        if self.polling is not None:
            self.session.probe = None
            self.polling.upgrading = False
            self.polling = None
        self.websocket.close(reason, code, why)

    def due(self) -> None:
        """The client did not upgrade in time."""
        self.close(TRANSPORT_ERROR, NORMAL, f"No upgrade came in {PROBE_TIME:.0f} seconds")
