"""WebSocket frames: ours are what RFC 6455 says, and a client's are read from any split of their bytes."""

from itertools import pairwise
from struct import pack

import pytest
from aiohttp._websocket.reader_py import WebSocketReader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.limits.budget import Rate
from realtime.engine.config import TRAFFIC, Config
from realtime.engine.transports import frames
from realtime.engine.transports.frames import BrokenFrame, binary_frame, read_frame, text_frame, unwrap
from tests.flow.engine.serving import client_frame
from tests.unit.engine.clock import by_hand
from tests.unit.engine.listener import connect

LIMIT = 1_000
SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 100_000)


@pytest.mark.parametrize("size", SIZES)
def test_our_frames_are_read_by_another_implementation(size: int) -> None:
    class Queue:
        _size, _limit, _stalled_reader = 0, 1, None

        def __init__(self) -> None:
            self.messages: list[tuple[int, object]] = []

        def feed_data(self, message: tuple[int, object, str], size: int) -> None:
            self.messages.append((int(message[0]), message[1]))

    queue = Queue()
    reader = WebSocketReader(queue, 0, False, True)  # type: ignore[arg-type]
    reader.feed_data(
        text_frame(b"x" * size) + binary_frame(b"y" * size) + frames.pong_frame(b"z") + frames.close_frame(1001)
    )
    assert queue.messages == [(1, "x" * size), (2, b"y" * size), (10, b"z"), (8, 1001)]


@pytest.mark.parametrize("size", SIZES)
def test_our_frames_are_unwrapped_again(size: int) -> None:
    joined = text_frame(b"x" * size) + binary_frame(b"y" * size) + text_frame(b"")
    assert list(unwrap(joined)) == [(1, b"x" * size), (2, b"y" * size), (1, b"")]


@pytest.mark.parametrize("size", SIZES)
def test_a_client_frame_is_read_once_it_is_whole(size: int) -> None:
    sent = b"before" + client_frame(0x81, bytes(range(256)) * (size // 256) + bytes(size % 256))
    need, here = frames.SHORTEST, 6
    while here < len(sent):  # as the transport does: no look before as many bytes are there as were asked for
        here = min(6 + need, len(sent))
        answer = read_frame(sent[:here], 6, 100_000)
        if isinstance(answer, int):
            assert answer > need
            need = answer
    assert not isinstance(answer, int)
    assert answer == (0x81, bytearray(bytes(range(256)) * (size // 256) + bytes(size % 256)), len(sent))


def feed(pieces: list[bytes], traffic: Rate = TRAFFIC) -> tuple[list[object], bytes]:
    """What is heard and written when a WebSocket is sent these pieces, as fast as it reads them; last, the code of its end."""
    websocket, wire, listener = connect(Config(max_payload=LIMIT, traffic=traffic))
    with by_hand() as loop:
        for piece in pieces:
            websocket.data_received(piece)
            loop.run()
            assert wire.is_reading()
    return [*listener.heard, *listener.codes], wire.written


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in pieces."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


sound_frames = st.one_of(
    st.builds(lambda text: client_frame(0x81, text.encode()), st.text(max_size=50)),
    st.builds(lambda blob: client_frame(0x82, blob), st.binary(max_size=300)),
    st.builds(lambda blob: client_frame(0x89, blob), st.binary(max_size=125)),
    st.builds(
        lambda parts: b"".join(
            client_frame((0x82 if number == 0 else 0x80) & (0xFF if number == len(parts) - 1 else 0x7F), part)
            for number, part in enumerate(parts)
        ),
        st.lists(st.binary(max_size=20), min_size=1, max_size=4),
    ),
)
odd_frames = st.builds(client_frame, st.integers(0, 255), st.binary(max_size=200))
unmasked = st.builds(
    lambda first, blob: pack("!BB", first, len(blob)) + blob, st.integers(0, 255), st.binary(max_size=125)
)
anything = st.lists(sound_frames | odd_frames | unmasked | st.binary(max_size=20), max_size=8).map(b"".join)


@settings(max_examples=300)
@given(anything, st.lists(st.integers(0, 10_000), max_size=6))
@example(client_frame(0x82, b"x") + client_frame(0x88, b"") + client_frame(0x81, b""), [7])
def test_the_split_of_the_bytes_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    assert feed(split(data, cuts)) == feed([data])


@given(
    st.lists(sound_frames, max_size=60).map(b"".join), st.lists(st.integers(0, 10_000), max_size=6), st.integers(1, 50)
)
def test_a_budget_makes_it_slower_and_no_different(data: bytes, cuts: list[int], count: int) -> None:
    assert feed(split(data, cuts), Rate("traffic", count, 10)) == feed([data])


@given(anything, st.lists(st.integers(0, 10_000), max_size=6))
def test_garbage_is_refused_alike_with_a_small_budget(data: bytes, cuts: list[int]) -> None:
    assert feed(split(data, cuts), Rate("traffic", 2, 10)) == feed([data])


@given(st.lists(sound_frames, max_size=6).map(b"".join))
def test_byte_by_byte_is_no_different(data: bytes) -> None:
    assert feed([bytes((byte,)) for byte in data]) == feed([data])


@given(st.lists(st.text(max_size=150), max_size=5))
def test_sound_messages_are_all_heard(texts: list[str]) -> None:
    heard, _ = feed([b"".join(client_frame(0x81, text.encode()) for text in texts)])
    assert heard == texts


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_awaited(data: bytes) -> None:
    try:
        answer = read_frame(data, 0, LIMIT)
    except BrokenFrame:
        return
    if isinstance(answer, int):
        assert len(data) < answer <= LIMIT + 14
    else:
        assert answer[2] <= len(data)
