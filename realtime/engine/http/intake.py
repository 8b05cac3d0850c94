"""Reads connections into one shared buffer, a bounded number of bytes in a loop turn.

Without it the loop reads up to 256 KB of each connection before anything else runs: with a few hundred busy clients, tens of
milliseconds and tens of megabytes in one turn.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

from realtime.engine.limits.budget import LITTLE, Turns

READ: Final = 2.0  # units of a turn that reading a full buffer takes


class Receiver(Protocol):
    """Receives the data of a connection: a protocol of asyncio that says whether it wants to be read."""

    @property
    def takes_more(self) -> bool:
        """Whether it wants to be read now."""

    @property
    def turn(self) -> str:
        """Its queue in `Turns`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol, as for all others."""

    def connection_lost(self, exc: Exception | None) -> None: ...

    def data_received(self, data: bytes) -> None: ...

    def eof_received(self) -> bool | None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


class Intake(asyncio.BufferedProtocol):
    """Reads for a receiver; a connection that fills the buffer continues in a later turn."""

    __slots__ = ("_is_waiting", "_receive", "_transport", "_turns", "receiver")

    def __init__(self, turns: Turns, receiver: Receiver) -> None:
        self.receiver = receiver
        self._receive: Callable[[bytes], None] = receiver.data_received
        self._turns = turns
        self._is_waiting = False
        self._transport: asyncio.Transport | None = None

    @classmethod
    def take_over(cls, transport: asyncio.Transport, turns: Turns, receiver: Receiver) -> None:
        """Give a connection another receiver."""
        intake = cls(turns, receiver)
        intake._transport = transport
        transport.set_protocol(intake)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.receiver.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.receiver.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self.receiver.eof_received()

    def pause_writing(self) -> None:
        self.receiver.pause_writing()

    def resume_writing(self) -> None:
        self.receiver.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return the buffer of this turn."""
        return self._turns.room

    def buffer_updated(self, nbytes: int) -> None:
        """Pass the data on."""
        room = self._turns.room
        data = bytes(room[:nbytes])
        if nbytes < LITTLE:
            self._receive(data)
            return
        is_full = nbytes == len(room)
        self._turns.read(nbytes)
        self._receive(data)
        if is_full:
            self._wait()

    def _wait(self) -> None:
        transport = self._transport
        if not self._is_waiting and transport is not None and self._is_in_charge(transport) and transport.is_reading():
            transport.pause_reading()
            self._is_waiting = True
            self._turns.add(self, self.receiver.turn)

    def _is_in_charge(self, transport: asyncio.Transport) -> bool:
        return transport.get_protocol() is self

    def work(self) -> float:
        """Read on, unless the receiver is paused or another one has taken the connection over."""
        self._is_waiting = False
        transport = self._transport
        if transport is None or not self._is_in_charge(transport) or not self.receiver.takes_more:
            return 0.0
        transport.resume_reading()
        return READ
