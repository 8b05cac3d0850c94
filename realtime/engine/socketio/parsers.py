"""Refuses clients with a custom Socket.IO parser, in the format of that parser.

`socket.io-msgpack-parser` sends each packet as a map in a binary message; parsers written after Socket.IO's guide send a JSON
object. Without a reply in its format, such a client shows no error and reconnects forever.
"""

from typing import Final

import msgspec

from realtime.engine.socketio.packets import CONNECT_ERROR
from realtime.engine.transports.frames import binary_frame, text_frame

MESSAGE: Final = "This server speaks Socket.IO's default parser: remove the `parser` option of the client"


class _Packet(msgspec.Struct):
    """The fields of a packet that all parsers have."""

    type: int
    nsp: str


class _Refusal(msgspec.Struct):
    type: int
    nsp: str
    data: dict[str, str]


_from_msgpack = msgspec.msgpack.Decoder(_Packet).decode
_to_msgpack = msgspec.msgpack.Encoder().encode
_from_json = msgspec.json.Decoder(_Packet).decode
_to_json = msgspec.json.Encoder().encode


def refusal(message: str | bytes) -> bytes | None:
    """The frame that refuses a packet of a custom parser; None if the parser is unknown."""
    try:
        packet = _from_msgpack(message) if isinstance(message, bytes) else _from_json(message)
    except (msgspec.DecodeError, RecursionError):
        return None
    answer = _Refusal(CONNECT_ERROR, packet.nsp, {"message": MESSAGE})
    return binary_frame(_to_msgpack(answer)) if isinstance(message, bytes) else text_frame(b"4" + _to_json(answer))
