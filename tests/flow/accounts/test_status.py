"""The status of an account: who is suspended, banned or pending gets in nowhere, at once and for as long as that lasts."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace as named

from core.accounts.status.changes import set_status
from core.base import clock
from core.base.errors import AppError
from core.base.ids import BigintIds
from core.limits.budget import Rate
from core.work.context import Ctx
from core.work.rules.accounts import Status
from realtime.gateway import limits
from tests import bazaar
from tests.flow.api.conftest import PASSWORD, Api, Caller, audited
from tests.flow.conftest import Chatter, Environment, at_bazaar
from tests.flow.realtime.test_connect import refused
from tests.flow.realtime.test_limits import refusal

pytestmark = at_bazaar
WRONG = "Wrong-horse-7"


def operator(env: Environment) -> Ctx:
    """Return the call of somebody who is no user."""
    return Ctx(env.resources, env.publisher, bazaar.MARKETPLACE.policy, "test")


def user_id(caller: Caller) -> UUID:
    return UUID(BigintIds("bazaar").taken(caller.id))


async def become(env: Environment, caller: Caller, status: Status, days: int | None = None) -> None:
    until = clock.now() + timedelta(days=days) if days else None
    await set_status(operator(env), user_id(caller), status, "spam", until, operator="olga")


async def refreshed(caller: Caller, api: Api) -> str:
    """Return the code with which a refresh is refused."""
    return (await api.anyone.post("/auth/refresh", refresh_token=caller.refresh_token)).code


async def live(env: Environment, caller: Caller) -> int:
    """Return how many sessions of a user have not ended."""
    count: int = await env.resources.db.fetchval(
        "select count(*) from sessions where user_id = $1 and ended_at is null", user_id(caller)
    )
    return count


@pytest.mark.parametrize(("status", "code"), [("suspended", "ACCOUNT_SUSPENDED"), ("banned", "ACCOUNT_BANNED")])
async def test_calls_refreshes_and_logins_are_refused_at_once(
    api: Api, env: Environment, status: Status, code: str
) -> None:
    ann = await api.signed_up()
    await become(env, ann, status)
    reply = await ann.get("/auth/me")
    assert (reply.status, reply.code) == (403, code)
    assert await refreshed(ann, api) == code
    reply = await api.log_in(ann.email)
    assert (reply.status, reply.code) == (403, code)
    assert await live(env, ann) == 0


async def test_strangers_with_a_wrong_password_learn_nothing_of_it(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    await become(env, ann, "banned")
    replies = [await api.log_in(one.email, WRONG) for one in (ann, bob)]
    assert replies[0].error["message"] == replies[1].error["message"]
    assert replies[0].code == "AUTH_003"


async def test_sockets_are_closed_at_once_and_none_is_let_in(api: Api, env: Environment, hub: str) -> None:
    ann = await api.signed_up()
    user, token = await env.person("Bob")
    bob = await Chatter(user, token, hub).connect()
    await set_status(operator(env), user.id, "suspended", "spam")
    assert await bob.heard.next("session:ended")
    await bob.heard.next("disconnect")
    await refused(hub, {"token": token}, "bazaar")
    elsewhere: Any = await refused(await env.hub(), {"token": token}, "bazaar")
    assert elsewhere["data"]["error"]["code"] == "ACCOUNT_SUSPENDED"
    assert (await ann.get("/auth/me")).status == 200


async def test_a_status_that_was_set_in_the_database_counts_as_well(api: Api, env: Environment, hub: str) -> None:
    ann = await api.signed_up()
    _, token = await env.person("Bob")
    await env.resources.db.execute("update users set status = 'banned'")
    assert (await ann.get("/auth/me")).code == "ACCOUNT_BANNED"
    told: Any = await refused(hub, {"token": token}, "bazaar")
    assert told["data"]["error"]["code"] == "ACCOUNT_BANNED"


async def test_a_banned_users_sockets_do_not_ask_the_database_for_ever(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FAILED_CONNECTS", Rate("failed-connects", 3, 6000))
    ann = await env.chatter("Ann", await env.hub())
    await env.resources.db.execute("update users set status = 'banned'")
    assert [await refusal(ann) for _ in range(6)] == ["ACCOUNT_BANNED"] * 3 + ["RATE_LIMITED"] * 3


async def test_a_suspension_with_an_end_says_when_and_ends_by_itself(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await become(env, ann, "suspended", days=1)
    reply = await api.log_in(ann.email)
    assert (reply.code, reply.fields) == ("ACCOUNT_SUSPENDED", ["until"])
    await env.resources.db.execute("update users set status_until = now()")
    again = api.logged_in(await api.log_in(ann.email))
    assert (await again.get("/auth/me")).status == 200
    await become(env, ann, "suspended", days=1)
    assert (await again.get("/auth/me")).code == "ACCOUNT_SUSPENDED"


async def test_who_is_active_again_logs_in_again(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await become(env, ann, "banned")
    await become(env, ann, "active")
    assert (await ann.get("/auth/me")).code == "SESSION_ENDED"
    assert await refreshed(ann, api) == "INVALID_REFRESH_TOKEN"
    assert (await api.log_in(ann.email)).status == 200


async def test_a_pending_account_logs_in_once_it_is_active(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await env.resources.db.execute("update users set status = 'pending'")
    assert (await api.log_in(ann.email)).code == "ACCOUNT_PENDING"
    await become(env, ann, "active")
    assert (await api.log_in(ann.email)).status == 200


async def test_a_change_says_who_did_it_why_and_until_when_and_is_harmless_to_repeat(
    api: Api, env: Environment
) -> None:
    ann = await api.signed_up()
    until = clock.now() + timedelta(days=1)
    for _ in range(2):
        await set_status(operator(env), user_id(ann), "suspended", "spam", until, operator="olga")
    facts = {
        "status": "suspended",
        "before": "active",
        "reason": "spam",
        "until": until.isoformat(),
        "operator": "olga",
    }
    changes = [one for one in await audited(env) if one[0] == "user.set_status"]
    assert changes == [("user.set_status", user_id(ann), facts)]
    actors = await env.resources.db.fetch("select actor_id from audit_log where action = 'session.end_all'")
    assert [row["actor_id"] for row in actors] == [None]


@pytest.mark.parametrize(
    ("before", "status"), [("active", "pending"), ("banned", "suspended"), ("pending", "suspended")]
)
async def test_a_status_that_cannot_follow_is_refused(
    api: Api, env: Environment, before: Status, status: Status
) -> None:
    ann = await api.signed_up()
    await env.resources.db.execute("update users set status = $1", before)
    with pytest.raises(AppError) as error:
        await become(env, ann, status)
    assert error.value.kind.code == "STATUS_NOT_POSSIBLE"
    assert await env.resources.db.fetchval("select status from users") == before


async def test_only_a_suspension_has_an_end_and_it_is_in_the_future(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    wrong: tuple[tuple[Status, int], ...] = (("banned", 1), ("suspended", -1))
    for status, days in wrong:
        with pytest.raises(AppError) as error:
            await become(env, ann, status, days)
        assert error.value.details[0].field == "until"
    assert (await ann.get("/auth/me")).status == 200


async def test_users_of_other_marketplaces_and_those_who_are_gone_have_no_status(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    elsewhere = replace(operator(env), policy=named(bazaar.MARKETPLACE.policy, name="elsewhere"))
    for ctx, id in ((elsewhere, user_id(ann)), (operator(env), UUID(int=1))):
        with pytest.raises(AppError) as error:
            await set_status(ctx, id, "banned", "spam")
        assert error.value.kind.code == "USER_NOT_FOUND"
    assert (await ann.get("/auth/me")).status == 200


async def test_no_login_or_refresh_that_is_under_way_outlives_a_ban(api: Api, env: Environment) -> None:
    for _ in range(5):
        ann = await api.signed_up()
        await asyncio.gather(
            api.log_in(ann.email),
            api.anyone.post("/auth/refresh", refresh_token=ann.refresh_token),
            api.log_in(ann.email),
            become(env, ann, "banned"),
            api.log_in(ann.email),
        )
        assert await live(env, ann) == 0


async def test_a_status_changes_for_one_account_only(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    await become(env, ann, "banned")
    assert (await bob.get("/auth/me")).status == 200
    assert (await api.log_in(bob.email, PASSWORD)).status == 200
