"""Socket.IO 5 packets: encoded into finished frames, decoded from text.

`<type>[<attachments>-][<namespace>,][<id>][<JSON>]`, inside an Engine.IO message (a leading 4), one WebSocket frame each.
Blanks around JSON are ignored: websocat and others send whole lines, including line ends.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from realtime.engine.transports.frames import PROTOCOL_ERROR, binary_frame, text_frame

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)
RESERVED_NAMES: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
MAX_ID_DIGITS = 16  # what a JavaScript client can count to
BLANK: Final = " \t\r\n"  # around JSON
MAX_BLANKS: Final = 8  # before it

_encode = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(list[object]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode
_BAD_JSON = (msgspec.DecodeError, RecursionError)


class MalformedPacket(Exception):  # noqa: N818 - named for what happened
    """The client broke the Socket.IO protocol; its session must end. `code` is the close code of a WebSocket."""

    def __init__(self, why: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


class Packet(msgspec.Struct, gc=False):
    """A decoded packet; `payload` is JSON text, not yet decoded ("" if there is none)."""

    type: int
    namespace: str
    id: int | None
    attachments: int
    payload: str


def decode(text: str) -> Packet:
    """The packet in an Engine.IO message. Raises MalformedPacket."""
    kind = text[:1]
    if not kind or kind not in "0123456":
        raise MalformedPacket("Unknown type of a Socket.IO packet")
    if text[-1] in BLANK:
        text = text.rstrip(BLANK)
    type_, at, attachments, namespace = int(kind), 1, 0, "/"
    if type_ >= BINARY_EVENT:
        dash = text.find("-", 1, 8)
        attachments = _number(text[1:dash] if dash > 0 else "")
        at = dash + 1
    if text[at : at + 1] == "/":
        comma = text.find(",", at)
        end = comma if comma > 0 else len(text)
        namespace, at = text[at:end], end + 1
    if type_ in (CONNECT, DISCONNECT, CONNECT_ERROR):
        return Packet(type_, namespace, None, 0, text[at:])
    bracket = text.find("[", at, at + MAX_ID_DIGITS + MAX_BLANKS + 1)
    if bracket < 0 or text[-1] != "]":
        raise MalformedPacket("The payload of an event or ack must be an array")
    id_ = text[at:bracket].rstrip(BLANK) if bracket > at else ""
    return Packet(type_, namespace, _number(id_) if id_ else None, attachments, text[bracket:])


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_ID_DIGITS):
        raise MalformedPacket("A number was expected: <type>[<attachments>-][<namespace>,][<id>][<JSON>]")
    return int(digits)


def event_name(payload: str) -> str:
    """The name at the start of an event's array. Raises MalformedPacket if there is none or it is reserved."""
    end = payload.find('"', 2)
    name = payload[2:end]
    if not payload.startswith('["') or end < 0 or payload[end + 1] not in ",]" or "\\" in name:
        name = _spelled_name(payload)
    if name in RESERVED_NAMES:
        raise MalformedPacket("This name of an event is reserved")
    return name


def _spelled_name(payload: str) -> str:
    """The name, decoded as JSON because it has escapes, or blanks around it."""
    try:
        return _decode_string(_decode_array(payload)[0])
    except (*_BAD_JSON, IndexError):
        raise MalformedPacket("An event is an array that begins with its name") from None


def auth_payload(payload: str) -> bytes:
    """The JSON object of a CONNECT, {} if none was sent. Raises MalformedPacket."""
    if not payload.strip(BLANK):
        return b"{}"
    try:
        _decode_object(payload)
    except _BAD_JSON:
        raise MalformedPacket("The payload of CONNECT must be an object") from None
    return payload.encode()


def arguments(args: bytes, attachments: Sequence[bytes] = ()) -> list[object]:
    """The decoded array with its binary attachments in their places. Raises MalformedPacket."""
    try:
        decoded = _decode_list(args)
        return [_filled(value, attachments) for value in decoded] if attachments else decoded
    except _BAD_JSON:
        raise MalformedPacket("Invalid JSON") from None


def _filled(value: object, attachments: Sequence[bytes]) -> object:
    if isinstance(value, list):
        return [_filled(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {key: _filled(item, attachments) for key, item in value.items()}
    number = value.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise MalformedPacket("An attachment is missing")
    return attachments[number]


def event(name: str, *args: object, ack: int | None = None, namespace: str = "/") -> bytes:
    """An event's frame, and those of the bytes in `args` (also within lists and dicts). `ack` asks for an answer."""
    return _frames(EVENT, namespace, ack, (name, *args))


def event_raw(name: str, payload: bytes | msgspec.Raw, namespace: str = "/") -> bytes:
    """The frame of an event whose one argument is JSON already."""
    return text_frame(b"%b,%b]" % (event_head(name, namespace), payload))


@lru_cache(maxsize=256)
def event_head(name: str, namespace: str) -> bytes:
    """The beginning of an event's packet, up to its name."""
    return _head(EVENT, namespace) + b"[" + _encode(name)


def ack_frame(id: int, *args: object, namespace: str = "/") -> bytes:
    """The answer to the client's event with this id."""
    return _frames(ACK, namespace, id, args)


def ack_head(namespace: str) -> bytes:
    """The beginning of the packet of an answer, up to its id."""
    return _head(ACK, namespace)


def ack_raw(id: int, payload: bytes, head: bytes = b"43") -> bytes:
    """The answer, of one argument that is JSON already, to the client's event with this id; `head` is that of its namespace."""
    return text_frame(b"%b%d[%b]" % (head, id, payload))


def namespace_of(frames: bytes) -> str:
    """The namespace of the first of our own frames, which is a Socket.IO packet without attachments."""
    size = frames[1]
    start = (2 if size < 126 else 4 if size == 126 else 10) + len("42")
    return frames[start : frames.index(b",", start)].decode() if frames[start : start + 1] == b"/" else "/"


def connect(sid: str, namespace: str = "/", **extra: object) -> bytes:
    """The namespace is joined."""
    return text_frame(_head(CONNECT, namespace) + _encode({"sid": sid, **extra}))


def connect_error(message: str, data: object = None, namespace: str = "/") -> bytes:
    """The namespace is refused; clients show `message` and `data` on their error."""
    error = {"message": message} if data is None else {"message": message, "data": data}
    return text_frame(_head(CONNECT_ERROR, namespace) + _encode(error))


def disconnect(namespace: str = "/") -> bytes:
    """The namespace is left."""
    return text_frame(_head(DISCONNECT, namespace))


def _head(type_: int, namespace: str, attachments: str = "") -> bytes:
    place = "" if namespace == "/" else f"{namespace},"
    return f"4{type_}{attachments}{place}".encode()


def _frames(type_: int, namespace: str, id_: int | None, args: tuple[object, ...]) -> bytes:
    blobs: list[bytes] = []
    held = tuple(_emptied(arg, blobs) for arg in args)
    head = _head(type_ + 3, namespace, f"{len(blobs)}-") if blobs else _head(type_, namespace)
    number = b"" if id_ is None else b"%d" % id_
    return text_frame(head + number + _encode(held)) + b"".join(map(binary_frame, blobs))


def _emptied(value: object, blobs: list[bytes]) -> object:
    """`value` with each of its bytes moved to `blobs` and replaced by a placeholder."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        blobs.append(bytes(value))
        return {"_placeholder": True, "num": len(blobs) - 1}
    if isinstance(value, (list, tuple)):
        return [_emptied(item, blobs) for item in value]
    if isinstance(value, dict):
        return {key: _emptied(item, blobs) for key, item in value.items()}
    return value
