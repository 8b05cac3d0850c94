"""What the Socket.IO 5 protocol promises, case by case, from its text."""

import json

import pytest
from aiohttp import ClientWebSocketResponse

from tests.conformance.conftest import Client, closed
from tests.conformance.echo import LayerName


@pytest.fixture
def layer() -> LayerName:
    return "socketio"


async def opened(client: Client) -> ClientWebSocketResponse:
    """A WebSocket that is past Engine.IO's handshake."""
    websocket = await client.websocket()
    await websocket.receive_str()
    return websocket


async def heard(websocket: ClientWebSocketResponse) -> str:
    """The next packet that is not a ping."""
    while (packet := await websocket.receive_str()) == "2":
        await websocket.send_str("3")
    return packet


async def joined(client: Client, namespace: str = "") -> ClientWebSocketResponse:
    """A WebSocket that is in a namespace."""
    websocket = await opened(client)
    await websocket.send_str(f"40{namespace}")
    await heard(websocket)
    await heard(websocket)
    return websocket


@pytest.mark.parametrize(
    ("asked", "namespace", "auth"),
    [
        ("40", "", "{}"),
        ("40/,", "", "{}"),
        ('40{"token":"123"}', "", '{"token":"123"}'),
        ("40/custom,", "/custom,", "{}"),
        ("40/custom", "/custom,", "{}"),
        ('40/custom,{"token":"abc"}', "/custom,", '{"token":"abc"}'),
    ],
)
async def test_a_client_joins_a_namespace(calm: Client, asked: str, namespace: str, auth: str) -> None:
    websocket = await opened(calm)
    await websocket.send_str(asked)
    answer = await heard(websocket)
    assert answer.startswith(f"40{namespace}")
    assert set(json.loads(answer[len(namespace) + 2 :])) == {"sid"}
    assert await heard(websocket) == f'42{namespace}["auth",{auth}]'


async def test_a_client_joins_by_polling(calm: Client) -> None:
    sid = await calm.open()
    assert await calm.post(sid, '40{"token":"123"}') == (200, "ok")
    status, connect = await calm.poll(sid)
    assert (status, connect[:2]) == (200, "40")
    assert await calm.poll(sid) == (200, '42["auth",{"token":"123"}]')


async def test_each_namespace_has_an_id_of_its_own(calm: Client) -> None:
    websocket = await opened(calm)
    await websocket.send_str("40")
    await websocket.send_str("40/custom,")
    connects = [packet for _ in range(4) if (packet := await heard(websocket)).startswith("40")]
    assert len({packet[packet.index("{") :] for packet in connects}) == len(connects) == 2


async def test_an_unknown_namespace_is_refused_and_the_session_stays(calm: Client) -> None:
    websocket = await opened(calm)
    await websocket.send_str("40/random")
    assert await heard(websocket) == '44/random,{"message":"Invalid namespace"}'
    await websocket.send_str("40")
    assert (await heard(websocket)).startswith("40")


async def test_a_session_without_a_connect_is_closed(client: Client) -> None:
    websocket = await opened(client)
    async for message in websocket:
        assert message.data == "2"
        await websocket.send_str("3")
    assert websocket.close_code == 1008


@pytest.mark.parametrize(
    "packet",
    [
        "4abc", "4", "47", "49", "4-", "4/", "40[]", "40null", '40"x"', "40{", "40/custom,[]", "401{}",
        "42", "42{}", '42"message"', "42[]", "42[1]", "42[null]", '42["message"', '42["message', "42[", '42["message"x]',
        '42abc["message"]', '42-1["message"]', '421.5["message"]', '42٣["message"]', '4299999999999999999999["message"]',
        '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]', '42["newListener"]',
        '42["removeListener"]', '42["discon\\u006eect"]',
        "43", "431", "43[]", "431{}", "43abc[]",
        "41x", "44", '44{"message":"x"}',
        "45", '45["message"]', '45-["message"]', '45x-["message"]', '4533-["message"]', '459999999-["message"]', "451-", "451-{}",
        "461-[]",
    ],
)  # fmt: skip
async def test_a_malformed_packet_closes_the_session(calm: Client, packet: str) -> None:
    websocket = await joined(calm)
    await websocket.send_str(packet)
    if packet.startswith(("451-[", "461-[")):
        await websocket.send_bytes(b"\x01")
    assert await closed(websocket) == (1009 if packet.startswith("4533-") else 1002)
    assert calm.served.engine.sessions == {}


@pytest.mark.parametrize(
    "packet", ['42["message"]', "41", '431["x"]', "40/custom,", '42/random,["message"]', "41/custom,"]
)
async def test_a_packet_for_a_namespace_that_was_not_joined_closes_the_session(calm: Client, packet: str) -> None:
    websocket = await joined(calm, "/custom,")
    await websocket.send_str(packet)
    if packet == "41/custom,":  # allowed once
        await websocket.send_str(packet)
    assert await closed(websocket) == 1002


async def test_a_client_leaves_the_main_namespace_and_stays_connected(client: Client) -> None:
    websocket = await joined(client)
    await websocket.send_str("41")
    assert await websocket.receive_str() == "2"
    await websocket.send_str("3")
    await websocket.send_str("40")
    assert (await heard(websocket)).startswith("40")


async def test_a_client_leaves_one_namespace_and_stays_in_another(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_str("40/custom")
    await heard(websocket)
    await heard(websocket)
    await websocket.send_str("41/custom")
    await websocket.send_str('42["message","message to main namespace"]')
    assert await heard(websocket) == '42["message-back","message to main namespace"]'


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ('42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'),
        ('42["message"]', '42["message-back"]'),
        ('42["message",null]', '42["message-back",null]'),
        ('42[ "message" , 1 ]', '42["message-back",1]'),
        ('42["mess\\u0061ge",1]', '42["message-back",1]'),
        ('42["message","ä\N{GRINNING FACE}\\u0000\\""]', '42["message-back","ä\N{GRINNING FACE}\\u0000\\""]'),
        ('42["message",{"_placeholder":true,"num":0}]', '42["message-back",{"_placeholder":true,"num":0}]'),
        ('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
        ('420["message-with-ack"]', "430[]"),
        ('450-["message",1]', '42["message-back",1]'),
    ],
)
async def test_an_event_comes_back(calm: Client, sent: str, answered: str) -> None:
    websocket = await joined(calm)
    await websocket.send_str(sent)
    assert await heard(websocket) == answered


async def test_an_event_in_another_namespace_comes_back_there(calm: Client) -> None:
    websocket = await joined(calm, "/custom,")
    await websocket.send_str('42/custom,7["message-with-ack","x"]')
    assert await heard(websocket) == '43/custom,7["x"]'


async def test_an_unknown_event_is_ignored(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_str('42["who-knows",1]')
    await websocket.send_str('42["message"]')
    assert await heard(websocket) == '42["message-back"]'


async def test_an_ack_that_was_not_asked_for_is_ignored(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_str('4312["x"]')
    await websocket.send_str('461-13[{"_placeholder":true,"num":0}]')
    await websocket.send_bytes(b"\x00")
    await websocket.send_str('42["message"]')
    assert await heard(websocket) == '42["message-back"]'


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (
            '452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
            '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        ),
        (
            '452-789["message-with-ack",{"a":[{"_placeholder":true,"num":0}]},{"_placeholder":true,"num":1}]',
            '462-789[{"a":[{"_placeholder":true,"num":0}]},{"_placeholder":true,"num":1}]',
        ),
        ('452-["message",{"_placeholder":true,"num":1},"x"]', '451-["message-back",{"_placeholder":true,"num":0},"x"]'),
    ],
)
async def test_binary_attachments_come_back(calm: Client, sent: str, answered: str) -> None:
    websocket = await joined(calm)
    blobs = [b"\x01\x02\x03", b"\x04\x05\x06"]
    await websocket.send_str(sent)
    for blob in blobs:
        await websocket.send_bytes(blob)
    assert await heard(websocket) == answered
    places = [blobs[1]] if 'num":1},"x' in sent else blobs
    assert [await websocket.receive_bytes() for _ in places] == places


async def test_binary_attachments_come_back_by_polling(calm: Client) -> None:
    sid = await calm.open()
    await calm.post(sid, "40")
    while "auth" not in (await calm.poll(sid))[1]:
        pass
    assert (await calm.post(sid, '451-["message",{"_placeholder":true,"num":0}]\x1ebAQID'))[0] == 200
    assert (await calm.poll(sid))[1] == '451-["message-back",{"_placeholder":true,"num":0}]\x1ebAQID'


@pytest.mark.parametrize("num", ["1", "-1", '"0"', "0.5", "true", "null"])
async def test_an_attachment_that_is_not_there_closes_the_session(calm: Client, num: str) -> None:
    websocket = await joined(calm)
    await websocket.send_str(f'451-["message",{{"_placeholder":true,"num":{num}}}]')
    await websocket.send_bytes(b"\x01")
    assert await closed(websocket) == 1002


async def test_text_among_attachments_closes_the_session(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_str('451-["message",{"_placeholder":true,"num":0}]')
    await websocket.send_str('42["message"]')
    assert await closed(websocket) == 1002


async def test_binary_that_was_not_announced_closes_the_session(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_bytes(b"\x01")
    assert await closed(websocket) == 1003


async def test_attachments_too_big_together_close_the_session(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_str('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    await websocket.send_bytes(bytes(600_000))
    await websocket.send_bytes(bytes(600_000))
    assert await closed(websocket) == 1009


async def test_json_nested_too_deep_closes_the_session(calm: Client) -> None:
    websocket = await joined(calm)
    await websocket.send_str('42["message",' + "[" * 100_000 + "]" * 100_000 + "]")
    assert await closed(websocket) == 1002
