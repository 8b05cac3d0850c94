"""One budget of a user over sockets, calls and all hubs; how many sockets she has, and who may knock how often."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
import socketio
from aiohttp.test_utils import TestClient, TestServer
from redis import Redis
from socketio.exceptions import ConnectionError as Refused

import marketplaces
from api.app import build_app
from core.base.ids import uuid7
from core.limits import shared_limits
from core.limits.budget import Rate
from marketplaces import onswift
from realtime.gateway import limits
from realtime.gateway.logins import Logins
from tests.flow.api.conftest import Caller
from tests.flow.conftest import PATIENCE, Chatter, Environment, without_limits
from tests.policies import with_policy

# Nothing to speak of comes back while a test runs.
MARKETS = [with_policy(onswift.MARKETPLACE, messages=Rate("messages", 6, 6000))]


@pytest.fixture
async def hubs(env: Environment) -> tuple[str, str]:
    return await env.hub(markets=MARKETS), await env.hub(markets=MARKETS)


@asynccontextmanager
async def calling(env: Environment, chatter: Chatter) -> AsyncIterator[Caller]:
    """Yield someone who calls the API with the login of a socket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marketplaces, "configured", lambda _: MARKETS)
        app = build_app(env.settings, env.resources, env.publisher)
    async with TestClient(TestServer(app)) as client:
        yield Caller(client, id=str(chatter.user.id), access_token=chatter.token)


async def settled(env: Environment) -> None:
    """Return when all hubs and the API have told Redis what was spent."""
    async with asyncio.timeout(PATIENCE):
        for shared in (env.resources.limits, *(hub._gateway.limiter._shared for hub in env.hubs)):
            await shared.settled()


async def codes(answers: Any) -> list[str]:
    """Return the code of each answer of a socket; "" for a good one."""
    return [answer.get("error", {}).get("code", "") for answer in await asyncio.gather(*answers)]


async def refusal(chatter: Chatter, **auth: Any) -> str:
    """Return the code with which a new socket of someone is refused; "" if it is not."""
    client, namespace = socketio.AsyncClient(reconnection=False), chatter.words.namespaces[0]
    told: list[Any] = []
    client.on("connect_error", told.append, namespace)
    try:
        await client.connect(
            chatter.url,
            auth={"token": chatter.token, **auth},
            transports=["websocket"],
            wait_timeout=PATIENCE,
            namespaces=[namespace],
        )
    except Refused:
        code: str = chatter.words.answered(told[0]["data"])["error"]["code"]
        return code
    finally:
        await client.disconnect()
    return ""


async def test_what_is_spent_by_socket_is_missing_to_calls_and_on_other_hubs(
    env: Environment, hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    room = await env.group(ann.user)
    path = f"/conversations/{room}/messages"
    assert await codes(ann.send(room, f"Hi {i}") for i in range(2)) == [""] * 2
    await settled(env)
    async with calling(env, ann) as caller:
        assert [(await caller.post(path, content="Hi")).status for _ in range(2)] == [201] * 2
        elsewhere = await Chatter(ann.user, ann.token, hubs[1]).connect()
        await settled(env)
        assert await codes(elsewhere.send(room, f"Hi {i}") for i in range(3)) == ["", "", "RATE_LIMITED"]
        await settled(env)
        refused = await caller.post(path, content="Hi")
        assert (refused.status, refused.code) == (429, "RATE_LIMITED")
        assert 900 < int(refused.headers["Retry-After"]) <= 1000
    await elsewhere.socket.disconnect()


async def test_a_burst_on_two_hubs_at_once_is_a_debt_that_is_paid_first(
    env: Environment, hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    elsewhere = await Chatter(ann.user, ann.token, hubs[1]).connect()
    room = await env.group(ann.user)
    await settled(env)
    sent = await asyncio.gather(*(codes(one.send(room, f"Hi {i}") for i in range(10)) for one in (ann, elsewhere)))
    assert 6 <= sum(answers.count("") for answers in sent) <= 12
    await settled(env)
    total: int = await env.resources.db.fetchval("select count(*) from messages")
    async with calling(env, ann) as caller:
        refused = await caller.post(f"/conversations/{room}/messages", content="Hi")
        assert refused.status == 429
        owed = 1000 * (total - 5)
        assert owed - 100 < int(refused.headers["Retry-After"]) <= owed, "all that was sent is owed"
    await elsewhere.socket.disconnect()


async def test_edits_reactions_and_deletions_pay_from_the_same_budget_by_socket_and_by_call(
    env: Environment, hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    room = await env.group(ann.user)
    sent = await ann.send(room, "Hi")
    about = {"conversationId": str(room), "messageId": sent["id"]}
    assert "error" not in await ann.call("message:edit", content="Hello", **about)
    assert "error" not in await ann.call("message:react", emoji="👍", **about)
    await settled(env)
    async with calling(env, ann) as caller:
        path = f"/conversations/{room}/messages/{sent['id']}"
        assert (await caller.put(path, content="Hello!")).status == 200
        assert (await caller.put(f"{path}/reactions/🎉")).status == 200
        assert (await caller.delete(f"{path}/reactions/🎉")).status == 204
        # 4.5 are spent: an edit is the last that there is enough for.
        assert (await caller.put(path, content="Hello?")).status == 200
        assert (await caller.put(path, content="Hello")).status == 429
        assert (await caller.put(f"{path}/reactions/🎉")).status == 200
        for refused in (caller.put(f"{path}/reactions/👍"), caller.delete(path)):
            assert (await refused).status == 429
    again = await ann.call("message:edit", content="Hey", **about)  # the hub learns of it with what it spends next
    await settled(env)
    assert "error" not in again
    assert (await ann.call("message:delete", **about))["error"]["code"] == "RATE_LIMITED"
    assert (await ann.call("conversation:typing", conversationId=str(room), isTyping=True)) == {}


@pytest.mark.parametrize("by_call", [True, False])
async def test_a_group_weighs_more_with_each_member_and_is_paid_for_afterwards(
    env: Environment, hubs: tuple[str, str], *, by_call: bool
) -> None:
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    ids = [str((await env.person("Someone"))[0].id) for _ in range(20)]
    if by_call:
        async with calling(env, ann) as caller:
            assert (await caller.post("/conversations/groups", title="All", participantIds=ids)).status == 201
            refused = await caller.post("/conversations/groups", title="All", participantIds=ids)
            assert refused.status == 429
            # 7 of 6 are spent, and the next one needs 5: 6 are missing.
            assert 5900 < int(refused.headers["Retry-After"]) <= 6000
    else:
        made = [ann.call("conversation:create", title="All", participantIds=ids) for _ in range(2)]
        assert await codes(made) == ["", "RATE_LIMITED"]
    await settled(env)
    other = await Chatter(ann.user, ann.token, hubs[1]).connect()
    await settled(env)
    assert (await other.send(uuid7(), "Hi"))["error"]["code"] == "RATE_LIMITED"
    await other.socket.disconnect()


async def test_a_raised_user_may_send_so_many_times_as_much_on_hubs_and_by_calls(env: Environment) -> None:
    user, token = await env.person("Bot")
    settings = msgspec.structs.replace(env.settings, raised_limits=(f"{user.id}:3",))
    bot = await Chatter(user, token, await env.hub(settings, MARKETS)).connect()
    room = await env.group(user)
    assert (await codes(bot.send(room, "Hi") for _ in range(25))).count("") == 18
    ann = await (await env.chatter("Ann", bot.url)).connect()
    other = await env.group(ann.user)
    assert (await codes(ann.send(other, "Hi") for _ in range(8))).count("") == 6
    await bot.socket.disconnect()


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("no:such:event", {}, "UNKNOWN_EVENT"),
        ("conversation:typing", {"conversationId": 5}, "VALIDATION_ERROR"),
        ("sync", {"cursor": 7}, "VALIDATION_ERROR"),
    ],
)
async def test_events_that_there_are_not_or_that_make_no_sense_count_too(
    env: Environment, monkeypatch: pytest.MonkeyPatch, event: str, payload: dict[str, Any], code: str
) -> None:
    monkeypatch.setattr(limits, "OTHER_EVENTS", Rate("events", 4, 6000))
    ann = await (await env.chatter("Ann", await env.hub(markets=MARKETS))).connect()  # which is the first event
    assert [(await ann.call(event, **payload))["error"]["code"] for _ in range(4)] == [code] * 3 + ["RATE_LIMITED"]
    assert await refusal(ann) == "RATE_LIMITED", "also one more socket"
    metrics = env.hubs[0].metrics.registry
    assert metrics.get_sample_value("greenroom_limited_total", {"kind": "events"}) == 2


async def test_a_message_that_makes_no_sense_weighs_as_one_that_does(env: Environment, hubs: tuple[str, str]) -> None:
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    answers = [(await ann.call("message:send", content=5))["error"]["code"] for _ in range(7)]
    assert answers == ["VALIDATION_ERROR"] * 6 + ["RATE_LIMITED"]


async def test_one_socket_too_many_is_refused_and_the_others_stay(
    env: Environment, hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SOCKETS", 3)
    ann = await env.chatter("Ann", hubs[0])
    clients = [await Chatter(ann.user, ann.token, hubs[0]).connect() for _ in range(3)]
    assert await refusal(ann) == "TOO_MANY_CONNECTIONS"
    assert all(client.socket.connected for client in clients)
    assert await refusal(Chatter(ann.user, ann.token, hubs[1])) == "", "each hub counts its own"
    assert await refusal(await env.chatter("Bob", hubs[0])) == ""
    [first, *_] = env.hubs[0]._gateway._users.of(ann.user.id.bytes)
    first.disconnect(close=True)
    assert await refusal(ann) == "", "there is room for one again"
    for client in clients:
        await client.socket.disconnect()


async def test_sockets_that_come_back_at_once_are_no_more_than_any(
    env: Environment, hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SOCKETS", 3)
    ann = await env.chatter("Ann", hubs[0])
    clients = [socketio.AsyncClient(reconnection=False) for _ in range(10)]
    auth = {"token": ann.token, "pid": "of-another-time", "offset": "none"}
    came = await asyncio.gather(
        *(client.connect(hubs[0], auth=auth, transports=["websocket"], wait_timeout=PATIENCE) for client in clients),
        return_exceptions=True,
    )
    assert [type(one) for one in came].count(Refused) == 7
    assert not env.hubs[0]._gateway._recovering
    for client in clients:
        await client.disconnect()


async def test_an_address_whose_tokens_are_wrong_is_refused_and_its_users_are_not(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FAILED_CONNECTS", Rate("failed-connects", 3, 6000))
    ann = await env.chatter("Ann", await env.hub(markets=MARKETS))
    assert await refusal(ann) == "", "a good one costs nothing"
    assert [await refusal(ann, token="wrong") for _ in range(4)] == ["UNAUTHORIZED"] * 3 + ["RATE_LIMITED"]
    assert [await refusal(ann) for _ in range(5)] == [""] * 5, "strangers at her address cost a user nothing"


async def test_ended_logins_count_and_the_database_is_not_asked_for_ever(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FAILED_CONNECTS", Rate("failed-connects", 3, 6000))
    asked = 0
    look_up = Logins.look_up

    def counted(*args: Any) -> None:
        nonlocal asked
        asked += 1
        look_up(*args)

    monkeypatch.setattr(Logins, "look_up", counted)
    ann = await env.chatter("Ann", await env.hub(markets=MARKETS))
    await env.resources.db.execute("update sessions set ended_at = now() where id = $1", ann.user.session_id)
    assert [await refusal(ann) for _ in range(6)] == ["SESSION_ENDED"] * 3 + ["RATE_LIMITED"] * 3
    assert asked == 3


async def test_a_login_that_this_hub_has_seen_end_is_refused_without_the_database(
    env: Environment, hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    env.publisher.end_sessions([ann.user.session_id])
    await ann.heard.next("session:ended")

    def look_up(*_: Any) -> None:
        raise AssertionError("the database is asked")

    monkeypatch.setattr(Logins, "look_up", look_up)
    assert await refusal(ann) == "SESSION_ENDED"


@pytest.fixture
def hanging(redis_url: str) -> Iterator[Redis]:
    """Return a way to have the Redis of all tests hang, which goes on afterwards."""
    with Redis.from_url(redis_url) as redis:
        yield redis
        redis.client_unpause()


async def test_while_redis_hangs_each_hub_holds_the_rate_for_itself_and_nobody_waits(
    env: Environment, hubs: tuple[str, str], hanging: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "AWAY_SECONDS", 0.05)
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 0.1)
    ann = await (await env.chatter("Ann", hubs[0])).connect()
    room = await env.group(ann.user)
    await settled(env)
    hanging.client_pause(60_000, all=False)
    assert await codes(ann.send(room, f"Hi {i}") for i in range(8)) == [""] * 6 + ["RATE_LIMITED"] * 2
    hanging.client_unpause()
    await settled(env)
    assert (await ann.send(room, "Hi"))["error"]["code"] == "RATE_LIMITED", "what was spent meanwhile is not forgotten"


async def test_without_limits_nothing_is_asked_of_redis(env: Environment) -> None:
    ann = await env.chatter("Ann", await env.hub(without_limits(env.settings), MARKETS))
    await ann.connect()
    room = await env.group(ann.user)
    assert await codes(ann.send(room, "Hi") for _ in range(20)) == [""] * 20
    assert [key async for key in env.resources.redis.scan_iter("limit:*")] == []


@pytest.mark.parametrize("forwarded", ["nobody knows", ""])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_session_whose_proxy_forwards_for_no_address_is_refused(
    env: Environment, transport: str, forwarded: str
) -> None:
    url = await env.hub(msgspec.structs.replace(env.settings, trusted_proxies=("127.0.0.0/8",)))
    query = f"/socket.io/?EIO=4&transport={transport}"
    async with aiohttp.ClientSession(headers={"X-Forwarded-For": forwarded}) as http:
        if transport == "polling":
            assert (await http.get(url + query)).status == 400
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
                await http.ws_connect(url + query)
    assert not env.hubs[0].engine.sessions
