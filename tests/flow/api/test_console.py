"""What operators see and do: two hubs, real clients, and the audit log."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from core.base.clock import now
from core.work import dead_jobs
from realtime.bus.deliveries import ADMIN_REQUESTS, Kind
from realtime.engine.transports.frames import text_frame
from realtime.operations import admin_client
from realtime.operations.admin_client import open_admin_client
from realtime.operations.admin_protocol import SeeUser
from realtime.operations.probes import NotReadyError
from realtime.operations.process_status import HUBS_KEY, SILENT
from tests.flow.api.conftest import SECRET, Api, Caller, audited, id_of, with_operators
from tests.flow.conftest import Chatter, Environment, at_bazaar, at_onswift
from tests.flow.realtime.test_mending import raw_client

pytestmark = at_bazaar


async def trace(operator: Caller, sent: dict[str, Any], **query: str) -> Any:
    reply = await operator.get(f"/messages/{sent['id']}/trace", **query)
    assert reply.status == 200, reply
    return reply.body


def states(traced: Any) -> dict[str, str]:
    return {one["member"]["name"]: one["state"] for one in traced["members"]}


async def test_only_who_knows_a_secret_is_an_operator(operator: Caller) -> None:
    assert (await operator.get("/me")).body["name"] == "olga"
    other = Caller(operator.client, "/ops", access_token=SECRET[::-1])
    assert (await other.get("/me")).body["name"] == "omar"
    for token in ("", "x", SECRET[:-1], f"olga:{SECRET}", SECRET.upper()):
        for path in ("/me", "/hubs", f"/users/{uuid4()}", "/jobs"):
            reply = await Caller(operator.client, "/ops", access_token=token, headers={"X": "x"}).get(path)
            assert reply.status in (401, 429), (token, path)
    assert reply.status == 429


async def test_a_user_is_no_operator_however_often_she_asks_and_operators_go_on(
    operator: Caller, env: Environment
) -> None:
    _, token = await env.person("Ann", "creator")
    assert (await Caller(operator.client, "/ops", access_token=token).get("/hubs")).code == "UNAUTHORIZED"
    assert [(await operator.get("/me")).status for _ in range(40)] == [200] * 40


async def test_without_operators_there_is_no_console(api: Api, env: Environment) -> None:
    for path in ("/ops/me", "/ops/hubs", "/console", "/ops/docs"):
        assert (await api.client.get(path, headers={"Authorization": f"Bearer {SECRET}"})).status == 404
    async with open_admin_client(env.settings, env.resources) as hubs:
        assert hubs is None


async def test_hubs_tell_how_they_do(operator: Caller, env: Environment, two_hubs: tuple[str, str]) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    await ann.send(room, "Hi")
    await env.hubs[0]._heartbeat._beat()
    listed = (await operator.get("/hubs")).body["hubs"]
    assert {one["vitals"]["id"] for one in listed} == {id_of(env, 0), id_of(env, 1)}
    assert not any(one["silent"] for one in listed)
    (first,) = (one["vitals"] for one in listed if one["vitals"]["id"] == id_of(env, 0))
    assert (first["connections"], first["users"], first["rooms"], first["slowSessions"]) == (1, 1, 1, 0)
    assert first["messagesPerSecond"] > 0
    assert first["deliveriesPerSecond"] > 0
    assert (first["deaf"], first["draining"], first["journalWaiting"]) == (False, False, 0)
    await env.hubs[1]._heartbeat.stop()
    assert [one["vitals"]["id"] for one in (await operator.get("/hubs")).body["hubs"]] == [id_of(env, 0)]


async def test_a_hub_that_died_is_silent_and_then_forgotten(
    operator: Caller, env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await env.hubs[0]._heartbeat._beating.stop()
    monkeypatch.setattr("realtime.operations.process_status.now", lambda: now() + SILENT)
    assert [one["silent"] for one in (await operator.get("/hubs")).body["hubs"]] == [True]
    monkeypatch.setattr("realtime.operations.process_status.now", lambda: now() + SILENT * 10)
    assert (await operator.get("/hubs")).body == {"hubs": [], "processes": []}
    assert await env.resources.redis.hlen(HUBS_KEY) == 0  # type: ignore[misc]


async def test_people_and_conversations_are_found(operator: Caller, env: Environment, hub: str) -> None:
    ann, _ = await env.person("Ann 100%_ Example")
    await env.person("Bob")
    room = await env.group(ann)
    chatter = Chatter(ann, env.token(ann), hub)
    env.stack.push_async_callback(chatter.socket.disconnect)
    await chatter.connect()
    sent = await chatter.send(room, "secret words")

    async def names(text: str) -> list[str]:
        return [user["name"] for user in (await operator.get("/search", q=text)).body["users"]]

    for text in (str(ann.id), str(ann.email), str(ann.email).upper(), " ann 100%", "ANN", "Ann 100%_"):
        assert await names(text) == ["Ann 100%_ Example"], text
    for text in ("%", "_", "nn", "\\", "nobody@example.com", str(uuid4()), " ", "\0"):
        assert await names(text) == [], text
    assert (await operator.get("/search", q=str(room))).body["conversation"]["id"] == str(room)
    by_message = await operator.get("/search", q=sent["id"])
    assert by_message.body["message"]["conversationId"] == str(room)
    page = await operator.get(f"/conversations/{room}")
    assert [one["seq"] for one in page.body["messages"]] == [1]
    assert "secret words" not in f"{by_message.body}{page.body}", "operators see where things stand, not what was said"


@at_onswift
async def test_a_user_is_found_in_another_spelling_or_by_part_of_an_address_until_she_is_gone(
    api: Api, operator: Caller
) -> None:
    found = {
        "José García": ("garcia", "jose gar", "Garcia José", "Jose Garsia"),
        "山田太郎": ("山田", "太郎"),
        "فاطمة القحطاني": ("فاطمه", "قحطاني"),
    }
    people = {name: await api.signed_up("talent", name) for name in found}
    for name, texts in found.items():
        local = people[name].email.partition("@")[0]
        for text in (*texts, local[:18], f"{local}@exam"):
            users = (await operator.get("/search", q=text)).body["users"]
            assert [user["name"] for user in users] == [name], text
    jose = people["José García"]
    assert (await jose.put("/users/me", name="Zoë Maier")).status == 200
    assert [len((await operator.get("/search", q=q)).body["users"]) for q in ("garcia", "zoe")] == [0, 1]
    assert (await jose.delete("/users/me")).status == 204
    for text in ("zoe", jose.email):
        assert (await operator.get("/search", q=text)).body["users"] == []


async def test_a_user_is_shown_with_sockets_on_every_hub(
    operator: Caller, env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    for url, transport in zip(two_hubs, ("websocket", "polling"), strict=True):
        chatter = Chatter(ann, token, url)
        env.stack.push_async_callback(chatter.socket.disconnect)
        await chatter.connect((transport,))
        await chatter.join(room)
    page = (await operator.get(f"/users/{ann.id}")).body
    assert page["user"]["email"] == ann.email
    assert [one["id"] for one in page["sessions"]] == [str(ann.session_id)]
    sockets = {one["hub"]: one["socket"] for one in page["sockets"]}
    assert sockets[id_of(env, 0)]["transport"] == "websocket"
    assert sockets[id_of(env, 1)]["transport"] == "polling"
    assert {one["remote"] for one in sockets.values()} == {"127.0.0.0/24"}
    assert {one["joined"] for one in sockets.values()} == {1}
    assert [one["id"] for one in page["conversations"]] == [str(room)]
    assert page["unheard"] == []


async def test_a_trace_says_why_somebody_did_not_get_it(
    operator: Caller, env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    reader = await (await env.chatter("Reader", two_hubs[1])).connect()
    listener = await (await env.chatter("Listener", two_hubs[1])).connect()
    elsewhere = await (await env.chatter("Elsewhere", two_hubs[0])).connect()
    away, _ = await env.person("Away")
    room = await env.group(ann.user, reader.user, listener.user, elsewhere.user, away)
    for one in (ann, reader, listener):
        await one.join(room)
    sent = await ann.send(room, "Did you get it?")
    for one in (reader, listener):
        await one.heard.next("message:received")
    await reader.call("conversation:read", conversationId=str(room), messageId=sent["id"])
    traced = await trace(operator, sent)
    assert states(traced) == {
        "Ann": "read",
        "Reader": "read",
        "Listener": "delivered",
        "Elsewhere": "not_joined",
        "Away": "offline",
    }
    assert {one["hub"]: one["hasTold"] for one in traced["hubs"]} == {id_of(env, 0): True, id_of(env, 1): True}
    assert [one["room"]["sockets"] for one in sorted(traced["hubs"], key=lambda one: one["room"]["sockets"])] == [1, 2]
    assert traced["message"]["version"] == sent["version"]
    assert states(await trace(operator, sent, userId=str(listener.user.id))) == {"Listener": "delivered"}
    assert states(await trace(operator, sent, userId=str(uuid4()))) == {}


@at_onswift
async def test_a_trace_shows_slow_members_and_the_last_message_delivered_to_them(
    operator: Caller, env: Environment, hub: str
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    slow, token = await env.person("Slow")
    room = await env.group(ann.user, slow)
    _, writer = await raw_client(hub, token, room)
    first = await ann.send(room, "first")
    session = list(env.hubs[0].engine.sessions.values())[1]
    session.write(text_frame(b"4" + b"x" * 3_500_000))  # less than what closes a session at the next write
    assert session.behind
    second = await ann.send(room, "second")
    assert states(await trace(operator, first, userId=str(slow.id))) == {"Slow": "delivered"}
    traced = await trace(operator, second, userId=str(slow.id))
    assert states(traced) == {"Slow": "behind"}
    assert traced["members"][0]["seenVersion"] == first["version"]
    assert [(one["hasTold"], one["room"]["behind"]) for one in traced["hubs"]] == [(True, 1)]
    await env.hubs[0]._heartbeat._beat()
    (vitals,) = (one["vitals"] for one in (await operator.get("/hubs")).body["hubs"])
    assert vitals["slowSessions"] == 1
    writer.close()


async def test_nobody_is_called_offline_while_a_hub_does_not_answer(
    operator: Caller, env: Environment, two_hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_client, "GATHER_SECONDS", 0.2)
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    away, _ = await env.person("Away")
    room = await env.group(ann.user, away)
    sent = await ann.send(room, "Hi")
    monkeypatch.setattr(env.hubs[1]._bus, "publish_everywhere", lambda *_args: None)
    traced = await trace(operator, sent)
    assert states(traced) == {"Ann": "read", "Away": "unknown"}
    assert (traced["unheard"], traced["heardAll"]) == ([id_of(env, 1)], False)


async def test_hubs_are_asked_on_while_redis_does_not_say_which_there_are(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    nobody = SeeUser(uuid4())
    async with open_admin_client(with_operators(env.settings), env.resources) as hubs:
        assert hubs
        both = {id_of(env, 0), id_of(env, 1)}
        kept, hubs._redis = hubs._redis, Redis(port=1)
        answers = await hubs.ask(nobody)
        assert (set(answers.seen), answers.unheard, answers.heard_all) == (both, [], False)
        hubs._redis = kept
        await hubs.hub_statuses()
        hubs._redis = Redis(port=1)
        answers = await hubs.ask(nobody)
        assert (set(answers.seen), answers.unheard, answers.heard_all) == (both, [], True)


async def test_a_hub_ignores_admin_requests_that_it_does_not_know(env: Environment, hub: str) -> None:
    async with open_admin_client(with_operators(env.settings), env.resources) as hubs:
        assert hubs
        for frame in (b"", b"{}", b'{"type":"of tomorrow"}', b"\xff"):
            hubs._bus.publish(ADMIN_REQUESTS, Kind.ADMIN_REQUEST, frame, subject=bytes(16))
        assert set((await hubs.ask(SeeUser(uuid4()))).seen) == {id_of(env, 0)}
        assert not env.hubs[0].deaf


async def test_a_session_that_an_operator_ends_has_no_sockets_left_and_it_is_audited(
    operator: Caller, env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[1])).connect()
    reply = await operator.post(f"/sessions/{ann.user.session_id}/end")
    assert reply.status == 200, reply
    await ann.heard.next("session:ended")
    await ann.heard.next("disconnect")
    assert (await operator.post(f"/sessions/{ann.user.session_id}/end")).code == "SESSION_NOT_FOUND"
    assert (await operator.post(f"/sessions/{uuid4()}/end")).code == "SESSION_NOT_FOUND"
    facts = {"operator": "olga", "user_id": str(ann.user.id), "reason": "ended by an operator"}
    assert await audited(env) == [("session.end", ann.user.session_id, facts)]


async def test_a_drained_hub_sends_its_clients_away_takes_none_and_comes_back(
    operator: Caller, env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1])).connect()
    drained, other = env.hubs
    for _ in range(2):
        assert (await operator.post(f"/hubs/{id_of(env, 0)}/drain")).body == {"draining": True}
    await ann.heard.next("server:restarting")
    await ann.heard.next("disconnect")
    with pytest.raises(NotReadyError):
        await drained.ready()
    await other.ready()
    handshake = f"{two_hubs[0]}/socket.io/?EIO=4&transport=polling"
    async with ClientSession() as client, client.get(handshake) as response:
        assert response.status == 503
    await drained._heartbeat._beat()
    listed = {one["vitals"]["id"]: one["vitals"]["draining"] for one in (await operator.get("/hubs")).body["hubs"]}
    assert listed == {id_of(env, 0): True, id_of(env, 1): False}
    assert bob.socket.connected

    assert (await operator.post(f"/hubs/{id_of(env, 0)}/undrain")).body == {"draining": False}
    await drained.ready()
    await ann.connect()
    assert (await operator.post("/hubs/nowhere/drain")).code == "HUB_NOT_FOUND"
    facts = {"operator": "olga", "hub": id_of(env, 0), "answered": True}
    assert await audited(env) == [("hub.drain", None, facts)] * 2 + [("hub.undrain", None, facts)]


async def test_dead_jobs_are_listed_retried_and_dropped(operator: Caller, env: Environment) -> None:
    db = env.resources.db
    for name, arguments in (("NotifyMembers", '{"conversation_ids":[]}'), ("SendMail", None), ("CheckFile", "{}")):
        await dead_jobs.mark_dead(db, name, arguments, "it broke", 3, "request")
    listed = (await operator.get("/jobs")).body
    assert listed["total"] == 3
    ids = {job["name"]: job["id"] for job in listed["jobs"]}
    assert (await operator.post("/jobs/retry", ids=[])).code == "VALIDATION_ERROR"
    retried = await operator.post("/jobs/retry", ids=[ids["NotifyMembers"], ids["SendMail"], str(uuid4())])
    assert retried.body == {"ids": [ids["NotifyMembers"]]}
    assert await db.fetchval("select count(*) from outbox") == 1
    assert (await operator.post("/jobs/drop", ids=[ids["CheckFile"]])).body == {"ids": [ids["CheckFile"]]}
    assert [job["name"] for job in (await operator.get("/jobs")).body["jobs"]] == ["SendMail"]
    assert await audited(env) == [
        ("job.retry", UUID(ids["NotifyMembers"]), {"operator": "olga", "job": "NotifyMembers"}),
        ("job.drop", UUID(ids["CheckFile"]), {"operator": "olga", "job": "CheckFile"}),
    ]


async def test_what_does_not_exist_is_not_found(operator: Caller) -> None:
    assert (await operator.get(f"/users/{uuid4()}")).code == "USER_NOT_FOUND"
    assert (await operator.get(f"/conversations/{uuid4()}")).code == "CONVERSATION_NOT_FOUND"
    assert (await operator.get(f"/messages/{uuid4()}/trace")).code == "MESSAGE_NOT_FOUND"
    assert (await operator.get("/users/x")).code == "VALIDATION_ERROR"
    assert (await operator.get("/search", q="")).code == "VALIDATION_ERROR"
