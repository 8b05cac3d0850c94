"""The front door hands a connection on with all its bytes, however they come."""

import asyncio
import re
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.acceptor import Acceptor
from realtime.engine.config import Config
from realtime.engine.door import Door
from realtime.engine.engine import Engine
from realtime.engine.http.connection import MAX_HEAD
from realtime.engine.session import Layer, Session
from tests.flow.engine.serving import text, upgrade_head
from tests.unit.engine.clock import by_hand
from tests.unit.engine.wire import Wire


class Http(asyncio.Protocol):
    """Whoever serves what is no WebSocket."""

    def __init__(self) -> None:
        self.received = b""
        self.takes_more = True
        self.turn = ""

    def data_received(self, data: bytes) -> None:
        self.received += data


@dataclass
class Heard:
    """A layer that keeps messages."""

    messages: list[str | bytes]

    def message(self, data: str | bytes) -> None:
        self.messages.append(data)

    def fell_behind(self) -> None: ...

    def caught_up(self) -> None: ...

    def closed(self, reason: str) -> None:
        self.messages.append(reason)


@dataclass
class Outcome:
    """Who got a connection, what they heard of it, and what was answered."""

    owner: str
    heard: object
    written: bytes


def knock(pieces: list[bytes]) -> Outcome:
    """What becomes of a connection on which these pieces arrive."""
    messages: list[str | bytes] = []
    https: list[Http] = []

    def layer(_: Session) -> Layer:
        return Heard(messages)

    def http() -> Http:
        https.append(Http())
        return https[-1]

    engine, wire = Engine(Config()), Wire()
    wire.protocol = Door(engine.guard, http, Acceptor(engine, layer))
    with by_hand():
        wire.protocol.connection_made(wire)
        for piece in pieces:
            if not wire.closed:
                wire.protocol.data_received(piece)
    if https:
        return Outcome("http", https[0].received, wire.written)
    return Outcome(type(wire.protocol).__name__, messages, re.sub(rb'"sid":"[^"]+"', b"", wire.written))


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


UPGRADE = upgrade_head(80)
openings = st.one_of(
    st.just(UPGRADE),
    st.builds(UPGRADE.replace, st.sampled_from([b"GET", b"13", b"websocket", b"\r\n"]), st.binary(max_size=5)),
    st.just(b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
    st.binary(max_size=60),
    st.just(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD),
    st.just(b"GET / HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD - 19) + b"\r\n\r\n"),
    st.just(b"GET / HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD - 18) + b"\r\n\r\n"),
)
frames = st.lists(st.text(max_size=10).map(lambda words: text(f"4{words}")), max_size=3).map(b"".join)


@given(openings, frames, st.lists(st.integers(0, 20_000), max_size=5))
def test_the_split_of_the_bytes_makes_no_difference(opening: bytes, behind: bytes, cuts: list[int]) -> None:
    whole = knock([opening + behind])
    parts = knock(split(opening + behind, cuts))
    assert parts == whole


def test_nobody_gets_a_connection_before_its_head_is_whole() -> None:
    assert knock([UPGRADE[:-1]]).owner == "Door"
    assert knock([b"GET / HTTP/1.1\r\n"]).owner == "Door"


def test_a_websocket_and_what_was_sent_behind_its_head_goes_to_the_engine() -> None:
    outcome = knock([UPGRADE + text("4hello")])
    assert (outcome.owner, outcome.heard) == ("WebSocket", ["hello"])
    assert outcome.written.startswith(b"HTTP/1.1 101 ")


def test_anything_else_goes_to_http_with_every_byte() -> None:
    data = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    assert knock([data]) == Outcome("http", data, b"")


@given(st.integers(1, 3))
def test_a_head_without_an_end_is_refused(pieces: int) -> None:
    outcome = knock(split(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD, [1000 * number for number in range(pieces)]))
    assert outcome.written.startswith(b"HTTP/1.1 431 ")
