"""Requests for a WebSocket as clients and proxies make them, and what those hear who get it wrong."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from realtime.engine.config import Config
from realtime.engine.http import faults
from tests.flow.engine.apps import greeters
from tests.flow.engine.serving import KEY, PATIENCE, Raw, Served, connected, serving, text, upgrade_head

SCRIPT = Path(__file__).with_name("official_protocol.mjs")
NODE_MODULES = Path(__file__).parents[3] / "web" / "node_modules"
NODE = shutil.which("node") or ""
CONNECTION = b"Connection: keep-alive, Upgrade"
TWO_LINES = b"Connection: keep-alive\r\nConnection: Upgrade"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(Config(), greeters) as served:
        yield served


@pytest.fixture(params=["first", "second"])
async def raw(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Raw]:
    """A connection on which the door reads the request, or aiohttp, whose second one it is then."""
    async with connected(served.port) as raw:
        if request.param == "second":
            raw.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            await raw.head()
            await raw.body(5)
        yield raw


async def refusal(raw: Raw) -> tuple[bytes, object]:
    head = await raw.head()
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, json.loads(await raw.body(size))


async def test_connection_may_come_on_two_lines_with_packets_right_behind(served: Served, raw: Raw) -> None:
    head = upgrade_head(served.port).replace(CONNECTION, TWO_LINES)
    raw.send(head + text('40{"token":"right"}') + text('427["send"]'))
    assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
    assert (await raw.packet()).startswith("0{")
    assert (await raw.packet()).startswith("40{")
    assert await raw.packet() == '42["welcome",{"token":"right"}]'
    assert await raw.packet() == "437[8]"


@pytest.mark.parametrize("offer", ["chat", "graphql-ws, chat", "a\r\nSec-WebSocket-Protocol: b"])
async def test_the_first_protocol_of_an_offer_is_agreed(served: Served, raw: Raw, offer: str) -> None:
    raw.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", f"Sec-WebSocket-Protocol: {offer}"))
    head = await raw.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    first = offer.partition(",")[0].partition("\r")[0]
    assert f"\r\nSec-WebSocket-Protocol: {first}\r\n".encode() in head
    assert (await raw.packet()).startswith("0{")


@pytest.mark.parametrize("offer", ["", "two words", "ä"])
async def test_an_offer_that_is_none_is_not_answered(served: Served, raw: Raw, offer: str) -> None:
    raw.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", f"Sec-WebSocket-Protocol: {offer}"))
    head = await raw.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"sec-websocket-protocol" not in head.lower()


@pytest.mark.skipif(not NODE or not (NODE_MODULES / "ws").exists(), reason="no Node or no ws")
@pytest.mark.parametrize("protocols", [[], ["chat"], ["v2.chat", "v1.chat"]])
async def test_the_ws_package_is_let_in_with_the_protocols_that_it_offers(served: Served, protocols: list[str]) -> None:
    url = f"{served.url}/socket.io/?EIO=4&transport=websocket".replace("http", "ws")
    process = await asyncio.create_subprocess_exec(
        NODE, str(SCRIPT), url, str(NODE_MODULES), *protocols, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert json.loads(output) == {"protocol": (protocols or [""])[0], "first": "0{"}


async def test_the_aiohttp_client_is_let_in_with_the_protocols_that_it_offers(served: Served) -> None:
    url = f"{served.url}/ws?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=("b", "a")) as websocket:
        assert websocket.protocol == "b"


@pytest.mark.parametrize("host", [b"", b"Host: a\r\nHost: b\r\n"], ids=["none", "two"])
async def test_a_request_says_once_whom_it_asks(served: Served, raw: Raw, host: bytes) -> None:
    raw.send(upgrade_head(served.port).replace(f"Host: 127.0.0.1:{served.port}\r\n".encode(), host))
    answer, body = await refusal(raw)  # aiohttp's parser refuses both
    assert answer.startswith(b"HTTP/1.1 400 ")
    fault = faults.BAD_REQUEST
    assert body == {"error": {"code": fault.code, "message": fault.message, "details": []}}
    assert served.engine.sessions == {}


async def test_a_request_of_http_1_0_needs_no_host(raw: Raw) -> None:
    raw.send(b"GET /hello HTTP/1.0\r\n\r\n")
    assert b" 200 " in await raw.head()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8", "Send Sec-WebSocket-Version: 13"),
        (b"Sec-WebSocket-Version: 13\r\n", b"", "Send Sec-WebSocket-Version: 13"),
        (KEY.encode(), b"short", "Send a Sec-WebSocket-Key: 16 bytes in base64"),
        (f"Sec-WebSocket-Key: {KEY}\r\n".encode(), b"", "Send a Sec-WebSocket-Key: 16 bytes in base64"),
        (
            b"Upgrade: websocket\r\n",
            b"",
            "Send Upgrade: websocket and Connection: Upgrade: proxies must pass both on",
        ),
        (
            CONNECTION,
            b"Connection: close",
            "Send Upgrade: websocket and Connection: Upgrade: proxies must pass both on",
        ),
    ],
)
async def test_what_a_request_for_a_websocket_lacks_is_named(
    served: Served, raw: Raw, old: bytes, new: bytes, message: str
) -> None:
    raw.send(upgrade_head(served.port).replace(old, new))
    head, body = await refusal(raw)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert body == {"code": 3, "message": message}
    assert (b"\r\nSec-WebSocket-Version: 13\r\n" in head) == ("Version" in message)
    assert served.engine.sessions == {}
