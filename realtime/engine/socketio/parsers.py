"""Clients that are set to another parser than Socket.IO's default one: they are refused in words that they can read.

`socket.io-msgpack-parser` sends each packet as a map in a binary message, those made as Socket.IO's guide shows it as a JSON
object. Without an answer in the same form such a client shows nothing, and connects again and again.
"""

from typing import Final

import msgspec

from realtime.engine.socketio.packets import CONNECT_ERROR
from realtime.engine.transports.frames import binary_frame, text_frame

MESSAGE: Final = "This server speaks Socket.IO's default parser: remove the `parser` option of the client"


class _Packet(msgspec.Struct):
    """What all of them say of a packet."""

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
    """The frame that refuses a packet of another parser; None if it is of none that we know."""
    try:
        packet = _from_msgpack(message) if isinstance(message, bytes) else _from_json(message)
    except (msgspec.DecodeError, RecursionError):
        return None
    answer = _Refusal(CONNECT_ERROR, packet.nsp, {"message": MESSAGE})
    return binary_frame(_to_msgpack(answer)) if isinstance(message, bytes) else text_frame(b"4" + _to_json(answer))
