"""The life of a session: heartbeats, clients that do not read, the end of the server."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from realtime.engine.config import Config
from realtime.engine.session import Session
from realtime.engine.transports.frames import text_frame
from tests.flow.engine.apps import Story, recorder
from tests.flow.engine.serving import PATIENCE, Served, connected, serving, text, websocket

MUCH = 16 * 1024 * 1024  # more than the kernel keeps for a connection


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
async def served(story: Story) -> AsyncIterator[Served]:
    async with serving(Config(), recorder(story)) as served:
        yield served


async def session_of(story: Story) -> Session:
    what, session = await story.next()
    assert what == "opened"
    return cast("Session", session)


async def test_what_is_written_at_once_and_in_one_turn_keeps_its_order(served: Served, story: Story) -> None:
    async with websocket(served) as raw:
        await raw.packet()
        session = await session_of(story)
        session.send(b"2")
        session.write(text_frame(b"4at once"))
        session.send_binary(b"3")
        assert [await raw.frame() for _ in range(3)] == [(0x81, b"4at once"), (0x81, b"42"), (0x82, b"3")]


async def test_what_was_said_before_the_close_is_heard(served: Served, story: Story) -> None:
    async with websocket(served) as raw:
        await raw.packet()
        session = await session_of(story)
        session.send(b"last")
        session.close("forced server close", 4001)
        session.send(b"too late")
        session.write(text_frame(b"4too late"))
        session.close("again")
        assert await raw.packet() == "4last"
        assert await raw.close_code() == 4001
    assert await story.next() == ("closed", "forced server close")
    assert story.told.empty()


async def test_a_client_that_never_reads_is_behind_and_costs_nobody_else(served: Served, story: Story) -> None:
    async with websocket(served) as deaf, websocket(served) as other:
        await deaf.packet()
        await other.packet()
        sessions = [await session_of(story), await session_of(story)]
        slow, quick = sessions
        slow.write(text_frame(bytes(MUCH)))
        assert slow.behind
        assert await story.next() == ("fell behind",)
        served.engine.outbox.broadcast(sessions, text_frame(b"4news"))
        assert await other.packet() == "4news"
        assert not quick.behind
        assert len((await deaf.frame())[1]) == MUCH
        assert await story.next() == ("caught up",)
        served.engine.outbox.broadcast(sessions, text_frame(b"4more"))
        assert await deaf.packet() == "4more"


async def test_a_client_that_does_not_read_answers_is_not_read_either(served: Served, story: Story) -> None:
    async with websocket(served) as raw:
        await raw.packet()
        session = await session_of(story)
        session.write(text_frame(bytes(MUCH)))
        assert await story.next() == ("fell behind",)
        raw.send(text("4is anybody there?"))
        async with connected(served.port) as other:
            other.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            await other.head()
        assert story.told.empty()
        await raw.frame()
        assert {await story.next(), await story.next()} == {("caught up",), ("message", "is anybody there?")}


async def test_a_client_that_never_reads_is_closed_by_its_heartbeat(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.engine.transports.websocket.OVERFLOW", MUCH)
    async with (
        serving(Config(ping_interval=0.1, ping_timeout=0.1), recorder(story)) as served,
        websocket(served) as raw,
    ):
        await raw.packet()
        session = await session_of(story)
        session.write(text_frame(bytes(MUCH)))
        assert await story.next() == ("fell behind",)
        assert await story.next() == ("closed", "ping timeout")
        assert served.engine.sessions == {}


async def test_a_client_that_answers_pings_stays(story: Story) -> None:
    async with (
        serving(Config(ping_interval=0.1, ping_timeout=0.1), recorder(story)) as served,
        websocket(served) as raw,
    ):
        await raw.packet()
        await session_of(story)
        for _ in range(5):
            assert await raw.packet() == "2"
            raw.send(text("3"))
        assert len(served.engine.sessions) == 1
        assert await raw.packet() == "2"
        assert await story.next() == ("closed", "ping timeout")


async def test_pongs_that_were_not_asked_for_do_not_put_off_the_ping(story: Story) -> None:
    async with (
        serving(Config(ping_interval=0.2, ping_timeout=10.0), recorder(story)) as served,
        websocket(served) as raw,
    ):
        await raw.packet()
        await session_of(story)
        pinged = asyncio.create_task(raw.packet())
        while not pinged.done():
            raw.send(text("3") + text("4tick"))
            assert await story.next() == ("message", "tick")
        assert await pinged == "2"


async def test_the_server_closes_all_sessions_when_it_stops(story: Story) -> None:
    async with serving(Config(), recorder(story)) as served, aiohttp.ClientSession() as http:
        async with websocket(served) as raw:
            await raw.packet()
            async with http.get(f"{served.url}/ws?EIO=4&transport=polling") as answer:
                await answer.text()
            sessions = [await session_of(story), await session_of(story)]
            sessions[0].send(b"last")
            stopping = asyncio.create_task(served.engine.stop())
            assert await raw.packet() == "4last"
            assert await raw.close_code() == 1001
            raw.writer.close()
            async with asyncio.timeout(PATIENCE):
                await stopping
        assert {await story.next(), await story.next()} == {("closed", "server shutting down")}
        assert served.engine.sessions == {}
        async with http.get(f"{served.url}/ws?EIO=4&transport=polling") as answer:
            assert answer.status == 503


async def test_the_server_does_not_wait_for_clients_that_never_hang_up(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.engine.engine.STOP_TIME", 0.1)
    async with serving(Config(), recorder(story)) as served, websocket(served) as raw, connected(served.port) as silent:
        await raw.packet()
        (await session_of(story)).write(text_frame(bytes(MUCH)))
        await story.next()
        silent.send(b"GET /hel")
        await served.engine.stop()
        assert await story.next() == ("closed", "server shutting down")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await raw.frame()


async def test_a_closed_session_leaves_nothing_behind(served: Served, story: Story) -> None:
    async with websocket(served) as raw:
        await raw.packet()
        await session_of(story)
        assert len(served.engine.sessions) == 1
    assert (await story.next())[0] == "closed"
    assert served.engine.sessions == {}
    assert not any(served.engine.wheel._slots.values())
    assert not served.engine.outbox._first
