"""What a client owes has a deadline, what is no HTTP is refused at once, and errors down here look like all others."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import web

from core.base import errors
from core.limits.budget import Rate
from realtime.engine.config import Config
from realtime.engine.door import open_http
from realtime.engine.http import faults
from realtime.engine.http.connection import BODY_LEAST, MAX_HEAD
from realtime.engine.limits.guard import Guard
from realtime.engine.wheel import Wheel
from tests.flow.engine.apps import Story, recorder
from tests.flow.engine.serving import Raw, connected, serving

PLAIN = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
SECRET = "do-not-log-me"
Port = tuple[int, Wheel]


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


async def length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


@asynccontextmanager
async def hub_door(config: Config) -> AsyncIterator[Port]:
    async with serving(config, recorder(Story()), routes=[web.post("/length", length)]) as served:
        yield served.port, served.engine.wheel


@asynccontextmanager
async def api_door(config: Config) -> AsyncIterator[Port]:
    app = web.Application()
    app.add_routes([web.get("/hello", hello), web.post("/length", length)])
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    guard = Guard(config)
    guard.wheel.start()
    server = await open_http(guard, runner.server, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], guard.wheel
    server.close()
    guard.wheel.stop()
    await runner.cleanup()


@pytest.fixture(params=[hub_door, api_door])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[Port]:
    async with request.param(Config()) as port:
        yield port


@pytest.fixture
async def raw(port: Port) -> AsyncIterator[Raw]:
    async with connected(port[0]) as raw:
        yield raw


async def taken(port: Port) -> None:
    """Return when the server has read what was sent before."""
    async with connected(port[0]) as raw:
        raw.send(PLAIN)
        await raw.head()


async def wait_on(port: Port, seconds: float) -> None:
    """Let time pass for deadlines."""
    await taken(port)
    for _ in range(round(seconds / port[1].tick)):
        port[1].turn()


async def answer(raw: Raw) -> tuple[int, object]:
    """The status and the decoded body of the last answer on a connection, which ends with it."""
    head, _, body = (await raw.rest()).partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/json" in lines
    assert b"cache-control: no-store" in lines
    assert not [line for line in lines if line.startswith(b"server:")]
    return int(head.split(b" ")[1]), json.loads(body)


def told(fault: faults.Fault) -> tuple[int, object]:
    return fault.status, {"error": {"code": fault.code, "message": fault.message, "details": []}}


def test_the_codes_are_in_the_table_of_errors() -> None:
    table = {(kind.code, kind.status) for kind in vars(errors).values() if isinstance(kind, errors.ErrorCode)}
    own = [fault for fault in vars(faults).values() if isinstance(fault, faults.Fault)]
    assert {(fault.code, fault.status) for fault in own} <= table


@pytest.mark.parametrize(
    "beginning", [b"\x16\x03\x01", b"\x80", b"hello", b"GET\r\n", b"GET\n", b"A" * 21, b"\x05\x01\x00", b" GET / "]
)
async def test_what_is_no_http_is_refused_at_once(raw: Raw, beginning: bytes) -> None:
    raw.send(beginning)
    assert await answer(raw) == told(faults.BAD_REQUEST)


@pytest.mark.parametrize("beginning", [b"", b"\r\n", b"G", b"GET", b"GET ", b"OPTIONS"])
async def test_an_incomplete_request_line_is_awaited_for_a_bounded_time(port: Port, raw: Raw, beginning: bytes) -> None:
    raw.send(beginning)
    await wait_on(port, 9)
    assert not raw.reader.at_eof()
    await wait_on(port, 2)
    assert await answer(raw) == told(faults.TOO_SLOW)


@pytest.mark.parametrize("before", [b"", PLAIN], ids=["first", "second"])
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (MAX_HEAD + 1) + b"\r\n\r\n",
        b"GET /" + b"x" * MAX_HEAD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: yyyyyyyyyyyyyyy\r\n" * 2000,
    ],
    ids=["field", "line", "many", "endless"],
)
async def test_a_head_that_is_too_large_is_refused_with_431(raw: Raw, before: bytes, head: bytes) -> None:
    if before:
        raw.send(before)
        await raw.head()
        await raw.body(5)
    raw.send(head)
    assert await answer(raw) == told(faults.HEADERS_TOO_LARGE)


@pytest.mark.parametrize("line", [b"Cookie: " + b"a;" * 201, b"If-None-Match: " + b'"a",' * 51])
async def test_a_list_of_too_many_items_is_not_looked_at(raw: Raw, line: bytes) -> None:
    raw.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line + b"\r\n\r\n")
    head, _, body = (await raw.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"\r\nServer:" not in head
    assert json.loads(body) == json.loads(faults.HEADERS_TOO_LARGE.body())


@pytest.mark.parametrize(
    "request_",
    [
        f"GET /{SECRET} HTTP/9.9\r\n\r\n",
        f"GET / HTTP/1.1\r\n{SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nX: \x00{SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX: {SECRET * 2000}\r\n\r\n",
        f"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ{SECRET}\r\n",
    ],
)
async def test_nothing_of_a_request_that_is_refused_is_logged(
    raw: Raw, request_: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        raw.send(request_.encode())
        status, body = await answer(raw)
    assert status in (400, 431)
    assert SECRET not in str(body)
    assert caplog.records == []


async def test_a_second_head_has_a_deadline_too(port: Port, raw: Raw) -> None:
    raw.send(PLAIN)
    await raw.head()
    await raw.body(5)
    raw.send(b"GET /hello HTTP/1.1\r\n")
    await wait_on(port, 5)
    raw.send(b"X: drop by drop\r\n")
    await wait_on(port, 6)
    assert await answer(raw) == told(faults.TOO_SLOW)


async def test_a_second_head_in_time_is_served(port: Port, raw: Raw) -> None:
    for _ in range(3):
        raw.send(PLAIN[:10])
        await wait_on(port, 5)
        raw.send(PLAIN[10:])
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        assert await raw.body(5) == b"hello"
        await wait_on(port, 60)


async def test_a_body_that_does_not_come_is_given_up(port: Port, raw: Raw) -> None:
    raw.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
    await wait_on(port, 30)
    assert await answer(raw) == told(faults.TOO_SLOW)


async def test_a_body_that_comes_on_slowly_is_served(port: Port, raw: Raw) -> None:
    raw.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (BODY_LEAST * 5))
    for _ in range(5):
        await wait_on(port, 15)
        raw.send(b"x" * BODY_LEAST)
    assert (await raw.head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("stops", [False, True])
async def test_a_body_that_we_do_not_take_has_no_deadline_until_the_server_stops(*, stops: bool) -> None:
    taking: asyncio.Queue[web.RequestHandler] = asyncio.Queue()
    gate = asyncio.Event()

    async def busy(request: web.Request) -> web.Response:
        taking.put_nowait(request.protocol)
        await gate.wait()
        return web.Response(text=str(sum([len(part) async for part in request.content.iter_any()])))

    body = bytes(4 * 1024 * 1024)
    async with serving(Config(), recorder(Story()), routes=[web.post("/busy", busy)]) as served:
        port = served.port, served.engine.wheel
        async with connected(served.port) as raw:
            raw.send(b"POST /busy HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
            protocol = await taking.get()
            raw.send(body)
            while not protocol._reading_paused:
                await taken(port)
            await wait_on(port, 300)
            if stops:
                port[1].finish()
            gate.set()
            assert (await raw.head()).startswith(b"HTTP/1.1 408 " if stops else b"HTTP/1.1 200 ")


async def test_a_body_drop_by_drop_is_given_up(port: Port, raw: Raw) -> None:
    raw.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(2):
        raw.send(b"x")
        await wait_on(port, 15)
    assert await answer(raw) == told(faults.TOO_SLOW)


async def test_a_refused_call_does_not_wait_for_its_body(port: Port, raw: Raw) -> None:
    raw.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert (await raw.head()).startswith(b"HTTP/1.1 404 ")
    await wait_on(port, 30)
    assert b"HTTP/1.1" not in await raw.rest()


async def test_a_request_whose_answer_takes_long_has_no_deadline(port: Port) -> None:
    """Such as a poll."""
    gate = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await gate.wait()
        return web.Response(text="at last")

    async with (
        serving(Config(), recorder(Story()), routes=[web.get("/slow", slow)]) as served,
        connected(served.port) as raw,
    ):
        raw.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await wait_on((served.port, served.engine.wheel), 300)
        gate.set()
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("door", [hub_door, api_door])
async def test_of_connections_that_say_nothing_the_oldest_goes_when_its_address_has_too_many(
    door: Callable[[Config], AbstractAsyncContextManager[Port]],
) -> None:
    limited: list[tuple[str, str]] = []
    config = Config(max_heads=2, limited=lambda kind, address: limited.append((kind, address)))
    async with door(config) as port, connected(port[0]) as one, connected(port[0]) as two:
        one.send(b"G")
        two.send(b"G")
        await taken(port)
        head, _, body = (await one.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 1" in head
        assert json.loads(body)["error"]["code"] == "RATE_LIMITED"
        assert limited == [("connections", "127.0.0.1")]
        two.send(PLAIN[1:])
        await two.head()


async def test_of_kept_connections_the_one_that_was_used_longest_ago_goes_when_its_address_has_too_many() -> None:
    async with (
        hub_door(Config(max_kept=2)) as port,
        connected(port[0]) as one,
        connected(port[0]) as two,
        connected(port[0]) as three,
    ):
        for raw in (one, two, one, three):
            raw.send(PLAIN)
            assert b"HTTP/1.1 200 " in await raw.head()
        assert await two.rest() == b"hello"
        one.send(PLAIN)
        assert b"HTTP/1.1 200 " in await one.head()


async def test_proxies_of_ours_and_load_tests_may_have_any_number() -> None:
    for config in (Config(max_heads=0, trusted=lambda _: True), Config(max_heads=0, rates=False)):
        async with hub_door(config) as port:
            await taken(port)


async def test_requests_faster_than_the_budget_are_answered_later() -> None:
    limited: list[tuple[str, str]] = []
    config = Config(traffic=Rate("traffic", 20, 1), limited=lambda kind, address: limited.append((kind, address)))
    async with hub_door(config) as port, connected(port[0]) as raw:
        raw.send(PLAIN * 30)
        for _ in range(30):
            assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
            await raw.body(5)
    assert limited == [("traffic", "127.0.0.1")]


async def test_the_framing_of_small_chunks_is_paid_for_and_worked_off_in_turns() -> None:
    limited: list[tuple[str, str]] = []
    config = Config(traffic=Rate("traffic", 50, 1), limited=lambda kind, address: limited.append((kind, address)))
    head = b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size, is_limited in ((1, True), (1000, False)):
        chunks = b"%x\r\n%b\r\n" % (size, b"x" * size)
        async with hub_door(config) as port, connected(port[0]) as raw:
            raw.send(head + chunks * (600 // size or 5) + b"0\r\n\r\n")
            await raw.head()
        assert bool(limited) == is_limited
        limited.clear()
