"""Stock Socket.IO clients recover their state, on any hub; and a token can be renewed within a connection."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import socketio

from core.work.context import User
from realtime.gateway import gateway, recovery
from realtime.gateway.recovery import Recovery
from tests.bazaar.words import IDS
from tests.flow.conftest import PATIENCE, Chatter, Environment, Heard, over_markets

ROOT = Path(__file__).parents[3]
NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))

LIFETIME = timedelta(hours=1)


def shown(env: Environment, id: UUID) -> str:
    """Return an id as clients of the marketplace know it."""
    return IDS.shown(str(id)) if env.market == "bazaar" else str(id)


class Script:
    """The official client in Node, spoken with by lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def told(self) -> dict[str, Any]:
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            told: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return told

    def go_on(self, line: object = "") -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line).encode() + b"\n")


async def official_client(*args: str, script: str = "recover.mjs") -> Script:
    assert NODE
    return Script(
        await asyncio.create_subprocess_exec(
            NODE,
            str(Path(__file__).with_name(script)),
            *args,
            str(ROOT / "web"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    )


@over_markets
@pytest.mark.skipif(NODE is None, reason="no node: `make install` fetches one where npm is missing")
@pytest.mark.skipif(not (ROOT / "web/node_modules/socket.io-client").exists(), reason="run `make install`")
@pytest.mark.parametrize("heard_before", [True, False])
async def test_the_official_client_is_recovered_on_another_hub_also_when_it_had_heard_nothing(
    env: Environment, two_hubs: tuple[str, str], *, heard_before: bool
) -> None:
    ann, token = await env.person("Ann")
    bob = await (await env.chatter("Bob", two_hubs[1])).connect()
    room = await env.group(ann, bob.user)
    client = await official_client(*two_hubs, token, shown(env, room), env.market)
    assert await client.told() == {"recovered": False}
    wanted = ["before"] if heard_before else []
    for content in wanted:
        await bob.send(room, content)

    client.go_on(wanted)
    assert await client.told() == {"seen": wanted}
    assert await client.told() == {"lost": True}
    await bob.send(room, "while away")
    client.go_on()

    assert await client.told() == {"recovered": True}
    await bob.send(room, "back again")
    client.go_on([*wanted, "while away", "back again"])
    seen = (await client.told())["seen"]
    assert seen == [*wanted, "while away", "back again"]
    await client.process.wait()


@over_markets
@pytest.mark.skipif(NODE is None, reason="no node: `make install` fetches one where npm is missing")
@pytest.mark.skipif(not (ROOT / "web/node_modules/socket.io-client").exists(), reason="run `make install`")
@pytest.mark.parametrize("where", ["the same hub", "another hub", "another hub, the first drained"])
async def test_a_recovered_socket_gets_what_it_has_missed(
    env: Environment, two_hubs: tuple[str, str], where: str
) -> None:
    ann, token = await env.person("Ann")
    bob = await (await env.chatter("Bob", two_hubs[1])).connect()
    rooms = [await env.group(ann, bob.user) for _ in range(2)]
    for place in range(5):
        await bob.send(rooms[place % 2], f"before the join {place}")
    following = two_hubs[0] if where == "the same hub" else two_hubs[1]
    client = await official_client(
        two_hubs[0], following, token, ",".join(shown(env, room) for room in rooms), env.market
    )
    await client.told()
    wanted = [f"heard {place}" for place in range(10)] + [f"missed {place}" for place in range(8)]
    for place, content in enumerate(wanted[:10]):
        await bob.send(rooms[place % 3 % 2], content)

    client.go_on(wanted[:10] if "drained" not in where else [*wanted[:10], "drain"])
    assert await client.told() == {"seen": wanted[:10]}
    if "drained" in where:
        env.hubs[0]._drain.set(on=True)
    assert await client.told() == {"lost": True}
    for place, content in enumerate(wanted[10:]):
        await bob.send(rooms[place % 3 % 2], content)
    client.go_on()

    assert await client.told() == {"recovered": True}
    await bob.send(rooms[0], "live")
    client.go_on([*wanted, "live"])
    seen = (await client.told())["seen"]
    assert sorted(seen) == sorted([*wanted, "live"])
    await client.process.wait()


@over_markets
@pytest.mark.skipif(NODE is None, reason="no node: `make install` fetches one where npm is missing")
@pytest.mark.skipif(not (ROOT / "web/node_modules/socket.io-client").exists(), reason="run `make install`")
async def test_after_a_hub_was_killed_nothing_is_missed_and_nothing_from_before_the_join_is_delivered(
    env: Environment, two_hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recovery, "gone", lambda _recovery, _client: None)  # a hub that is killed hands nothing over
    ann, token = await env.person("Ann")
    bob = await (await env.chatter("Bob", two_hubs[1])).connect()
    room = await env.group(ann, bob.user)
    await bob.send(room, "before the join")
    client = await official_client(*two_hubs, token, shown(env, room), env.market)
    await client.told()
    await bob.send(room, "heard")
    client.go_on(["heard"])
    assert await client.told() == {"seen": ["heard"]}
    assert await client.told() == {"lost": True}
    await bob.send(room, "missed")
    client.go_on()
    assert await client.told() == {"recovered": True}
    client.go_on(["heard", "missed"])
    assert set((await client.told())["seen"]) == {"heard", "missed"}
    await client.process.wait()


async def test_of_a_user_redis_keeps_the_sockets_that_joined_last(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MOST_SOCKETS", 2)
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    pids = []
    for _ in range(5):
        chatter = await Chatter(ann, token, hub).connect()
        await chatter.join(room)
        pids.append(list(env.hubs[0].engine.sessions.values())[-1].layer._sockets["/"].pid)  # type: ignore[attr-defined]
        await chatter.socket.disconnect()

    async def kept() -> set[str]:
        redis = env.resources.redis
        return {pid for pid in pids if await redis.exists(f"recover:{pid}")}

    async with asyncio.timeout(PATIENCE):
        while await kept() != set(pids[-2:]):  # the hub stores without waiting for an answer
            await env.resources.redis.ping()


async def test_another_users_pid_recovers_nothing(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    pid = next(iter(env.hubs[0].engine.sessions.values())).layer._sockets["/"].pid  # type: ignore[attr-defined]
    eve = await env.chatter("Eve", hub)
    await eve.socket.connect(hub, auth={"token": eve.token, "pid": pid, "offset": "0"}, transports=["websocket"])
    await ann.send(room, "Private")
    await ann.heard.next("message:received")
    assert not eve.heard.all("message:received")


async def test_a_token_that_expires_is_announced_and_can_be_renewed(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "WARNING_SECONDS", 3600)
    ann = await (await env.chatter("Ann", hub)).connect()
    assert (await ann.heard.next("session:expiring"))["expiresAt"]
    bob = await env.chatter("Bob", hub)
    assert (await ann.call("auth:refresh", token=bob.token))["error"]["code"] == "FORBIDDEN"
    assert (await ann.call("auth:refresh", token="nonsense"))["error"]["code"] == "UNAUTHORIZED"
    answer = await ann.call("auth:refresh", token=env.token(ann.user, timedelta(hours=2)))
    assert answer["expiresAt"]


@pytest.fixture
def expire(env: Environment, monkeypatch: pytest.MonkeyPatch) -> Callable[[User], None]:
    """Return what lets the tokens expire with which someone is connected; their clients are warned at once."""
    monkeypatch.setattr(gateway, "WARNING_SECONDS", LIFETIME.total_seconds())

    def expire(user: User) -> None:
        for client in env.hubs[0]._gateway._users.of(user.id.bytes):
            wheel = client.session.engine.wheel
            waits = (client.slot - wheel.now) * wheel.tick
            assert waits == pytest.approx(LIFETIME.total_seconds(), abs=60), "it would be called when the token expires"
            client.expires_at = 0.0
            client.due()

    return expire


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_connection_ends_with_its_token_but_its_session_does_not(
    env: Environment, hub: str, transport: str, expire: Callable[[User], None]
) -> None:
    ann = await env.chatter("Ann", hub)
    ann.token = env.token(ann.user, LIFETIME)
    await ann.connect((transport,))
    await ann.heard.next("session:expiring")
    expire(ann.user)
    await ann.heard.next("disconnect")
    assert not ann.heard.all("session:ended")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_the_python_client_comes_back_with_a_new_token_when_the_first_has_expired(
    env: Environment, hub: str, transport: str, expire: Callable[[User], None]
) -> None:
    user, _ = await env.person("Ann")
    heard = Heard()
    # Our own: the client forgets to close the one that it opens for polling when its server goes.
    http = await env.stack.enter_async_context(aiohttp.ClientSession())
    client = socketio.AsyncClient(reconnection_delay=0.01, http_session=http)
    client.on("connect", lambda: heard.add("connect", client.sid))
    client.on("session:expiring", lambda told: heard.add("session:expiring", told))
    env.stack.push_async_callback(client.shutdown)
    lifetimes = iter([LIFETIME, 3 * LIFETIME])

    def auth() -> dict[str, str]:
        return {"token": env.token(user, next(lifetimes))}

    await client.connect(hub, auth=auth, transports=[transport], wait_timeout=PATIENCE)
    assert (await heard.next("session:expiring"))["expiresAt"]
    expire(user)
    await heard.until("connect", 2)
    assert (await client.call("join:user", {"userId": str(user.id)}))["userId"]
    (back,) = env.hubs[0]._gateway._users.of(user.id.bytes)
    assert back.expires_at - time.time() > LIFETIME.total_seconds()


@pytest.mark.skipif(NODE is None, reason="no node: `make install` fetches one where npm is missing")
@pytest.mark.skipif(not (ROOT / "web/node_modules/socket.io-client").exists(), reason="run `make install`")
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_the_official_client_comes_back_with_a_new_token_when_the_first_has_expired(
    env: Environment, hub: str, transport: str, expire: Callable[[User], None]
) -> None:
    user, _ = await env.person("Ann")
    tokens = [env.token(user, lifetime) for lifetime in (LIFETIME, 3 * LIFETIME)]
    client = await official_client(hub, *tokens, transport, script="expire.mjs")
    assert [(await client.told())["event"] for _ in range(2)] == ["connect", "session:expiring"]
    expire(user)
    lost, back = await client.told(), await client.told()
    assert lost == {
        "event": "disconnect",
        "reason": {"websocket": "transport close", "polling": "transport error"}[transport],
    }
    assert back == {"event": "connect"}
    await client.process.wait()
