"""A client that is cut off is told why: in a close code, in words for its developer, and we count it."""

from collections.abc import AsyncIterator
from itertools import count

import aiohttp
import pytest

from core.limits.budget import Rate
from realtime.engine.config import Config
from tests.flow.engine.apps import greeters
from tests.flow.engine.serving import Raw, Served, client_frame, serving, text, websocket

MAX = 20_000
ATTACHED = '["send",{"_placeholder":true,"num":0}]'
ANNOUNCED = "Binary data that no packet announced: this server speaks Socket.IO's default parser"
ORDER = "Send CONNECT and wait for its answer, once for a namespace"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(Config(max_payload=MAX), greeters) as served:
        yield served


@pytest.fixture
async def raw(served: Served) -> AsyncIterator[Raw]:
    async with websocket(served) as raw:
        await raw.packet()
        raw.send(text('40{"token":"right"}'))
        await raw.packet()
        yield raw


@pytest.mark.parametrize(
    ("sent", "code", "why"),
    [
        (text("hello"), 1002, "Unknown type of an Engine.IO packet"),
        (text("4hello"), 1002, "Unknown type of a Socket.IO packet"),
        (text("42"), 1002, "The payload of an event or ack must be an array"),
        (text('42{"a":1}'), 1002, "The payload of an event or ack must be an array"),
        (text("42[7]"), 1002, "An event is an array that begins with its name"),
        (text('42["connect"]'), 1002, "This name of an event is reserved"),
        (text('42x["a"]'), 1002, "A number was expected: <type>[<attachments>-][<namespace>,][<id>][<JSON>]"),
        (text('42/other,["a"]'), 1002, ORDER),
        (text("40"), 1002, ORDER),
        (text('44{"message":"no"}'), 1002, "A client does not send packets like this"),
        (text(f"451-{ATTACHED}") + text('42["a"]'), 1002, "Attachments are missing: text came instead"),
        (b"\x81\x024x", 1002, "Frames of a client must be masked"),
        (client_frame(0xC1, b"4x"), 1002, "Reserved bits are set: no compression was agreed"),
        (client_frame(0x82, b"\x00\x01"), 1003, ANNOUNCED),
        (client_frame(0x81, b'42["\xff"]'), 1007, "Text must be UTF-8"),
        (client_frame(0x81, b'42["' + b"\xff" * 200 + b'"]'), 1007, "Text must be UTF-8"),
        (client_frame(0x81, bytes(MAX + 1)), 1009, f"A message may have up to {MAX} bytes"),
        (text('4533-["send"]'), 1009, "A packet may have up to 32 attachments"),
        (
            text('452-["send"]') + client_frame(0x82, bytes(MAX)) + client_frame(0x82, b"x"),
            1009,
            f"The attachments of a packet may have up to {MAX} bytes",
        ),
    ],
    ids=count(),  # the frames are masked at random
)
async def test_protocol_errors_are_named(served: Served, raw: Raw, sent: bytes, code: int, why: str) -> None:
    raw.send(sent)
    assert await raw.closing() == (code, why)
    assert served.engine.closes[code] == sum(served.engine.closes.values()) == 1


async def test_a_client_refused_repeatedly_gets_a_hint_where_to_look() -> None:
    async with serving(Config(refusals=Rate("refusals", 10, 60)), greeters) as served, websocket(served) as raw:
        await raw.packet()
        raw.send(text("40/nowhere,") * 2)
        assert await raw.closing() == (1008, "Too much was refused to this client: see the errors that it got")
        assert served.engine.closes[1008] == 1


async def test_a_hub_that_ends_says_so(served: Served, raw: Raw) -> None:
    await served.engine.stop()
    assert await raw.closing() == (1001, "server shutting down")
    assert served.engine.closes[1001] == 1


async def test_a_client_that_leaves_is_not_counted(served: Served, raw: Raw) -> None:
    raw.send(client_frame(0x88, (1002).to_bytes(2) + b"my fault"))
    assert await raw.closing() == (1002, "")
    assert sum(served.engine.closes.values()) == 0


async def test_a_probe_that_says_something_else_is_told_what_a_probe_says(served: Served) -> None:
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{served.url}/socket.io/?EIO=4&transport=polling")
        sid = (await answer.text()).split('"')[3]
        async with websocket(served, f"/socket.io/?EIO=4&transport=websocket&sid={sid}") as raw:
            raw.send(text("42[]"))
            assert await raw.closing() == (1002, "A WebSocket for a polling session says 2probe, then 5")


async def test_a_polling_client_gets_the_reason_of_a_refusal_in_the_response(served: Served) -> None:
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{served.url}/socket.io/?EIO=4&transport=polling")
        sid = (await answer.text()).split('"')[3]
        url = f"{served.url}/socket.io/?EIO=4&transport=polling&sid={sid}"
        refused = await http.post(url, data="4hello")
        assert refused.status == 400
        assert await refused.json() == {"code": 3, "message": "Unknown type of a Socket.IO packet"}
