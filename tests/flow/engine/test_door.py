"""One port for all: WebSockets go to the engine, everything else to aiohttp, however the bytes arrive."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from realtime.engine.config import Config
from realtime.engine.http.connection import MAX_HEAD
from tests.flow.engine.apps import Story, recorder
from tests.flow.engine.serving import ACCEPT, Served, connected, serving, text, upgrade_head, websocket

PLAIN = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
async def served(story: Story) -> AsyncIterator[Served]:
    async with serving(Config(origins=("https://friend.example",)), recorder(story)) as served:
        yield served


async def test_a_plain_request_goes_to_the_application(served: Served) -> None:
    async with connected(served.port) as raw:
        raw.send(PLAIN)
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        assert await raw.body(5) == b"hello"


async def test_a_head_may_come_byte_by_byte(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        for byte in upgrade_head(served.port):
            raw.send(bytes((byte,)))
            await raw.writer.drain()
            await asyncio.sleep(0)
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert ACCEPT in head
        assert (await raw.packet()).startswith("0{")
        raw.send(text("4hello"))
        assert (await story.next())[0] == "opened"
        assert await story.next() == ("message", "hello")


async def test_a_head_and_first_frames_may_come_in_one_segment(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        second = text("4two")
        raw.send(upgrade_head(served.port) + text("4one") + second[:3])
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        raw.send(second[3:])
        await story.next()
        assert await story.next() == ("message", "one")
        assert await story.next() == ("message", "two")


async def test_compression_is_never_agreed(served: Served) -> None:
    async with connected(served.port) as raw:
        raw.send(upgrade_head(served.port))
        assert b"extensions" not in (await raw.head()).lower()


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io", "/ws", "/ws/"])
async def test_every_served_path_works_with_and_without_a_slash(served: Served, path: str) -> None:
    async with websocket(served, f"{path}?EIO=4&transport=websocket") as raw:
        assert (await raw.packet()).startswith("0{")


async def test_an_upgrade_may_come_on_a_connection_kept_alive_by_aiohttp(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        for _ in range(2):
            raw.send(PLAIN)
            await raw.head()
            assert await raw.body(5) == b"hello"
        raw.send(upgrade_head(served.port))
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert ACCEPT in head
        opened = await raw.packet()
        assert json.loads(opened[1:])["sid"] in served.engine.sessions
        await story.next()
        for number in range(3):
            raw.send(text(f"4{number}"))
            assert await story.next() == ("message", str(number))


async def test_an_upgrade_on_a_kept_connection_loses_no_early_frames(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        raw.send(PLAIN + upgrade_head(served.port) + text("4early") + text("4bird"))
        await raw.head()
        await raw.body(5)
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        await story.next()
        assert await story.next() == ("message", "early")
        assert await story.next() == ("message", "bird")


async def test_a_long_head_on_a_kept_connection_loses_no_early_frames(served: Served, story: Story) -> None:
    """Heads are parsed a kilobyte at a time."""
    async with connected(served.port) as raw:
        raw.send(PLAIN)
        await raw.head()
        await raw.body(5)
        raw.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", f"X: {'x' * 900}") + text("4early"))
        raw.send(text("4bird" + "x" * 3000) + text("4late"))
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        await story.next()
        assert await story.next() == ("message", "early")
        assert await story.next() == ("message", "bird" + "x" * 3000)
        assert await story.next() == ("message", "late")


async def test_a_session_can_be_upgraded_on_the_connection_that_polled(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        raw.send(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await raw.head()
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        sid = json.loads((await raw.body(size))[1:])["sid"]
        raw.send(upgrade_head(served.port, f"/socket.io/?EIO=4&transport=websocket&sid={sid}"))
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        raw.send(text("2probe"))
        assert await raw.packet() == "3probe"
        raw.send(text("5") + text("4over"))
        await story.next()
        assert await story.next() == ("message", "over")


async def test_aiohttp_lets_go_of_a_connection_that_became_a_websocket(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        raw.send(PLAIN + upgrade_head(served.port))
        await raw.head()
        await raw.body(5)
        await raw.head()
        await raw.packet()
        await story.next()
        raw.writer.close()
        assert await story.next() == ("closed", "transport close")


async def test_requests_may_be_pipelined(served: Served) -> None:
    async with connected(served.port) as raw:
        raw.send(PLAIN * 3)
        for _ in range(3):
            assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
            assert await raw.body(5) == b"hello"


async def test_a_body_may_follow_its_head_late(served: Served) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{served.url}/socket.io/?EIO=4&transport=polling") as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    async with connected(served.port) as raw:
        raw.send(
            f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n".encode()
        )
        for part in (b"4he", b"llo"):
            await raw.writer.drain()
            raw.send(part)
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"hello you\r\n\r\n", b"\x00" * 99 + b"\r\n\r\n"],
)
async def test_garbage_is_refused_and_closed(served: Served, garbage: bytes) -> None:
    async with connected(served.port) as raw:
        raw.send(garbage)
        assert (await raw.rest()).split(b" ")[1] == b"400"


async def test_a_head_that_does_not_end_is_refused(served: Served) -> None:
    async with connected(served.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD)
        assert (await raw.rest()).startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_does_not_come_is_given_up(served: Served) -> None:
    async with connected(served.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\n")
        await _quiet(served)
        served.engine.wheel.finish()
        assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")


async def _quiet(served: Served) -> None:
    """Return when the server has taken what was sent before."""
    async with connected(served.port) as raw:
        raw.send(PLAIN)
        await raw.head()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Origin: https://foe.example",), b"403"),
        (("Origin: https://friend.example",), b"101"),
        (("Origin: http://friend.example",), b"403"),
        (("Origin: null",), b"403"),
        ((), b"101"),
    ],
)
async def test_a_websocket_must_come_from_an_allowed_origin(
    served: Served, headers: tuple[str, ...], status: bytes
) -> None:
    async with connected(served.port) as raw:
        raw.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", *headers))
        assert (await raw.head()).split(b" ")[1] == status


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host: app.example", "Forwarded: for=1.2.3.4;host=app.example;proto=https"]
)
@pytest.mark.parametrize(("trusted", "status"), [(True, b"101"), (False, b"403")])
async def test_a_page_of_the_host_that_a_trusted_proxy_was_asked_for_may_connect(
    name: str, *, trusted: bool, status: bytes
) -> None:
    refused: list[tuple[str, str]] = []
    config = Config(
        origins=(), trusted=lambda _address: trusted, refused_origin=lambda *what: refused.append(what), paths=("/ws",)
    )
    async with serving(config, recorder(Story())) as served, connected(served.port) as raw:
        head = upgrade_head(served.port, "/ws?EIO=4&transport=websocket", "Origin: https://App.Example:443", name)
        raw.send(head)
        assert (await raw.head()).split(b" ")[1] == status
        host = f"127.0.0.1:{served.port}"
        assert refused == ([] if trusted else [("https://App.Example:443", host)])


async def test_a_header_on_two_lines_means_the_same_as_on_one(served: Served) -> None:
    head = upgrade_head(served.port).replace(
        b"Connection: keep-alive, Upgrade", b"Connection: keep-alive\r\nConnection: Upgrade"
    )
    async with connected(served.port) as raw:
        raw.send(head)
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")


async def test_our_own_pages_may_always_connect(served: Served) -> None:
    async with connected(served.port) as raw:
        own = f"Origin: http://127.0.0.1:{served.port}"
        raw.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", own))
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Key: short"),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"X: y"),
        (b"Connection: keep-alive, Upgrade", b"Connection: keep-alive"),
        (b"Upgrade: websocket", b"Upgrade: h2c"),
    ],
)
async def test_a_bad_websocket_request_gets_a_400(served: Served, old: bytes, new: bytes) -> None:
    async with connected(served.port) as raw:
        raw.send(upgrade_head(served.port).replace(old, new))
        assert (await raw.head()).startswith(b"HTTP/1.1 400 ")
    assert served.engine.sessions == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Upgrade: websocket", b"upgrade:WebSocket"),
        (b"Connection: keep-alive, Upgrade", b"connection: UPGRADE"),
        (b"Connection: keep-alive, Upgrade", b"Accept: a\r\nAccept: b\r\nConnection: Upgrade"),
        (b"HTTP/1.1\r\n", b"HTTP/1.1\r\nX-Empty:\r\n"),
    ],
)
async def test_a_websocket_request_may_be_spelled_in_many_ways(served: Served, old: bytes, new: bytes) -> None:
    async with connected(served.port) as raw:
        raw.send(upgrade_head(served.port).replace(old, new))
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        assert (await raw.packet()).startswith("0{")


async def test_a_session_knows_the_address_and_user_agent_of_its_client(served: Served, story: Story) -> None:
    async with connected(served.port) as raw:
        raw.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", "User-Agent: Tester/1.0 (ä)"))
        await raw.head()
        _, session = await story.next()
        assert session.remote == "127.0.0.1"  # type: ignore[attr-defined]
        assert session.user_agent == "Tester/1.0 (??)"  # type: ignore[attr-defined]
