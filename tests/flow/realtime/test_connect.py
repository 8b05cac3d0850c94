"""Who may connect, what she is told when she may not, and how a connection ends."""

from datetime import timedelta

import aiohttp
import jwt
import msgspec
import pytest
import socketio
from multidict import CIMultiDict
from socketio.exceptions import ConnectionError as Refused

from tests.bazaar.words import WORDS
from tests.flow.conftest import Chatter, Environment, at_bazaar


async def refused(url: str, auth: object, market: str = "onswift") -> dict[str, object]:
    """Return the data of the CONNECT_ERROR that this auth gets in the main namespace."""
    client, words = socketio.AsyncClient(reconnection=False), WORDS[market]
    namespace = words.namespaces[0]
    told: list[dict[str, object]] = []
    client.on("connect_error", told.append, namespace)
    with pytest.raises(Refused):
        await client.connect(url, auth=auth, transports=["websocket"], wait_timeout=5, namespaces=[namespace])
    return told[0] | {"data": words.answered(told[0]["data"])}


@pytest.mark.parametrize("auth", [None, {}, {"token": 5}, {"token": ""}, {"token": "a.b.c"}, {"token": "x" * 5000}])
async def test_without_a_valid_token_the_answer_is_our_error_object(hub: str, auth: object) -> None:
    told = await refused(hub, auth)
    assert told["message"]
    assert told["data"] == {"error": {"code": "UNAUTHORIZED", "message": told["message"], "details": []}}


async def test_an_expired_token_says_that_it_has_expired(env: Environment, hub: str) -> None:
    user, _ = await env.person("Ann")
    told = await refused(hub, {"token": env.token(user, timedelta(seconds=-1))})
    assert told["data"]["error"]["code"] == "TOKEN_EXPIRED"  # type: ignore[index]


async def test_a_forged_token_is_refused(env: Environment, hub: str) -> None:
    _, token = await env.person("Ann")
    claims = jwt.decode(token, options={"verify_signature": False})
    for forged in (
        jwt.encode(claims, "another-key-that-is-long-enough-for-this", headers={"kid": "test"}),
        jwt.encode(claims, "", algorithm="none", headers={"kid": "test"}),
        jwt.encode(claims, "another-key-that-is-long-enough-for-this", headers={"kid": "other"}),
    ):
        assert (await refused(hub, {"token": forged}))["data"]["error"]["code"] == "UNAUTHORIZED"  # type: ignore[index]


async def test_a_refresh_token_does_not_open_a_socket(env: Environment, hub: str) -> None:
    user, token = await env.person("Ann")
    claims = jwt.decode(token, options={"verify_signature": False}) | {"kind": "refresh", "tokenId": str(user.id)}
    key = env.settings.jwt_keys[0].split(":", 1)[1]
    told = await refused(hub, {"token": jwt.encode(claims, key, headers={"kid": "test"})})
    assert told["data"]["error"]["code"] == "UNAUTHORIZED"  # type: ignore[index]


async def test_a_token_of_a_session_that_has_ended_is_refused(env: Environment, hub: str) -> None:
    user, token = await env.person("Ann")
    await env.resources.db.execute("update sessions set ended_at = now() where id = $1", user.session_id)
    assert (await refused(hub, {"token": token}))["data"]["error"]["code"] == "SESSION_ENDED"  # type: ignore[index]


@at_bazaar
async def test_the_sockets_of_a_session_that_ends_are_closed_on_every_hub(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    second = Chatter(ann.user, ann.token, two_hubs[1])
    await second.connect()
    other = await (await env.chatter("Bob", two_hubs[1])).connect()

    env.publisher.end_sessions([ann.user.session_id])

    for closed in (ann, second):
        assert (await closed.heard.next("session:ended"))["reason"]
        await closed.heard.next("disconnect")
    assert other.socket.connected


@pytest.mark.parametrize("transports", [("polling",), ("websocket",), ("polling", "websocket")])
@pytest.mark.parametrize("path", ["socket.io", "ws"])
async def test_both_paths_serve_polling_websocket_and_the_upgrade(
    env: Environment, hub: str, transports: tuple[str, ...], path: str
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect(transports, path)
    room = await env.group(ann.user)
    await ann.join(room)
    await ann.send(room, "Hi")
    assert (await ann.heard.next("message:received"))["message"]["content"] == "Hi"
    assert ann.socket.transport() == transports[-1]


@at_bazaar
async def test_ones_own_user_room_can_be_joined_and_nobody_elses(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    bob, _ = await env.person("Bob")
    assert await ann.call("join:user", userId=str(ann.user.id)) == {"userId": str(ann.user.id)}
    assert (await ann.call("join:user", userId=str(bob.id)))["error"]["code"] == "FORBIDDEN"


async def test_an_origin_that_is_not_on_the_list_is_refused(env: Environment) -> None:
    settings = msgspec.structs.replace(env.settings, cors_origins=("https://app.example.com",))
    ann = await env.chatter("Ann", await env.hub(settings))
    with pytest.raises(Refused):
        await ann.socket.connect(
            ann.url, auth={"token": ann.token}, headers={"Origin": "https://evil.example.com"}, transports=["websocket"]
        )
    await ann.socket.connect(
        ann.url, auth={"token": ann.token}, headers={"Origin": "https://app.example.com"}, transports=["websocket"]
    )


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(
    ("trusted", "lines", "seen"),
    [
        ((), ["1.2.3.4"], "127.0.0.1"),
        (("127.0.0.0/8", "10.0.0.1"), ["6.6.6.6, 1.2.3.4, 10.0.0.1"], "1.2.3.4"),
        (("127.0.0.0/8", "10.0.0.1"), ["6.6.6.6, 1.2.3.4", "10.0.0.1"], "1.2.3.4"),
        (("127.0.0.0/8",), [], "127.0.0.1"),
    ],
)
async def test_a_forwarded_address_is_believed_from_a_trusted_proxy_only(
    env: Environment, transport: str, trusted: tuple[str, ...], lines: list[str], seen: str
) -> None:
    url = await env.hub(msgspec.structs.replace(env.settings, trusted_proxies=trusted))
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    query = f"/socket.io/?EIO=4&transport={transport}"
    async with aiohttp.ClientSession(headers=headers) as http:
        if transport == "polling":
            await (await http.get(url + query)).read()
        else:
            await http.ws_connect(url + query)
        assert [session.remote for session in env.hubs[0].engine.sessions.values()] == [seen]
