"""Packets of other parsers are answered in their own form, and nothing breaks the one that looks at them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.socketio.parsers import MESSAGE, refusal
from realtime.engine.transports.frames import BINARY, TEXT, unwrap

# What notepack.io, the encoder of socket.io-msgpack-parser, makes of {type: 0, nsp: "/", data: {token: "x"}} and without data.
CONNECTS = (
    bytes.fromhex("83a47479706500a36e7370a12fa46461746181a5746f6b656ea178"),
    bytes.fromhex("83a47479706500a36e7370a12fa464617461d40000"),  # version 2
    bytes.fromhex("82a47479706500a36e7370a12f"),  # version 3
)


def test_msgpack_is_answered_in_msgpack() -> None:
    for sent in CONNECTS:
        frame = refusal(sent)
        assert frame
        ((opcode, message),) = unwrap(frame)
        assert opcode == BINARY
        assert msgspec.msgpack.decode(message) == {"type": 4, "nsp": "/", "data": {"message": MESSAGE}}


@given(st.text())
def test_json_is_answered_in_json_to_its_namespace(namespace: str) -> None:
    frame = refusal(msgspec.json.encode({"type": 0, "nsp": namespace, "data": None, "id": 7}).decode())
    assert frame
    ((opcode, message),) = unwrap(frame)
    assert opcode == TEXT
    assert message[:1] == b"4"
    assert msgspec.json.decode(message[1:]) == {"type": 4, "nsp": namespace, "data": {"message": MESSAGE}}


@given(st.text() | st.binary() | st.text('{}[]",:0typensp') | st.builds(CONNECTS[0].replace, st.binary(), st.binary()))
def test_nothing_that_comes_breaks_it(message: str | bytes) -> None:
    answer = refusal(message)
    assert answer is None or b"default parser" in answer


def test_of_what_is_nested_deeply_nothing_is_known() -> None:
    assert refusal('{"type":0,"nsp":"/","data":' + "[" * 10_000) is None
    assert refusal(b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data" + b"\x91" * 10_000) is None
