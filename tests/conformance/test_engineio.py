"""What the Engine.IO 4 protocol promises, case by case, from its text."""

import asyncio
import json

import pytest
from aiohttp import WSMsgType

from tests.conformance.conftest import Client, closed


async def test_polling_opens_a_session(client: Client) -> None:
    status, text = await client.request("GET", "EIO=4&transport=polling")
    assert status == 200
    assert text[0] == "0"
    opened = json.loads(text[1:])
    assert len(opened.pop("sid")) >= 20
    assert opened == {"upgrades": ["websocket"], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


async def test_a_websocket_opens_a_session(client: Client) -> None:
    websocket = await client.websocket()
    text = await websocket.receive_str()
    assert text[0] == "0"
    opened = json.loads(text[1:])
    assert len(opened.pop("sid")) >= 20
    assert opened == {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        ("GET", "transport=polling", 5),
        ("GET", "EIO=abc&transport=polling", 5),
        ("GET", "EIO=3&transport=polling", 5),
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=abc", 0),
        ("GET", "EIO=4&transport=websocket", 3),
        ("GET", "EIO=4&transport=polling&sid=unknown", 1),
        ("POST", "EIO=4&transport=polling&sid=unknown", 1),
        ("POST", "EIO=4&transport=polling", 2),
        ("PUT", "EIO=4&transport=polling", 2),
        ("HEAD", "EIO=4&transport=polling", 2),
    ],
)
async def test_a_bad_request_gets_the_reason(calm: Client, method: str, query: str, code: int) -> None:
    status, text = await calm.request(method, query)
    assert status == 400
    if method != "HEAD":
        assert json.loads(text)["code"] == code
        assert json.loads(text)["message"]
    assert calm.served.engine.sessions == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_a_session_takes_get_and_post_only(calm: Client, method: str) -> None:
    sid = await calm.open()
    assert (await calm.request(method, f"EIO=4&transport=polling&sid={sid}"))[0] == 400
    assert await calm.post(sid, "4still here") == (200, "ok")


@pytest.mark.parametrize(
    "query",
    [
        "transport=websocket",
        "EIO=abc&transport=websocket",
        "EIO=4",
        "EIO=4&transport=abc",
        "EIO=4&transport=polling",
        "EIO=4&transport=websocket&sid=unknown",
    ],
)
async def test_a_bad_websocket_request_is_refused(calm: Client, query: str) -> None:
    assert await calm.refused(query) == 400
    assert calm.served.engine.sessions == {}


@pytest.mark.parametrize(
    "payload",
    [
        "4hello",
        "4test1\x1e4test2\x1e4test3",
        "4hello\x1ebAQIDBA==",
        "4",
        "b",
        "4ä\N{GRINNING FACE}",
        "4" + "x" * 100_000,
    ],
)
async def test_polling_carries_messages_both_ways(calm: Client, payload: str) -> None:
    sid = await calm.open()
    assert await calm.post(sid, payload) == (200, "ok")
    assert await calm.poll(sid) == (200, payload)


@pytest.mark.parametrize("message", ["4hello", "4", "4" + "x" * 125, "4" + "x" * 65_536, "4ä\N{GRINNING FACE}"])
async def test_a_websocket_carries_text_both_ways(calm: Client, message: str) -> None:
    websocket = await calm.websocket()
    await websocket.receive_str()
    await websocket.send_str(message)
    assert await websocket.receive_str() == message


@pytest.mark.parametrize("size", [0, 4, 126, 65_536, 999_999])
async def test_a_websocket_carries_binary_both_ways(calm: Client, size: int) -> None:
    websocket = await calm.websocket()
    await websocket.receive_str()
    await websocket.send_bytes(b"\xff" * size)
    assert await websocket.receive_bytes() == b"\xff" * size


@pytest.mark.parametrize(
    "payload", ["abc", "", "9", "4ok\x1eabc", "bAQ", "b****", b"4\xff", "2", "0{}", "5", "4a\x1e\x1e4b"]
)
async def test_a_malformed_payload_ends_the_session(calm: Client, payload: str | bytes) -> None:
    sid = await calm.open()
    assert (await calm.post(sid, payload))[0] == 400
    assert (await calm.poll(sid))[0] == 400


@pytest.mark.parametrize("packet", ["abc", "", "9", "2", "0{}", "5", "2probe"])
async def test_a_malformed_packet_closes_the_websocket(calm: Client, packet: str) -> None:
    websocket = await calm.websocket()
    await websocket.receive_str()
    await websocket.send_str(packet)
    assert await closed(websocket) == 1002
    assert calm.served.engine.sessions == {}


async def test_a_noop_does_nothing(calm: Client) -> None:
    websocket = await calm.websocket()
    await websocket.receive_str()
    await websocket.send_str("6")
    await websocket.send_str("4on")
    assert await websocket.receive_str() == "4on"


async def test_a_second_poll_ends_the_session_and_the_first_poll(calm: Client) -> None:
    sid = await calm.open()
    first, second = await asyncio.gather(calm.poll(sid), calm.poll(sid))
    assert sorted([first[0], second[0]]) == [200, 400]
    assert (200, "1") in (first, second)
    assert (await calm.poll(sid))[0] == 400


@pytest.mark.parametrize("size", [1_000_000, 1_000_001])
async def test_a_payload_may_have_the_size_that_was_announced(client: Client, size: int) -> None:
    sid = await client.open()
    status, _ = await client.post(sid, "4" + "x" * (size - 1))
    assert status == (200 if size == 1_000_000 else 413)
    assert (await client.poll(sid))[0] == 200


async def test_a_websocket_message_above_the_announced_size_closes_it(client: Client) -> None:
    websocket = await client.websocket()
    await websocket.receive_str()
    await websocket.send_str("4" + "x" * 1_000_000)
    assert await closed(websocket) == 1009


async def test_polling_is_pinged(client: Client) -> None:
    sid = await client.open()
    for _ in range(3):
        assert await client.poll(sid) == (200, "2")
        assert await client.post(sid, "3") == (200, "ok")


async def test_a_websocket_is_pinged(client: Client) -> None:
    websocket = await client.websocket()
    await websocket.receive_str()
    for _ in range(3):
        assert await websocket.receive_str() == "2"
        await websocket.send_str("3")


async def test_polling_without_pongs_ends_the_session(client: Client) -> None:
    sid = await client.open()
    assert await client.poll(sid) == (200, "2")
    assert await client.poll(sid) == (200, "1")
    assert (await client.poll(sid))[0] == 400


async def test_a_session_that_never_polls_ends(client: Client) -> None:
    sid = await client.open()
    session = client.served.engine.sessions[sid]
    ended = asyncio.Event()
    session.layer.closed = lambda reason: ended.set()  # type: ignore[method-assign]
    await ended.wait()
    assert (await client.poll(sid))[0] == 400


async def test_a_websocket_without_pongs_is_closed(client: Client) -> None:
    websocket = await client.websocket()
    await websocket.receive_str()
    assert await closed(websocket) == 1000
    assert client.served.engine.sessions == {}


async def test_a_polling_client_can_close(calm: Client) -> None:
    sid = await calm.open()
    polled, posted = await asyncio.gather(calm.poll(sid), calm.post(sid, "1"))
    assert polled == (200, "6")
    assert posted == (200, "ok")
    assert (await calm.poll(sid))[0] == 400


async def test_a_websocket_client_can_close(calm: Client) -> None:
    websocket = await calm.websocket()
    await websocket.receive_str()
    await websocket.send_str("1")
    assert await closed(websocket) == 1000


async def test_polling_upgrades_to_a_websocket(calm: Client) -> None:
    sid = await calm.open()
    websocket = await calm.websocket(sid)
    await websocket.send_str("2probe")
    assert await websocket.receive_str() == "3probe"
    await websocket.send_str("5")
    await websocket.send_str("4hello")
    assert await websocket.receive_str() == "4hello"


async def test_the_poll_that_waits_is_released_by_the_probe(calm: Client) -> None:
    sid = await calm.open()
    websocket = await calm.websocket(sid)
    polled = asyncio.create_task(calm.poll(sid))
    await websocket.send_str("2probe")
    assert await polled == (200, "6")
    assert await calm.poll(sid) == (200, "6")


async def test_messages_cross_the_upgrade_in_order(calm: Client) -> None:
    sid = await calm.open()
    await calm.post(sid, "4one\x1e4two")
    websocket = await calm.websocket(sid)
    await websocket.send_str("2probe")
    assert await websocket.receive_str() == "3probe"
    await calm.post(sid, "4three\x1ebBAUG")
    await websocket.send_str("5")
    await websocket.send_str("4four")
    heard = [(await websocket.receive()).data for _ in range(5)]
    assert heard == ["4one", "4two", "4three", b"\x04\x05\x06", "4four"]


async def test_polling_is_over_after_the_upgrade(calm: Client) -> None:
    sid = await calm.open()
    websocket = await calm.websocket(sid)
    await websocket.send_str("2probe")
    await websocket.receive_str()
    await websocket.send_str("5")
    await websocket.send_str("4sent")
    await websocket.receive_str()
    assert (await calm.poll(sid))[0] == 400
    assert (await calm.post(sid, "4x"))[0] == 400
    await websocket.send_str("4hello")
    assert await websocket.receive_str() == "4hello"


@pytest.mark.parametrize("upgraded", [False, True])
async def test_a_second_websocket_of_a_session_is_closed(calm: Client, upgraded: bool) -> None:
    sid = await calm.open()
    websocket = await calm.websocket(sid)
    await websocket.send_str("2probe")
    await websocket.receive_str()
    if upgraded:
        await websocket.send_str("5")
    second = await calm.websocket(sid)
    assert await closed(second) == 1000
    if not upgraded:
        await websocket.send_str("5")
    await websocket.send_str("4hello")
    assert await websocket.receive_str() == "4hello"


@pytest.mark.parametrize("packet", ["5", "4hello", "2", "abc", b"\x01"])
async def test_an_upgrade_begins_with_its_probe(calm: Client, packet: str | bytes) -> None:
    sid = await calm.open()
    websocket = await calm.websocket(sid)
    if isinstance(packet, str):
        await websocket.send_str(packet)
    else:
        await websocket.send_bytes(packet)
    assert await closed(websocket) == 1002
    assert await calm.post(sid, "4hello") == (200, "ok")
    assert await calm.poll(sid) == (200, "4hello")


async def test_polling_goes_on_when_the_upgrade_breaks_off(calm: Client) -> None:
    sid = await calm.open()
    websocket = await calm.websocket(sid)
    await websocket.send_str("2probe")
    await websocket.receive_str()
    await websocket.close()
    assert await calm.post(sid, "4hello") == (200, "ok")
    text = ""
    while "4hello" not in text:
        status, text = await calm.poll(sid)
        assert status == 200
    again = await calm.websocket(sid)
    await again.send_str("2probe")
    assert await again.receive_str() == "3probe"


async def test_a_websocket_ping_is_ponged(calm: Client) -> None:
    websocket = await calm.http.ws_connect(calm.websocket_url("EIO=4&transport=websocket"), autoping=False)
    await websocket.receive_str()
    await websocket.ping(b"are you there")
    answer = await websocket.receive()
    assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"are you there")
