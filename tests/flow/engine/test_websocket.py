"""RFC 6455, also against clients that do not keep to it."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from realtime.engine.config import Config
from tests.flow.engine.apps import Story, recorder
from tests.flow.engine.serving import Raw, Served, client_frame, serving, text, websocket

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
MAX = 100_000


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
async def served(story: Story) -> AsyncIterator[Served]:
    async with serving(Config(max_payload=MAX), recorder(story)) as served:
        yield served


@pytest.fixture
async def raw(served: Served, story: Story) -> AsyncIterator[Raw]:
    async with websocket(served) as raw:
        await raw.packet()
        await story.next()
        yield raw


async def test_frames_may_come_byte_by_byte(raw: Raw, story: Story) -> None:
    for byte in text("4hello") + client_frame(BINARY, b"x" * 300) + text("4bye"):
        raw.send(bytes((byte,)))
        await raw.writer.drain()
    assert await story.next() == ("message", "hello")
    assert await story.next() == ("message", b"x" * 300)
    assert await story.next() == ("message", "bye")


async def test_many_frames_may_come_at_once(raw: Raw, story: Story) -> None:
    raw.send(b"".join(text(f"4{number}") for number in range(1000)))
    for number in range(1000):
        assert await story.next() == ("message", str(number))


async def test_a_message_may_come_in_fragments_with_control_frames_between(raw: Raw, story: Story) -> None:
    raw.send(client_frame(0x01, b"4he") + client_frame(PING, b"1") + client_frame(0x00, b"") + client_frame(PONG, b""))
    raw.send(client_frame(0x00, "llö".encode()[:-1]) + client_frame(PING, b"2") + client_frame(0x80, "ö".encode()[1:]))
    assert await story.next() == ("message", "hellö")
    assert await raw.frame() == (PONG, b"1")
    assert await raw.frame() == (PONG, b"2")
    raw.send(client_frame(0x02, b"") + client_frame(0x80, b"\x00\x01"))
    assert await story.next() == ("message", b"\x00\x01")


async def test_a_message_may_be_as_large_as_announced(raw: Raw, story: Story) -> None:
    raw.send(text("4" + "x" * (MAX - 1)))
    assert await story.next() == ("message", "x" * (MAX - 1))


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (client_frame(TEXT, b"4" + bytes(MAX)), 1009),
        (client_frame(0x01, b"4" + bytes(MAX - 1)) + client_frame(0x80, b"x"), 1009),
        (b"\x81\xff\x7f" + b"\xff" * 7, 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),
        (b"\x81\x054hell", 1002),
        (text("4a") + b"\x81\x054hell", 1002),
        (client_frame(0xC1, b"4x"), 1002),
        (client_frame(0xA1, b"4x"), 1002),
        (client_frame(0x91, b"4x"), 1002),
        (client_frame(0x83, b"4x"), 1002),
        (client_frame(0x8B, b"4x"), 1002),
        (client_frame(0x8F, b"4x"), 1002),
        (client_frame(0x80, b"4x"), 1002),
        (client_frame(0x00, b"4x"), 1002),
        (client_frame(0x01, b"4x") + text("4x"), 1002),
        (client_frame(0x01, b"") + text("4x"), 1002),
        (client_frame(0x01, b"4x") + client_frame(0x02, b"4x"), 1002),
        (client_frame(0x09, b""), 1002),
        (client_frame(0x08, b""), 1002),
        (client_frame(PING, bytes(126)), 1002),
        (client_frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
        (client_frame(CLOSE, b"\x03"), 1002),
        (client_frame(TEXT, b"4\xff"), 1007),
        (client_frame(TEXT, b"4\xc3"), 1007),
        (client_frame(TEXT, b"4\xed\xa0\x80"), 1007),
        (client_frame(TEXT, b"4" + b"\xff" * 200), 1007),
        (client_frame(0x01, b"4\xc3") + client_frame(0x80, b"x"), 1007),
        (client_frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ],
    ids=count(),  # the frames are masked at random, and all test processes must name the cases alike
)
async def test_a_broken_frame_closes_with_the_code_that_says_why(
    raw: Raw, story: Story, frames: bytes, code: int
) -> None:
    raw.send(frames + text("4never heard"))
    assert await raw.close_code() == code
    if (end := await story.next())[0] == "message":
        assert end == ("message", "a")
        end = await story.next()
    assert end == ("closed", "transport error")
    assert story.told.empty()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
async def test_a_close_code_that_must_not_be_sent_is_answered_with_1002(raw: Raw, code: int) -> None:
    raw.send(client_frame(CLOSE, code.to_bytes(2)))
    assert await raw.close_code() == 1002


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
async def test_a_close_frame_is_answered_with_its_code(raw: Raw, story: Story, code: int) -> None:
    raw.send(client_frame(CLOSE, code.to_bytes(2) + "grüezi".encode()) + text("4never heard"))
    assert await raw.close_code() == code
    assert await story.next() == ("closed", "transport close")
    assert story.told.empty()


async def test_a_close_without_a_code_is_answered_with_1000(raw: Raw) -> None:
    raw.send(client_frame(CLOSE, b""))
    assert await raw.close_code() == 1000


async def test_a_connection_closed_without_a_close_frame_is_noticed(raw: Raw, served: Served, story: Story) -> None:
    raw.writer.close()
    assert await story.next() == ("closed", "transport close")
    assert served.engine.sessions == {}


async def test_a_client_that_resets_the_connection_is_noticed(raw: Raw, served: Served, story: Story) -> None:
    raw.writer.transport.abort()
    end, _ = await story.next()
    assert end == "closed"
    assert served.engine.sessions == {}


async def test_half_a_frame_and_a_hang_up_is_no_message(raw: Raw, story: Story) -> None:
    raw.send(text("4hello")[:-2])
    raw.writer.write_eof()
    assert await story.next() == ("closed", "transport close")
