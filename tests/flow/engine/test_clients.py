"""The official clients, unmodified."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import socketio

from realtime.engine.config import Config
from realtime.engine.session import SHUTTING_DOWN
from realtime.engine.socketio.parsers import MESSAGE
from realtime.engine.transports.frames import GOING_AWAY, UNSUPPORTED
from tests.flow.engine.apps import greeters
from tests.flow.engine.serving import PATIENCE, Served, serving
from tests.flow.engine.test_closes import ANNOUNCED

SCRIPT = Path(__file__).with_name("official_client.mjs")
PARSER = Path(__file__).with_name("official_parser.mjs")
BURST = Path(__file__).with_name("official_burst.mjs")
NODE_MODULES = Path(__file__).parents[3] / "web" / "node_modules"
REFUSED = {"message": MESSAGE, "tries": False}
NODE = shutil.which("node") or ""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(Config(), greeters) as served:
        yield served


@pytest.mark.skipif(
    not NODE or not (NODE_MODULES / "socket.io-client").exists(), reason="no Node or no socket.io-client"
)
@pytest.mark.parametrize("transports", ["default", "websocket", "polling"])
async def test_the_javascript_client_is_served(served: Served, transports: str) -> None:
    command = (NODE, str(SCRIPT), served.url, transports, str(NODE_MODULES))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(10):
        output, _ = await process.communicate()
    assert json.loads(output) == {
        "welcome": [{"token": "right"}],
        "transport": "polling" if transports == "polling" else "websocket",
        "blob": [len('["send",{"_placeholder":true,"num":0}]'), [1, 2, 3]],
        "big": 900_000 + len('["send",""]'),
        "answered": [1, [42]],
        "other": [{}],
        "nowhere": "Invalid namespace",
        "refused": ["who are you?", {"code": "unauthorized"}],
        "left": "io server disconnect",
        "died": "io server disconnect",
    }


@pytest.mark.skipif(
    not NODE or not (NODE_MODULES / "socket.io-client").exists(), reason="no Node or no socket.io-client"
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_javascript_client_that_kept_hundreds_of_events_is_slowed_and_not_cut(transport: str) -> None:
    limited: list[str] = []
    async with serving(Config(limited=lambda kind, _: limited.append(kind)), greeters) as served:
        command = (NODE, str(BURST), served.url, transport, "600", str(NODE_MODULES))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    assert json.loads(output) == {"answered": 600, "left": None}
    assert set(limited) == {"traffic"}


@pytest.mark.skipif(
    not NODE or not (NODE_MODULES / "socket.io-client").exists(), reason="no Node or no socket.io-client"
)
@pytest.mark.parametrize(
    ("parser", "transport", "shown"),
    [
        ("msgpack", "websocket", REFUSED),
        ("msgpack", "polling", REFUSED),
        ("json", "websocket", REFUSED),
        ("json", "polling", REFUSED),
        ("unknown", "websocket", {"code": UNSUPPORTED, "reason": ANNOUNCED}),
    ],
)
async def test_a_client_with_another_parser_gets_the_reason_of_the_refusal(
    served: Served, parser: str, transport: str, shown: object
) -> None:
    command = (NODE, str(PARSER), served.url, transport, parser, str(NODE_MODULES))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert json.loads(output) == shown


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_python_client_that_says_hundreds_of_things_at_once_is_slowed_and_not_cut(transport: str) -> None:
    async with serving(Config(), greeters) as served, socketio.AsyncSimpleClient() as client:
        await client.connect(served.url, transports=[transport], auth={"token": "right"})
        await client.receive(PATIENCE)
        for _ in range(600):  # unanswered: by polling this client refuses more than 16 packets at a time
            await client.client.emit("send", "hello")
        assert await client.call("send", "last", timeout=PATIENCE) == 15


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_the_python_client_is_served(served: Served, transports: list[str]) -> None:
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(served.url, transports=transports, auth={"token": "right"})
        assert await client.receive(PATIENCE) == ["welcome", {"token": "right"}]
        assert client.transport == transports[-1]
        client.client.on("question", lambda a, b: a + b)
        assert await client.call("send", {"blob": b"\x01\x02"}) == (47, b"\x01\x02")
        assert await client.call("send", "x" * 900_000) == 900_011
        await client.emit("ask")
        assert await client.receive(PATIENCE) == ["answered", 1, [42]]


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_the_python_client_comes_back_when_the_server_sends_it_away(
    served: Served, transports: list[str]
) -> None:
    welcomed = asyncio.Queue[object]()
    async with aiohttp.ClientSession() as http:  # its own, if it has one, it loses when it reconnects
        client = socketio.AsyncClient(http_session=http, reconnection_delay=0.01)
        client.on("welcome", welcomed.put_nowait)
        await client.connect(served.url, transports=transports, auth={"token": "right"})
        async with asyncio.timeout(PATIENCE):
            await welcomed.get()
            (session,) = served.engine.sessions.values()
            session.close(SHUTTING_DOWN, GOING_AWAY)
            await welcomed.get()
        await client.disconnect()
