"""One client is slowed down or cut off, and the others do not notice."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.streams import StreamReader

from api.calls.pieces import Pieces
from core.limits.budget import Rate
from realtime.engine.config import Config
from realtime.engine.door import RECEIVED
from realtime.engine.session import Session
from realtime.engine.socketio.sockets import socketio
from realtime.engine.transports.frames import text_frame
from realtime.engine.transports.websocket import HIGH_WATER, WebSocket
from tests.flow.engine.apps import Greeter, Story, greeters, recorder, tellers
from tests.flow.engine.serving import (
    PATIENCE,
    Raw,
    Served,
    client_frame,
    connected,
    serving,
    text,
    websocket,
)

MUCH = 8 * 1024
LARGEST = 16 * 1024 * 1024  # more than the kernel keeps for a connection
OPEN = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture
def limited() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


def config(limited: list[tuple[str, str]], **limits: Any) -> Config:
    return Config(limited=lambda kind, address: limited.append((kind, address)), **limits)


async def open_polling(http: aiohttp.ClientSession, served: Served) -> str:
    """Open a session by polling; returns its address."""
    async with http.get(served.url + OPEN) as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    return f"{served.url}{OPEN}&sid={sid}"


def signalling(limited: list[tuple[str, str]], **limits: Any) -> tuple[Config, asyncio.Event]:
    """Likewise, with what is set when a limit is met."""
    met = asyncio.Event()

    def tell(kind: str, address: str) -> None:
        limited.append((kind, address))
        met.set()

    return Config(limited=tell, **limits), met


async def opened(story: Story) -> Session:
    _, session = await story.next()
    assert isinstance(session, Session)
    return session


async def close_code(raw: Raw) -> int:
    """The code of the close frame, which may come after other packets."""
    while (frame := await raw.frame())[0] != 0x88:
        pass
    return int.from_bytes(frame[1][:2])


async def test_a_flood_is_slowed_down_without_losing_packets(limited: list[tuple[str, str]]) -> None:
    story = Story()
    async with (
        serving(config(limited, traffic=Rate("traffic", 30, 1)), recorder(story)) as served,
        websocket(served) as raw,
    ):
        await story.next()
        raw.send(b"".join(text(f"4{number}") for number in range(60)))
        for number in range(60):
            assert await story.next() == ("message", str(number))
    assert limited == [("traffic", "127.0.0.1")]


async def test_a_payload_is_worked_off_no_faster_than_the_budget_allows_and_answered_then(
    limited: list[tuple[str, str]], http: aiohttp.ClientSession
) -> None:
    story = Story()
    async with serving(config(limited, traffic=Rate("traffic", 30, 1)), recorder(story)) as served:
        url = await open_polling(http, served)
        await story.next()
        async with http.post(url, data="\x1e".join(f"4{number}" for number in range(60))) as answer:
            assert (answer.status, await answer.text()) == (200, "ok")
        assert story.told.qsize() == 60
        for number in range(60):
            assert await story.next() == ("message", str(number))
    assert limited == [("traffic", "127.0.0.1")]


async def test_others_are_served_between_the_slices_of_a_payload(http: aiohttp.ClientSession) -> None:
    """Also without rates."""
    story = Story()
    async with serving(Config(rates=False), recorder(story)) as served, websocket(served) as raw:
        await story.next()
        url = await open_polling(http, served)
        _, session = await story.next()
        session.layer.message = lambda _: raw.send(text("4honest"))  # type: ignore[attr-defined]
        async with http.post(url, data="\x1e".join(["4first", *["6"] * 5000, "1"])) as answer:
            assert answer.status == 200
        assert await story.next() == ("message", "honest")
        assert await story.next() == ("closed", "transport close")


async def test_the_kernel_keeps_little_of_what_a_client_sends_while_it_is_not_read() -> None:
    story = Story()
    async with serving(Config(), recorder(story)) as served, websocket(served):
        session = await opened(story)
        assert isinstance(session.transport, WebSocket)
        connection = session.transport.transport.get_extra_info("socket")
        kept = connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert RECEIVED <= kept <= 2 * RECEIVED, "Linux doubles it for what it needs itself"


async def test_a_missing_pong_is_no_offence_while_the_client_is_not_read() -> None:
    story = Story()
    slow = Config(traffic=Rate("traffic", 10, 1), ping_interval=0.2, ping_timeout=0.4)
    async with serving(slow, recorder(story)) as served, websocket(served) as raw:
        await story.next()
        raw.send(text("4x") * 20 + text("3") + text("4last"))
        while (told := await story.next()) == ("message", "x"):
            pass
        assert told == ("message", "last")


async def test_a_client_that_is_gone_ends_though_much_of_it_is_still_to_be_read() -> None:
    story = Story()
    slow = Config(traffic=Rate("traffic", 1, 1000), ping_interval=0.1, ping_timeout=0.1)
    async with serving(slow, recorder(story)) as served:
        async with websocket(served) as raw:
            await story.next()
            raw.send(text("4x") * 1000)
            assert await story.next() == ("message", "x")
            assert await story.next() == ("closed", "ping timeout")
        assert served.engine.sessions == {}


@pytest.mark.parametrize("packet", ["40/nowhere,", '40{"token":"wrong"}'])
async def test_a_few_refused_connects_end_a_websocket(limited: list[tuple[str, str]], packet: str) -> None:
    async with serving(config(limited), greeters) as served, websocket(served) as raw:
        raw.send(text(packet) * 7)
        assert await close_code(raw) == 1008
        assert served.engine.sessions == {}
    assert limited == [("refusals", "127.0.0.1")]


async def test_a_few_refused_connects_may_be_tried_again() -> None:
    async with serving(Config(), greeters) as served, websocket(served) as raw:
        await raw.packet()
        for _ in range(5):
            raw.send(text('40{"token":"wrong"}'))
            assert (await raw.packet()).startswith("44")
        raw.send(text('40{"token":"right"}'))
        assert (await raw.packet()).startswith("40")


async def test_a_few_refused_connects_end_a_polling_session(
    limited: list[tuple[str, str]], http: aiohttp.ClientSession
) -> None:
    async with serving(config(limited), greeters) as served:
        url = await open_polling(http, served)
        async with http.post(url, data="\x1e".join(["40/nowhere,"] * 7)) as answer:
            assert answer.status == 200
        async with http.post(url, data="3") as answer:
            assert answer.status == 400
        assert served.engine.sessions == {}


async def test_the_application_counts_refusals_too(limited: list[tuple[str, str]]) -> None:
    class Refusing(Greeter):
        def on_event(self, *_: object) -> None:
            self.session.count_refusal()

    served_by = serving(config(limited, refusals=Rate("refusals", 3, 1000)), socketio({"/": Refusing}))
    async with served_by as served, websocket(served) as raw:
        raw.send(text('40{"token":"right"}') + text('42["x"]') * 4)
        assert await close_code(raw) == 1008
    assert limited == [("refusals", "127.0.0.1")]


async def test_an_encoded_payload_is_refused_before_it_is_decoded(http: aiohttp.ClientSession) -> None:
    story = Story()
    async with serving(Config(), recorder(story)) as served:
        url = await open_polling(http, served)
        await story.next()
        for encoding in ("gzip", "deflate", "br", "zstd"):
            async with http.post(url, data=b"no matter what", headers={"Content-Encoding": encoding}) as answer:
                assert answer.status == 415
        async with http.post(url, data="4fine", headers={"Content-Encoding": "identity"}) as answer:
            assert answer.status == 200
        assert await story.next() == ("message", "fine")


async def test_a_payload_of_too_many_packets_is_refused_unread(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.engine.transports.polling.MAX_PACKETS", 3)
    story = Story()
    async with serving(Config(), recorder(story)) as served:
        url = await open_polling(http, served)
        await story.next()
        async with http.post(url, data="4a\x1e4b\x1e4c\x1e4d") as answer:
            assert answer.status == 413
        async with http.post(url, data="4a\x1e4b\x1e4c") as answer:
            assert answer.status == 200
        assert [await story.next() for _ in "abc"] == [("message", letter) for letter in "abc"]


async def test_a_second_post_while_the_first_is_held_back_ends_the_session(http: aiohttp.ClientSession) -> None:
    story = Story()
    async with serving(Config(traffic=Rate("traffic", 2, 1000)), recorder(story)) as served:
        url = await open_polling(http, served)
        await story.next()
        async with connected(served.port) as raw:
            path, body = url.removeprefix(served.url), "4a\x1e4b\x1e4c"
            raw.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            assert await story.next() == ("message", "a")
            async with aiohttp.ClientSession() as other, other.post(url, data="4d") as answer:
                assert answer.status == 400
        assert await story.next() == ("message", "b")
        assert await story.next() == ("closed", "transport error")


async def test_of_sessions_that_nobody_knows_the_oldest_goes_when_its_address_has_too_many(
    limited: list[tuple[str, str]], http: aiohttp.ClientSession
) -> None:
    async with serving(config(limited, max_strangers=1), tellers(Story())) as served, websocket(served) as raw:
        await raw.packet()
        async with http.get(served.url + OPEN) as answer:
            assert answer.status == 200
        await raw.rest()
        assert len(served.engine.sessions) == 1
        assert limited == [("sessions", "127.0.0.1")]


SPENT = {"address_traffic": Rate("traffic", 1, 1000), "late": 0.05}


async def test_sessions_opened_too_fast_are_delayed_and_not_refused(
    limited: list[tuple[str, str]], http: aiohttp.ClientSession
) -> None:
    async with serving(config(limited, **SPENT), tellers(Story())) as served, websocket(served) as raw:
        await raw.packet()
        async with http.get(served.url + OPEN) as answer:
            assert answer.status == 200
        async with websocket(served) as another:
            assert (await another.packet()).startswith("0{")
    assert limited == [("traffic", "127.0.0.1")] * 3


async def test_a_login_gives_back_what_its_session_cost_the_address(limited: list[tuple[str, str]]) -> None:
    one = config(
        limited, address_traffic=Rate("traffic", 3, 1000), late=1000.0
    )  # a connection and its session take one each
    async with serving(one, greeters) as served, websocket(served) as raw:
        await raw.packet()
        raw.send(text('40{"token":"right"}'))
        assert (await raw.packet()).startswith("40")
        async with websocket(served) as another:
            assert (await another.packet()).startswith("0{")
    assert limited == []


async def test_an_accepted_client_frees_its_place_and_so_does_one_that_leaves() -> None:
    async with serving(Config(max_strangers=1), greeters) as served:
        for _ in range(3):
            async with websocket(served) as raw:
                await raw.packet()
                raw.send(text('40{"token":"right"}'))
                assert (await raw.packet()).startswith("40")
                async with websocket(served) as other:
                    await other.packet()
                    other.send(text("1"))
                    await other.rest()


@pytest.mark.parametrize("free", [{"trusted": lambda _: True}, {"rates": False}])
async def test_proxies_of_ours_and_load_tests_are_not_counted(free: dict[str, Any]) -> None:
    config = Config(address_traffic=Rate("traffic", 1, 1000), late=1000.0, max_strangers=1, **free)
    async with serving(config, greeters) as served, websocket(served) as one, websocket(served) as two:
        await one.packet()
        await two.packet()


async def test_a_client_that_joins_no_namespace_is_disconnected() -> None:
    async with serving(Config(), greeters) as served, websocket(served) as raw:
        await raw.packet()
        for _ in range(round(10 / served.engine.wheel.tick)):
            served.engine.wheel.turn()
        await raw.rest()
        assert served.engine.sessions == {}


async def test_a_client_without_a_namespace_may_send_short_messages_only() -> None:
    async with serving(Config(), greeters) as served, websocket(served) as raw, websocket(served) as known:
        await raw.packet()
        raw.send(text("40" + " " * 20_000))
        assert await raw.closing() == (1009, "A message may have up to 16384 bytes")
        await known.packet()
        known.send(text('40{"token":"right"}'))
        assert (await known.packet()).startswith("40")
        known.send(text('42["' + "x" * 20_000 + '"]') + text("1"))
        assert (1009).to_bytes(2) not in await known.rest()


async def test_of_messages_that_have_begun_the_largest_goes_when_its_address_has_too_many_bytes(
    limited: list[tuple[str, str]],
) -> None:
    async with (
        serving(config(limited, max_held=100_000), recorder(Story())) as served,
        websocket(served) as large,
        websocket(served) as small,
    ):
        message = text("4" + "x" * 42_000)
        await small.packet()
        small.send(message[:40_000])
        await large.packet()
        large.send(text("4" + "x" * 90_000)[:70_000])
        assert (1009).to_bytes(2) in await large.rest()
        assert limited == [("unfinished", "127.0.0.1")]
        small.send(message[40_000:] + text("1"))
        assert (1009).to_bytes(2) not in await small.rest()
        assert served.engine.guard.held._of == {}


async def test_a_packet_that_lacks_attachments_counts_as_a_message_that_has_begun(
    limited: list[tuple[str, str]],
) -> None:
    begun = text('452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    async with serving(config(limited, max_held=100_000), greeters) as served:
        async with websocket(served) as large, websocket(served) as small:
            for raw in (large, small):
                await raw.packet()
                raw.send(text('40{"token":"right"}'))
                await raw.packet()
            small.send(begun + client_frame(0x82, bytes(40_000)))
            large.send(begun + client_frame(0x82, bytes(70_000)))
            assert await close_code(large) == 1009
            assert limited == [("unfinished", "127.0.0.1")]
            small.send(client_frame(0x82, b"x") + text("1"))
            assert (1009).to_bytes(2) not in await small.rest()
        assert not served.engine.guard.held._of


async def test_of_clients_that_do_not_read_the_one_with_most_waiting_goes_when_its_address_has_too_much(
    limited: list[tuple[str, str]], http: aiohttp.ClientSession
) -> None:
    story = Story()
    async with serving(config(limited, max_unread=16 * MUCH), recorder(story)) as served:
        sessions = []
        for _ in range(2):
            await open_polling(http, served)
            sessions.append(await opened(story))
        large, small = sessions
        small.write(bytes(5 * MUCH))
        large.write(bytes(10 * MUCH))
        assert limited == []
        small.write(bytes(2 * MUCH))
        assert limited == [("unread", "127.0.0.1")]
        assert list(served.engine.sessions.values()) == [small]
        small.close("transport close")
        served.engine.wheel.finish()
        assert not served.engine.guard.unread._of


async def test_a_websocket_that_does_not_read_is_hung_up_on_when_too_much_waits_for_it(
    limited: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.engine.transports.websocket.HIGH_WATER", MUCH)
    monkeypatch.setattr("realtime.engine.transports.websocket.OVERFLOW", 4 * MUCH)
    story = Story()
    async with serving(config(limited), recorder(story)) as served, websocket(served) as raw:
        await raw.packet()
        session = await opened(story)
        while not session.behind:  # until the kernel takes no more
            session.write(text_frame(bytes(MUCH)))
        assert await story.next() == ("fell behind",)
        for _ in range(4):
            session.write(text_frame(bytes(MUCH)))
        assert await story.next() == ("closed", "transport error")
        assert limited == [("unread", "127.0.0.1")]
        with suppress(ConnectionError):
            await raw.rest()
        assert not served.engine.guard.unread._of
        assert not served.engine.guard.shares._counts


@pytest.mark.parametrize("body", [bytes, Pieces], ids=["at once", "in pieces"])
async def test_an_answer_that_is_not_read_is_counted_as_a_whole_and_the_largest_goes(
    body: Callable[[bytes], bytes | Pieces], limited: list[tuple[str, str]]
) -> None:
    async def much(_: web.Request) -> web.Response:
        return web.Response(body=body(bytes(LARGEST)))

    told, met = signalling(limited, max_unread=128 * MUCH)
    async with serving(told, recorder(Story()), routes=[web.get("/much", much)]) as served:
        async with connected(served.port) as raw:
            raw.send(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                await met.wait()
        assert limited == [("unread", "127.0.0.1")]
        assert not served.engine.guard.unread._of


async def test_what_has_come_of_a_body_is_dropped_with_its_connection_whatever_still_holds_the_request() -> None:
    begun, bodies = asyncio.Event(), asyncio.Queue[StreamReader]()

    async def take(request: web.Request) -> web.Response:
        begun.set()
        with suppress(web.RequestPayloadError, OSError):
            await request.content.wait_eof()
        await bodies.put(request.content)
        return web.Response()

    async with serving(Config(), recorder(Story()), routes=[web.post("/take", take)]) as served:
        async with connected(served.port) as raw, asyncio.timeout(PATIENCE):
            raw.send(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + bytes(6 * MUCH))
            await begun.wait()
        async with asyncio.timeout(PATIENCE):
            body = await bodies.get()
        assert body.exception()
        assert not body._buffer


async def test_a_disconnected_client_is_not_served_after_its_delay(limited: list[tuple[str, str]]) -> None:
    waits, ended = asyncio.Event(), asyncio.Event()

    async def refuse(request: web.Request) -> web.Response:
        waits.set()
        with suppress(OSError, web.HTTPException):
            await request.read()
        ended.set()
        return web.Response(status=400)

    told = config(limited, refusals=Rate("refusals", 1, 3600), late=3600.0)
    async with serving(told, recorder(Story()), routes=[web.post("/refuse", refuse)]) as served:
        head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        async with connected(served.port) as first:
            first.send(head % 0)
            await first.head()
        waits.clear()
        ended.clear()
        async with connected(served.port) as raw:
            raw.send(head % 9)
            async with asyncio.timeout(PATIENCE):
                await waits.wait()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        assert not served.engine.guard.late._guests


async def test_a_payload_waits_while_its_client_does_not_poll(http: aiohttp.ClientSession) -> None:
    story = Story()
    async with serving(Config(), recorder(story)) as served:
        url = await open_polling(http, served)
        session = await opened(story)
        session.write(text_frame(b"4" + b"x" * HIGH_WATER))
        assert await story.next() == ("fell behind",)
        posting = asyncio.create_task(http.post(url, data="4hello"))
        async with connected(served.port) as other:
            other.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            await other.head()
        assert story.told.empty()
        async with http.get(url) as answer:
            await answer.read()
        assert {await story.next(), await story.next()} == {("caught up",), ("message", "hello")}
        assert (await posting).status == 200


async def begin_post(raw: Raw, served: Served, url: str) -> None:
    """Send the beginning of a payload, and return when the rest is waited for."""
    path = url.removeprefix(served.url)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n4half"
    raw.send(head.encode())
    assert (await raw.head()).startswith(b"HTTP/1.1 100 ")


async def test_a_payload_that_is_still_coming_ends_with_its_session(http: aiohttp.ClientSession) -> None:
    story = Story()
    async with serving(Config(), recorder(story)) as served, connected(served.port) as raw:
        url = await open_polling(http, served)
        session = await opened(story)
        await begin_post(raw, served, url)
        session.close("transport close")
        assert (await raw.head()).startswith(b"HTTP/1.1 400 ")


async def test_a_payload_has_come_in_time_or_is_refused(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.engine.transports.polling.POST_TIME", 0.05)
    story = Story()
    async with serving(Config(), recorder(story)) as served, connected(served.port) as raw:
        url = await open_polling(http, served)
        session = await opened(story)
        await begin_post(raw, served, url)
        assert (await raw.head()).startswith(b"HTTP/1.1 408 ")
        assert session.sid in served.engine.sessions
