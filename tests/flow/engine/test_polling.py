"""Long-polling over real HTTP: bodies in pieces, pages of other origins, clients that do not poll."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from realtime.engine.config import Config
from realtime.engine.session import SHUTTING_DOWN, Session
from realtime.engine.transports.frames import text_frame
from realtime.engine.transports.polling import Polling
from realtime.engine.transports.websocket import HIGH_WATER, OVERFLOW
from tests.flow.engine.apps import Story, recorder
from tests.flow.engine.serving import Served, connected, serving

FRIEND, FOE = "https://friend.example", "https://foe.example"
OPEN = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
async def served(story: Story) -> AsyncIterator[Served]:
    async with serving(Config(origins=(FRIEND,), max_payload=100_000), recorder(story)) as served:
        yield served


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
async def session(served: Served, story: Story, http: aiohttp.ClientSession) -> Session:
    """A session by polling."""
    async with http.get(served.url + OPEN) as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    await story.next()
    return served.engine.sessions[sid]


@pytest.fixture
def poll_waits(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a poll waits for something to say."""
    event = asyncio.Event()
    wait = Polling._wait

    async def tell_and_wait(polling: Polling) -> None:
        event.set()
        await wait(polling)

    monkeypatch.setattr(Polling, "_wait", tell_and_wait)
    return event


def url(served: Served, session: Session) -> str:
    return f"{served.url}{OPEN}&sid={session.sid}"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_in_many_segments_is_one_payload(
    served: Served, session: Session, story: Story, chunked: bool
) -> None:
    async with connected(served.port) as raw:
        length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 2001"
        raw.send(f"POST {OPEN}&sid={session.sid} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
        for piece in (b"4" + b"x" * 700, b"y" * 700, b"z" * 600):
            await raw.writer.drain()
            await asyncio.sleep(0)
            raw.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            raw.send(b"0\r\n\r\n")
        assert await story.next() == ("message", "x" * 700 + "y" * 700 + "z" * 600)
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_the_announced_size_is_refused_before_it_is_read(
    served: Served, session: Session, chunked: bool
) -> None:
    async with connected(served.port) as raw:
        length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000000000"
        raw.send(f"POST {OPEN}&sid={session.sid} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
        if chunked:
            raw.send(b"%x\r\n" % 200_000 + b"x" * 200_000)
        assert (await raw.head()).startswith(b"HTTP/1.1 413 ")
    assert session.sid in served.engine.sessions


async def test_two_posts_at_once_end_the_session(
    served: Served, session: Session, story: Story, http: aiohttp.ClientSession
) -> None:
    async with connected(served.port) as raw:
        raw.send(f"POST {OPEN}&sid={session.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n4he".encode())
        statuses = [200]
        while statuses[-1] == 200:  # until the first post has begun to be read
            async with http.post(url(served, session), data="4x") as answer:
                statuses.append(answer.status)
        assert statuses[-1] == 400
        raw.send(b"llo")
        assert (await raw.head()).startswith(b"HTTP/1.1 400 ")
    while (last := await story.next()) == ("message", "x"):
        pass
    assert last == ("closed", "transport error")


async def test_what_is_said_in_one_turn_comes_in_one_payload(
    served: Served, session: Session, http: aiohttp.ClientSession
) -> None:
    session.send(b"one")
    session.send_binary(b"\x01\x02\x03\x04")
    session.send("drü".encode())
    async with http.get(url(served, session)) as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.text() == "4one\x1ebAQIDBA==\x1e4drü"


async def test_a_close_answers_the_waiting_poll_with_the_remaining_packets(
    served: Served, session: Session, story: Story, http: aiohttp.ClientSession, poll_waits: asyncio.Event
) -> None:
    polled = asyncio.ensure_future(http.get(url(served, session)))
    await poll_waits.wait()
    session.send(b"bye")
    session.close("forced server close")
    async with await polled as answer:
        assert await answer.text() == "4bye"
    async with http.post(url(served, session), data="4late") as answer:
        assert answer.status == 400
    async with http.get(url(served, session)) as answer:
        assert await answer.text() == "1"
    async with http.get(url(served, session)) as answer:
        assert answer.status == 400
    assert await story.next() == ("closed", "forced server close")


async def test_remaining_packets_wait_for_the_next_poll(
    served: Served, session: Session, http: aiohttp.ClientSession
) -> None:
    session.send(b"bye")
    session.close("forced server close")
    for expected in ("4bye", "1"):
        async with http.get(url(served, session)) as answer:
            assert await answer.text() == expected
    assert served.engine.unfetched == {}


@pytest.mark.parametrize("said", [b"restarting", b""])
async def test_a_server_that_stops_forgets_the_session_after_the_last_words(
    served: Served, session: Session, http: aiohttp.ClientSession, said: bytes
) -> None:
    if said:
        session.send(said)
    session.close(SHUTTING_DOWN)
    async with http.get(url(served, session)) as answer:
        assert await answer.text() == (f"4{said.decode()}" if said else "6")
    async with http.get(url(served, session)) as answer:
        assert answer.status == 400, "no close packet, after which a Python client does not come back"
    assert served.engine.unfetched == {}


async def test_remaining_packets_wait_for_a_bounded_time(
    served: Served, session: Session, http: aiohttp.ClientSession
) -> None:
    session.send(b"bye")
    session.close("forced server close")
    served.engine.wheel.finish()
    async with http.get(url(served, session)) as answer:
        assert answer.status == 400


async def test_a_client_that_hangs_up_while_it_polls_loses_its_session_not_a_message(
    served: Served, session: Session, story: Story, poll_waits: asyncio.Event
) -> None:
    async with connected(served.port) as raw:
        raw.send(f"GET {OPEN}&sid={session.sid} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await poll_waits.wait()
        raw.writer.close()
    async with connected(served.port) as raw:  # the server has seen the end of the first by the time it answers this
        raw.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        await raw.head()
    session.send(b"are you there?")
    assert await story.next() == ("closed", "transport error")


async def test_a_client_that_does_not_poll_is_behind_until_it_does(
    served: Served, session: Session, story: Story, http: aiohttp.ClientSession
) -> None:
    session.write(text_frame(b"4" + b"x" * HIGH_WATER))
    assert session.behind
    assert await story.next() == ("fell behind",)
    async with http.get(url(served, session)) as answer:
        assert len(await answer.text()) == HIGH_WATER + 1
    assert await story.next() == ("caught up",)
    assert not session.behind


async def test_what_waits_for_a_client_that_never_polls_is_bounded(
    served: Served, session: Session, story: Story
) -> None:
    for _ in range(OVERFLOW // 100_000 + 1):
        session.write(text_frame(bytes(100_000)))
    assert await story.next() == ("fell behind",)
    assert await story.next() == ("closed", "transport error")
    assert served.engine.sessions == {}


async def test_a_client_that_is_behind_catches_up_by_its_upgrade(
    served: Served, session: Session, story: Story, http: aiohttp.ClientSession
) -> None:
    session.write(text_frame(b"4" + b"x" * HIGH_WATER))
    websocket = await http.ws_connect(f"{served.url}/socket.io/?EIO=4&transport=websocket&sid={session.sid}")
    await websocket.send_str("2probe")
    await websocket.receive_str()
    await websocket.send_str("5")
    assert len(await websocket.receive_str()) == HIGH_WATER + 1
    assert [await story.next() for _ in range(2)] == [("fell behind",), ("caught up",)]
    assert not session.behind


async def test_an_allowed_page_may_read_the_answers(served: Served, http: aiohttp.ClientSession) -> None:
    async with http.get(served.url + OPEN, headers={"Origin": FRIEND}) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Vary"] == "Origin"


async def test_a_session_that_begins_by_polling_has_a_cookie_for_proxies(
    served: Served, http: aiohttp.ClientSession
) -> None:
    async with http.get(served.url + OPEN) as answer:
        cookie = answer.cookies["io"]
        assert cookie.value in served.engine.sessions
        assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Lax")


async def test_an_allowed_page_may_ask_first(served: Served, http: aiohttp.ClientSession) -> None:
    headers = {"Origin": FRIEND, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-custom"}
    async with http.options(served.url + OPEN, headers=headers) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
        assert answer.headers["Access-Control-Allow-Headers"] == "x-custom"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_another_page_may_not_connect(served: Served, http: aiohttp.ClientSession, method: str) -> None:
    async with http.request(method, served.url + OPEN, headers={"Origin": FOE}) as answer:
        assert answer.status == 403
        assert await answer.json() == {"code": 4, "message": "Forbidden: pages of this origin may not connect"}
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert served.engine.sessions == {}


async def test_any_page_may_connect_where_all_are_allowed(story: Story, http: aiohttp.ClientSession) -> None:
    async with (
        serving(Config(), recorder(story)) as served,
        http.get(served.url + OPEN, headers={"Origin": FOE}) as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
