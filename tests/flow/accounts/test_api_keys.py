"""API keys: who calls with one, for what, for how long; and that nobody sees its secret twice."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from core.accounts import api_keys, sessions
from core.accounts.api_keys import KeyCaller, NewApiKey
from core.base import clock
from core.base.errors import AppError
from core.base.ids import uuid7
from core.limits.budget import Rate
from core.operations.tidy import tidy
from core.privacy import erasure, exports
from core.work.context import Ctx, User
from core.work.policy import Policy
from core.work.rules.accounts import ApiKeyRules
from core.work.unit_of_work import unit_of_work
from tests import bazaar
from tests.flow.api.conftest import audited
from tests.flow.conftest import Environment, at_bazaar
from tests.policies import ChangePolicy

pytestmark = at_bazaar
RULES = ApiKeyRules("tal", frozenset({"read", "write"}))
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def with_rules(change_policy: ChangePolicy) -> None:
    change_policy(api_keys=RULES)


@pytest.fixture
async def user(env: Environment) -> User:
    user, _ = await env.person("Ann", "seller")
    return user


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes it so much later."""
    began = clock.now()

    def later(by: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: began + by)

    later(timedelta(0))
    return later


async def made(env: Environment, user: User, *scopes: str, **more: Any) -> NewApiKey:
    return await api_keys.create(env.ctx(user), "A program", scopes or ("read",), **more)


def anyone(env: Environment, policy: Policy | None = None) -> Ctx:
    return Ctx(env.resources, env.publisher, policy or bazaar.MARKETPLACE.policy, "test", remote="192.0.2.1")


async def calls(env: Environment, key: str) -> KeyCaller:
    return await api_keys.authenticate(anyone(env), key)


async def code_of(call: Any) -> str:
    with pytest.raises(AppError) as refused:
        await call
    return refused.value.kind.code


async def test_a_key_calls_as_its_user_within_its_scopes(env: Environment, user: User) -> None:
    key = await made(env, user, "read")
    caller = await calls(env, key.key)
    assert (caller.user.id, caller.user.role, caller.user.person.name) == (user.id, "seller", "Ann")
    caller.require("read")
    with pytest.raises(AppError) as refused:
        caller.require("write")
    assert refused.value.kind.code == "FORBIDDEN"


async def test_the_secret_is_shown_once_and_stored_nowhere(env: Environment, user: User) -> None:
    key = (await made(env, user)).key
    prefix, secret = key.rsplit("_", 1)
    assert prefix.startswith("tal_")
    (listed,) = await api_keys.list_of_user(env.ctx(user))
    assert listed.prefix == prefix
    stored = await env.resources.db.fetchval("select row_to_json(k)::text from api_keys k")
    log = await env.resources.db.fetchval("select json_agg(a)::text from audit_log a")
    for text in (msgspec.json.encode(listed).decode(), stored, log):
        assert secret not in text


@pytest.mark.parametrize(
    ("authorization", "header", "found"),
    [
        ("Bearer {key}", "", True),
        ("bearer  {key} ", "", True),
        ("", "{key}", True),
        ("Bearer a.b.c", "{key}", True),
        ("Basic {key}", "", False),
        ("Bearer a.b.c", "", False),
        ("", "", False),
    ],
)
async def test_a_key_is_shown_in_one_of_two_headers(
    env: Environment, user: User, authorization: str, header: str, *, found: bool
) -> None:
    key = (await made(env, user)).key
    assert api_keys.shown(authorization.format(key=key), header.format(key=key)) == (key if found else "")


@pytest.mark.parametrize(
    "change", [lambda k: k[:-1] + "-", lambda k: k[:-2] + "zz", lambda k: k + "a", lambda k: k.upper()]
)
async def test_a_key_that_is_not_quite_right_is_refused(env: Environment, user: User, change: Any) -> None:
    key = (await made(env, user)).key
    wrong = change(key)
    assert wrong != key
    assert await code_of(calls(env, wrong)) == "UNAUTHORIZED"
    assert await code_of(calls(env, "")) == "UNAUTHORIZED"


async def test_a_key_is_of_one_marketplace(env: Environment, user: User) -> None:
    key = (await made(env, user)).key
    assert (
        await code_of(
            api_keys.authenticate(
                anyone(env, msgspec.structs.replace(bazaar.MARKETPLACE.policy, name="elsewhere")), key
            )
        )
        == "UNAUTHORIZED"
    )


async def test_a_key_expires(env: Environment, user: User, set_clock: Any) -> None:
    short = await made(env, user, expires_at=clock.now() + DAY)
    long = await made(env, user)
    set_clock(DAY)
    assert await code_of(calls(env, short.key)) == "UNAUTHORIZED"
    assert (await calls(env, long.key)).key_id == long.api_key.id
    set_clock(RULES.longest)
    assert await code_of(calls(env, long.key)) == "UNAUTHORIZED"


@pytest.mark.parametrize("scopes", [(), ("read", "admin")])
async def test_scopes_are_those_of_the_marketplace(env: Environment, user: User, scopes: tuple[str, ...]) -> None:
    assert await code_of(api_keys.create(env.ctx(user), "A program", scopes)) == "VALIDATION_ERROR"


@pytest.mark.parametrize("lifetime", [timedelta(0), -DAY, RULES.longest + DAY])
async def test_a_key_ends_some_day_and_not_before_it_begins(env: Environment, user: User, lifetime: timedelta) -> None:
    assert await code_of(made(env, user, expires_at=clock.now() + lifetime)) == "VALIDATION_ERROR"


async def test_concurrent_creations_do_not_exceed_the_limit_of_api_keys(
    env: Environment, user: User, change_policy: ChangePolicy
) -> None:
    change_policy(api_keys=replace(RULES, most=3))
    outcomes = await asyncio.gather(*(made(env, user) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(one, NewApiKey) for one in outcomes) == 3
    assert await code_of(made(env, user)) == "TOO_MANY_API_KEYS"
    keys = await api_keys.list_of_user(env.ctx(user))
    await api_keys.revoke(env.ctx(user), keys[0].id)
    assert await made(env, user)


async def test_a_revoked_key_ends_at_once_and_is_only_its_user_s_to_revoke(env: Environment, user: User) -> None:
    key, (other, _) = await made(env, user), await env.person("Bob")
    assert await code_of(api_keys.revoke(env.ctx(other), key.api_key.id)) == "API_KEY_NOT_FOUND"
    assert await code_of(api_keys.rotate(env.ctx(other), key.api_key.id)) == "API_KEY_NOT_FOUND"
    await calls(env, key.key)
    await api_keys.revoke(env.ctx(user), key.api_key.id)
    assert await code_of(calls(env, key.key)) == "UNAUTHORIZED"
    assert await code_of(api_keys.revoke(env.ctx(user), key.api_key.id)) == "API_KEY_NOT_FOUND"
    assert await code_of(api_keys.rotate(env.ctx(user), key.api_key.id)) == "API_KEY_NOT_FOUND"


async def test_a_rotated_key_goes_on_beside_its_successor_for_the_overlap(
    env: Environment, user: User, set_clock: Any
) -> None:
    old = await made(env, user, "read", "write", expires_at=clock.now() + 30 * DAY)
    set_clock(10 * DAY)
    new = await api_keys.rotate(env.ctx(user), old.api_key.id, timedelta(hours=2))
    assert (new.api_key.name, new.api_key.scopes) == ("A program", ["read", "write"])
    assert new.api_key.expires_at == clock.now() + 30 * DAY
    for key in (old, new):
        await calls(env, key.key)
    set_clock(10 * DAY + timedelta(hours=2))
    assert await code_of(calls(env, old.key)) == "UNAUTHORIZED"
    await calls(env, new.key)


@pytest.mark.parametrize(("overlap", "goes_on"), [(timedelta(0), timedelta(0)), (99 * DAY, DAY), (-DAY, timedelta(0))])
async def test_an_overlap_is_at_most_the_marketplace_s(
    env: Environment, user: User, set_clock: Any, overlap: timedelta, goes_on: timedelta
) -> None:
    old = await made(env, user)
    await api_keys.rotate(env.ctx(user), old.api_key.id, overlap)
    if goes_on:
        await calls(env, old.key)
    set_clock(goes_on)
    assert await code_of(calls(env, old.key)) == "UNAUTHORIZED"


async def test_a_key_is_rotated_once_even_at_the_same_moment(env: Environment, user: User) -> None:
    old = await made(env, user)
    outcomes = await asyncio.gather(
        *(api_keys.rotate(env.ctx(user), old.api_key.id) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, NewApiKey) for one in outcomes) == 1
    assert await code_of(api_keys.rotate(env.ctx(user), old.api_key.id)) == "API_KEY_ROTATED"


async def used_at(env: Environment, key: NewApiKey) -> datetime | None:
    at: datetime | None = await env.resources.db.fetchval(
        "select last_used_at from api_keys where id = $1", key.api_key.id
    )
    return at


async def test_the_last_use_is_written_once_a_minute_at_the_most(env: Environment, user: User, set_clock: Any) -> None:
    key, began = await made(env, user), clock.now()
    assert await used_at(env, key) is None
    await asyncio.gather(*(calls(env, key.key) for _ in range(5)))
    assert await used_at(env, key) == began
    set_clock(timedelta(seconds=59))
    await calls(env, key.key)
    assert await used_at(env, key) == began
    set_clock(timedelta(seconds=60))
    await calls(env, key.key)
    assert await used_at(env, key) == began + timedelta(seconds=60)


async def test_each_key_has_its_own_limit(env: Environment, user: User, change_policy: ChangePolicy) -> None:
    change_policy(api_keys=replace(RULES, calls=Rate("api-key", 2, 3600)))
    one, two = await made(env, user), await made(env, user)
    for _ in range(2):
        await calls(env, one.key)
    assert await code_of(calls(env, one.key)) == "RATE_LIMITED"
    await calls(env, two.key)


async def test_no_key_calls_as_a_user_who_is_suspended(env: Environment, user: User) -> None:
    key = await made(env, user)
    await env.resources.db.execute("update users set status = 'suspended'")
    assert await code_of(calls(env, key.key)) == "UNAUTHORIZED"
    await env.resources.db.execute("update users set status = 'active'")
    await calls(env, key.key)


async def test_keys_end_with_all_logins_and_with_their_user(env: Environment, user: User) -> None:
    key = await made(env, user)
    async with unit_of_work(env.ctx(user)) as work:
        await sessions.end_all(work, user.id, "password changed", keep=user.session_id)
    assert await code_of(calls(env, key.key)) == "UNAUTHORIZED"


async def test_no_key_is_made_in_a_session_that_has_ended(env: Environment, user: User) -> None:
    key = await made(env, user)
    await sessions.end_others(env.ctx(user))
    as_program = replace(env.ctx(user), caller=replace(user, session_id=key.api_key.id))
    assert await code_of(api_keys.create(as_program, "A program", ["read"])) == "SESSION_ENDED"


async def test_what_is_done_to_keys_is_in_the_audit_log(env: Environment, user: User) -> None:
    key = await made(env, user, "read")
    new = await api_keys.rotate(env.ctx(user), key.api_key.id)
    await api_keys.revoke(env.ctx(user), new.api_key.id)
    assert await audited(env) == [
        ("api_key.create", key.api_key.id, {"scopes": ["read"]}),
        ("api_key.rotate", key.api_key.id, {"successor": str(new.api_key.id)}),
        ("api_key.revoke", new.api_key.id, {}),
    ]


async def test_keys_are_in_the_export_without_their_hash_and_gone_with_the_account(
    env: Environment, user: User
) -> None:
    key = await made(env, user)
    with await exports.export(env.ctx(user)) as file:
        text = file.read().decode()
    assert key.api_key.prefix in text
    assert "hash" not in text
    await erasure.erase(env.ctx(user))
    assert await env.resources.db.fetchval("select count(*) from api_keys") == 0


async def test_keys_and_logins_that_have_ended_are_forgotten_after_a_while(
    env: Environment, user: User, set_clock: Any
) -> None:
    keys = [await made(env, user, expires_at=clock.now() + days * DAY) for days in (1, 200)]
    await env.resources.db.execute("insert into used_flows values ($1, $2)", uuid7(), clock.now())
    set_clock(api_keys.KEPT + 2 * DAY)
    await tidy(env.resources.db)
    kept: list[UUID] = [row["id"] for row in await env.resources.db.fetch("select id from api_keys")]
    assert kept == [keys[1].api_key.id]
    assert await env.resources.db.fetchval("select count(*) from used_flows") == 0
