"""Socket.IO packets: what goes in comes out, and nothing that comes in breaks the decoder."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.socketio import packets
from realtime.engine.socketio.packets import MalformedPacket, Packet, arguments, auth_payload, decode, event_name
from realtime.engine.transports.frames import BINARY, TEXT, unwrap

letters = st.characters(exclude_characters=",", exclude_categories=["Cs"])
namespaces = st.just("/") | st.text(letters, max_size=8).map("/".__add__)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(scalars, st.binary()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "_placeholder" not in repr(value))
ids = st.none() | st.integers(0, 10**15)


def read(frames: bytes) -> tuple[Packet, list[bytes]]:
    """The packet in our own frames, and its attachments."""
    (opcode, payload), *rest = unwrap(frames)
    assert opcode == TEXT
    assert all(kind == BINARY for kind, _ in rest)
    assert payload[:1] == b"4"
    packet = decode(payload[1:].decode())
    assert packet.attachments == len(rest)
    return packet, [blob for _, blob in rest]


@given(st.text(), st.lists(values, max_size=4), ids, namespaces)
def test_an_event_survives_the_way(name: str, args: list[Any], ack: int | None, namespace: str) -> None:
    packet, blobs = read(packets.event(name, *args, ack=ack, namespace=namespace))
    assert packet.type == (packets.BINARY_EVENT if blobs else packets.EVENT)
    assert (packet.namespace, packet.id) == (namespace, ack)
    assert arguments(packet.payload.encode(), blobs) == [name, *args]
    if name in packets.RESERVED_NAMES:
        with pytest.raises(MalformedPacket):
            event_name(packet.payload)
    else:
        assert event_name(packet.payload) == name


@given(st.lists(values, max_size=4), st.integers(0, 10**15), namespaces)
def test_an_ack_survives_the_way(args: list[Any], number: int, namespace: str) -> None:
    packet, blobs = read(packets.ack_frame(number, *args, namespace=namespace))
    assert packet.type == (packets.BINARY_ACK if blobs else packets.ACK)
    assert (packet.namespace, packet.id) == (namespace, number)
    assert arguments(packet.payload.encode(), blobs) == args


@given(st.text(), scalars, namespaces)
def test_an_event_of_ready_json_is_the_same_as_one_of_values(name: str, value: Any, namespace: str) -> None:
    ready = msgspec.json.encode(value)
    assert packets.event_raw(name, ready, namespace) == packets.event(name, value, namespace=namespace)


@given(namespaces)
def test_the_other_packets_survive_the_way(namespace: str) -> None:
    for frames, kind, payload in (
        (packets.connect("id", namespace, pid="p"), packets.CONNECT, {"sid": "id", "pid": "p"}),
        (packets.connect_error("no", namespace=namespace), packets.CONNECT_ERROR, {"message": "no"}),
        (packets.connect_error("no", [1], namespace), packets.CONNECT_ERROR, {"message": "no", "data": [1]}),
    ):
        packet, _ = read(frames)
        assert (packet.type, packet.namespace, json.loads(packet.payload)) == (kind, namespace, payload)
    assert read(packets.disconnect(namespace))[0] == Packet(packets.DISCONNECT, namespace, None, 0, "")


blanks = st.text(" \t\r\n", max_size=4)


@given(st.text(), st.lists(values, max_size=3), ids, namespaces, blanks, blanks)
def test_blanks_around_json_mean_nothing(
    name: str, args: list[Any], ack: int | None, namespace: str, before: str, behind: str
) -> None:
    frames = packets.event(name, *args, ack=ack, namespace=namespace)
    text = next(unwrap(frames))[1][1:].decode()
    packet = decode(text)
    assert packet.payload in text
    head = text.removesuffix(packet.payload)
    assert decode(f"{head}{before}{packet.payload}{behind}") == packet


@given(namespaces, blanks)
def test_blanks_behind_a_packet_without_json_mean_nothing(namespace: str, behind: str) -> None:
    for kind in (packets.CONNECT, packets.DISCONNECT):
        place = "" if namespace == "/" else f"{namespace},"
        packet = decode(f"{kind}{place}{behind}")
        assert (packet.type, packet.namespace) == (kind, namespace)
        assert auth_payload(packet.payload) == b"{}"


@pytest.mark.parametrize("text", ["\ufeff2[]", " 2[]", "\n2[]", '2["x"]\xa0', '2["x"]\x0b', '2["x"]\0'])
def test_only_blanks_of_json_are_passed_over_and_none_before_a_packet(text: str) -> None:
    with pytest.raises(MalformedPacket):
        decode(text)


def mutilated() -> st.SearchStrategy[str]:
    """Packets with something cut out, put in or doubled."""
    sound = st.builds(
        lambda name, args, ack, namespace: next(unwrap(packets.event(name, *args, ack=ack, namespace=namespace)))[1][
            1:
        ].decode(),
        st.text(max_size=5),
        st.lists(values, max_size=2),
        ids,
        namespaces,
    )
    return st.builds(
        lambda text, at, size, extra: text[: at % (len(text) + 1)] + extra + text[at % (len(text) + 1) + size :],
        sound,
        st.integers(0, 10_000),
        st.integers(0, 5),
        st.text(alphabet='0123456-/,[]{}"\\٣²ä \n\r\t', max_size=3),
    )


@given(st.text() | st.text(alphabet='0123456-/,[]{}":a\\٣² \r\n') | mutilated())
def test_nothing_that_comes_in_breaks_the_decoder(text: str) -> None:
    try:
        packet = decode(text)
        assert isinstance(packet.payload, str)
        assert packet.id is None or 0 <= packet.id < 10**17
        if packet.type == packets.CONNECT:
            assert isinstance(json.loads(auth_payload(packet.payload)), dict)
        elif packet.type != packets.DISCONNECT:
            event_name(packet.payload)
            arguments(packet.payload.encode(), [b""] * min(packet.attachments, 32))
    except MalformedPacket:
        pass


@given(st.text())
def test_a_name_cut_out_is_the_name_decoded(name: str) -> None:
    for array in (json.dumps([name, 1]), json.dumps([name]), json.dumps([name], ensure_ascii=False)):
        if name not in packets.RESERVED_NAMES and not any("\ud800" <= letter <= "\udfff" for letter in name):
            assert event_name(array) == name


@pytest.mark.parametrize("depth", [100, 500, 900, 990, 1_000, 10_000, 200_000])
def test_json_of_any_depth_is_decoded_or_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for check in (lambda: arguments(nested.encode(), [b""]), lambda: auth_payload(nested), lambda: event_name(nested)):
        try:
            check()
        except MalformedPacket:
            continue


def test_placeholders_without_attachments_are_plain_objects() -> None:
    assert arguments(b'["x",{"_placeholder":true,"num":0}]') == ["x", {"_placeholder": True, "num": 0}]


def test_structs_are_encoded_as_they_are() -> None:
    class Point(msgspec.Struct):
        x: int

    (_, payload) = next(unwrap(packets.event("at", Point(1), [Point(2)])))
    assert payload == b'42["at",{"x":1},[{"x":2}]]'
