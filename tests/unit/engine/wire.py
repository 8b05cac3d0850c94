"""A transport without a network."""

import asyncio
from typing import cast

from realtime.engine.http.intake import Intake


class Wire(asyncio.Transport):
    """Keeps what is written, and who was put in charge."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.protocol: asyncio.Protocol
        self.closed = False
        self._reading = True
        self.aborted = False
        self.waiting = 0

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("1.2.3.4", 5) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast("asyncio.Protocol", protocol.receiver if isinstance(protocol, Intake) else protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def write_eof(self) -> None: ...
