"""A login that has ended has no sockets, whoever heard of its end; and a socket belongs to the login that it goes on with."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast
from urllib.parse import unquote, urlsplit
from uuid import UUID

import msgspec
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from config.settings import Settings
from core.accounts import sessions
from core.accounts.logins import LIVE_SESSIONS, Login
from core.base.ids import uuid7
from core.platform.db import Pool
from core.work import outbox
from core.work.jobs import NotifyMembers
from core.work.unit_of_work import unit_of_work
from realtime.gateway import gateway, logins
from realtime.publishing.publisher import open_publisher
from tests.chaos.proxy import Proxy, open_proxy
from tests.flow.conftest import Chatter, Environment, at_bazaar
from tests.flow.realtime.test_connect import refused
from workers.app import open_worker

pytestmark = at_bazaar


async def behind_proxy(env: Environment) -> tuple[Settings, Proxy]:
    """Return the settings of a process that reaches Redis through a proxy."""
    address = unquote(urlsplit(env.settings.redis_urls[0]).path)
    proxy, port = await env.stack.enter_async_context(open_proxy(address))
    return msgspec.structs.replace(env.settings, redis_urls=(f"redis://127.0.0.1:{port}",)), proxy


async def end_login(env: Environment, session_id: UUID) -> None:
    await env.resources.db.execute("update sessions set ended_at = now() where id = $1", session_id)


async def put_out(chatter: Chatter) -> None:
    """Return when the client was told that its login has ended, and was disconnected."""
    assert (await chatter.heard.next("session:ended"))["reason"]
    await chatter.heard.next("disconnect")


async def heard_up_to_here(env: Environment, chatter: Chatter) -> None:
    """Return when the client has heard something that the bus carried after all else."""
    env.publisher.emit_encoded([chatter.user.id], "test:mark", b"{}")
    await chatter.heard.next("test:mark")


async def test_a_login_that_ends_while_a_hub_cannot_hear_has_no_sockets_there_once_it_can(env: Environment) -> None:
    settings, proxy = await behind_proxy(env)
    ann = await (await env.chatter("Ann", await env.hub(settings))).connect()
    bob = await (await env.chatter("Bob", ann.url)).connect()
    proxy.cut()
    await end_login(env, ann.user.session_id)
    env.publisher.end_sessions([ann.user.session_id])

    proxy.mend()

    await put_out(ann)
    assert bob.socket.connected


async def test_a_logout_lost_on_a_dead_connection_closes_the_sockets_after_the_reconnect(
    env: Environment, hub: str
) -> None:
    settings, proxy = await behind_proxy(env)
    publisher = await env.stack.enter_async_context(open_publisher(settings, env.resources))
    ann = await (await env.chatter("Ann", hub)).connect()
    bob = await (await env.chatter("Bob", hub)).connect()
    proxy.cut()
    await end_login(env, ann.user.session_id)
    publisher.end_sessions([ann.user.session_id])

    proxy.mend()

    await put_out(ann)
    assert bob.socket.connected


async def test_a_lost_logout_event_is_found_by_the_next_sweep(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "SWEEP_SECONDS", 0.1)
    ann = await (await env.chatter("Ann", await env.hub())).connect()
    bob = await (await env.chatter("Bob", ann.url)).connect()
    await end_login(env, ann.user.session_id)
    await put_out(ann)
    assert bob.socket.connected


async def test_a_sweep_that_the_database_does_not_answer_is_made_up_for(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    failed: list[object] = []

    async def fail_once(db: Pool, ids: Sequence[UUID]) -> Sequence[Login]:
        if not failed:
            failed.append(ids)
            raise ConnectionRefusedError("no database just now")
        return await LIVE_SESSIONS(db, ids)

    monkeypatch.setattr(logins, "LIVE_SESSIONS", fail_once)
    await end_login(env, ann.user.session_id)
    env.hubs[0]._gateway.logins.recheck()
    await put_out(ann)
    assert failed


async def test_a_login_that_ends_while_its_client_is_on_the_way_in_gets_no_socket(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await env.chatter("Ann", hub)

    async def ended_meanwhile(db: Pool, ids: Sequence[UUID]) -> Sequence[Login]:
        found = await LIVE_SESSIONS(db, ids)
        env.hubs[0]._gateway.end_session(ann.user.session_id.bytes)
        return found

    monkeypatch.setattr(logins, "LIVE_SESSIONS", ended_meanwhile)
    assert (await refused(hub, {"token": ann.token}, "bazaar"))["data"]["error"]["code"] == "SESSION_ENDED"  # type: ignore[index]


async def test_a_client_that_goes_on_with_another_login_ends_with_that_one_and_not_with_the_first(
    env: Environment, hub: str
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    first, second = ann.user.session_id, uuid7()
    await env.resources.db.execute("insert into sessions (id, user_id) values ($1, $2)", second, ann.user.id)
    token = env.token(replace(ann.user, session_id=second), timedelta(hours=2))
    assert cast("dict[str, str]", await ann.call("auth:refresh", token=token))["expiresAt"]

    env.publisher.end_sessions([first])
    await heard_up_to_here(env, ann)
    assert not ann.heard.all("session:ended")

    env.publisher.end_sessions([second])
    await put_out(ann)


async def two_sockets(env: Environment, two_hubs: tuple[str, str]) -> tuple[Chatter, Chatter]:
    """Return two clients of one login, on two hubs."""
    first = await (await env.chatter("Ann", two_hubs[0])).connect()
    second = Chatter(first.user, first.token, two_hubs[1])
    env.stack.push_async_callback(second.socket.disconnect)
    return first, await second.connect()


async def test_a_logout_whose_process_dies_after_the_commit_is_performed_by_the_workers(
    env: Environment, two_hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = await two_sockets(env, two_hubs)
    user = sockets[0].user

    async def dies(*_: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "perform", dies)
        await sessions.end_one(env.ctx(user), user.session_id)
    assert [one.heard.all("session:ended") for one in sockets] == [[], []]
    monkeypatch.setattr(outbox, "OVERDUE", timedelta(0))
    async with open_worker(env.settings, env.resources, env.publisher):
        for one in sockets:
            await put_out(one)
    assert await env.resources.db.fetchval("select count(*) from outbox") == 0


async def test_a_login_whose_end_is_not_committed_keeps_its_sockets(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()

    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("core.work.audit.record", fails)
        with pytest.raises(ZeroDivisionError):
            await sessions.end_one(env.ctx(ann.user), ann.user.session_id)
    await heard_up_to_here(env, ann)
    assert not ann.heard.all("session:ended")
    assert await LIVE_SESSIONS(env.resources.db, [ann.user.session_id])


async def test_a_job_that_cannot_be_queued_keeps_no_socket_open(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()

    async def away(*_: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(env.resources.jobs, "enqueue_encoded", away)
    async with unit_of_work(env.ctx(ann.user)) as work:
        work.enqueue(NotifyMembers([]))
        await sessions.end_all(work, ann.user.id, "a test")
    await put_out(ann)


async def test_a_login_that_ends_while_redis_is_away_has_no_sockets_once_it_is_back(env: Environment, hub: str) -> None:
    settings, proxy = await behind_proxy(env)
    publisher = await env.stack.enter_async_context(open_publisher(settings, env.resources))
    here = await (await env.chatter("Ann", await env.hub(settings))).connect()
    there = Chatter(here.user, here.token, hub)
    env.stack.push_async_callback(there.socket.disconnect)
    await there.connect()
    bob = await (await env.chatter("Bob", here.url)).connect()
    proxy.cut()
    await sessions.end_one(replace(env.ctx(here.user), publisher=publisher), here.user.session_id)

    proxy.mend()

    for one in (here, there):
        await put_out(one)
    assert bob.socket.connected


async def test_the_last_logins_that_ended_are_remembered_one_by_one(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "ENDED_REMEMBERED", 3)
    keys = [uuid7().bytes for _ in range(5)]
    for key in keys:
        env.hubs[0]._gateway.end_session(key)
    assert list(env.hubs[0]._gateway._ended) == keys[-3:]
