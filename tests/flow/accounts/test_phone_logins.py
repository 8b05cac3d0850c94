"""Codes that come back from phones: they log in, sign up and confirm, once each, and cannot be guessed."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from hashlib import sha256

import msgspec
import pytest

from core.accounts import sessions
from core.accounts.logins import authenticate
from core.accounts.phones.logins import NewPerson, confirm, log_in
from core.accounts.phones.sending import send_confirmation
from core.base.errors import AppError
from core.limits.budget import Window
from core.platform.tokens import KeyRing
from core.work.context import Ctx, User
from core.work.unit_of_work import unit_of_work
from tests.flow.accounts.conftest import ANN, OTHER_PHONE, PHONE, Phones
from tests.flow.api.conftest import audited
from tests.flow.conftest import Environment, at_bazaar
from tests.policies import ChangePolicy

pytestmark = at_bazaar


async def code_of(call: Awaitable[object]) -> str:
    """Return the code of the error that a call raises."""
    with pytest.raises(AppError) as error:
        await call
    return error.value.kind.code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def asked(phones: Phones, user: User, phone: str = PHONE) -> tuple[Ctx, str]:
    """Have a user's number confirmed; return her call and the code."""
    ctx = replace(phones.anyone(), caller=user)
    await send_confirmation(ctx, phone)
    code = (await phones.texts.next()).code
    await phones.rest()
    return ctx, code


async def test_a_number_signs_up_with_its_code_and_logs_in_with_the_next(phones: Phones, env: Environment) -> None:
    first = await phones.signed_up()
    again = await phones.log_in(await phones.code(), new=None)
    assert (first.is_new, again.is_new, again.account) == (True, False, first.account)
    assert again.tokens
    user = await authenticate(env.resources, "bazaar", again.tokens.access_token)
    assert (user.id, user.email, user.role) == (first.account.id, None, "buyer")
    assert await phones.users() == [(PHONE, "Ann")]
    assert [action for action, _, _ in await audited(env)] == ["user.sign_up", "user.login"]


async def test_a_number_is_the_same_in_whichever_way_it_is_typed(phones: Phones) -> None:
    code = await phones.code()
    spaced = f" {code[:3]} {code[3:]} "
    assert (await log_in(phones.anyone(), "1 (202) 555-0101", spaced, ANN)).is_new


async def test_without_an_account_one_is_asked_to_sign_up_and_the_code_stays_good(phones: Phones) -> None:
    code = await phones.code()
    assert await code_of(phones.log_in(code, new=None)) == "SIGN_UP_REQUIRED"
    assert (await phones.log_in(code)).is_new


async def test_a_code_is_good_once_and_a_new_one_replaces_it(phones: Phones, env: Environment) -> None:
    old = await phones.code()
    await phones.rest()
    new = await phones.code()
    if old != new:
        assert await code_of(phones.log_in(old)) == "INVALID_CODE"
    await phones.log_in(new)
    assert await code_of(phones.log_in(new)) == "INVALID_CODE"


async def test_a_code_takes_five_tries_then_even_the_right_one_is_refused(phones: Phones) -> None:
    code = await phones.code()
    for _ in range(5):
        assert await code_of(phones.log_in(wrong(code))) == "INVALID_CODE"
    assert await code_of(phones.log_in(code)) == "INVALID_CODE"
    assert await phones.users() == []


async def test_four_wrong_tries_leave_one_for_the_right_code(phones: Phones) -> None:
    code = await phones.code()
    for _ in range(4):
        assert await code_of(phones.log_in(wrong(code))) == "INVALID_CODE"
    assert (await phones.log_in(code)).is_new


async def test_tries_at_once_are_all_counted(phones: Phones, env: Environment) -> None:
    code = await phones.code()
    guesses = [f"{(int(code) + n) % 1_000_000:06}" for n in range(1, 11)]
    answers = await asyncio.gather(*map(phones.log_in, guesses), return_exceptions=True)
    assert all(isinstance(one, AppError) for one in answers)
    assert await env.resources.db.fetchval("select tries from one_time_codes") == 5


async def test_a_malformed_code_does_not_count_as_a_try(phones: Phones, env: Environment) -> None:
    code = await phones.code()
    for typed in ("", "12345", "1234567", "12345x", "1" * 1000, "\0"):
        assert await code_of(phones.log_in(typed)) == "INVALID_CODE"
    assert await env.resources.db.fetchval("select tries from one_time_codes") == 0
    assert (await phones.log_in(code)).is_new


async def test_wrong_codes_of_strangers_do_not_lock_the_owner_of_a_number_out(phones: Phones) -> None:
    for n in range(30):
        stranger = phones.anyone(f"198.51.100.{n}")
        assert await code_of(log_in(stranger, PHONE, "123456", ANN)) == "INVALID_CODE"
    assert (await phones.log_in(await phones.code())).is_new


async def test_wrong_codes_from_an_address_are_limited_whichever_number_they_are_for(phones: Phones) -> None:
    phones.rules = replace(phones.rules, wrong_of_address=Window("otp-wrong-address", 2, 3600))
    for phone in (PHONE, OTHER_PHONE):
        assert await code_of(log_in(phones.anyone(), phone, "123456", ANN)) == "INVALID_CODE"
    assert await code_of(log_in(phones.anyone(), "+12025550103", "123456", ANN)) == "RATE_LIMITED"


async def test_a_code_that_expired_is_refused(phones: Phones, env: Environment) -> None:
    code = await phones.code()
    await env.resources.db.execute("update one_time_codes set expires_at = now()")
    assert await code_of(phones.log_in(code)) == "INVALID_CODE"


async def test_a_code_is_good_in_its_own_marketplace_only(phones: Phones) -> None:
    code = await phones.code()
    elsewhere = replace(phones.anyone(), policy=msgspec.structs.replace(phones.anyone().policy, name="elsewhere"))
    assert await code_of(log_in(elsewhere, PHONE, code, ANN)) == "INVALID_CODE"


async def test_a_code_is_stored_as_a_hash_that_needs_the_key(phones: Phones, env: Environment) -> None:
    code = await phones.code()
    (row,) = await env.resources.db.fetch("select * from one_time_codes")
    assert code not in str(dict(row))
    assert row["hash"] != sha256(code.encode()).digest()


async def test_a_code_outlives_a_new_signing_key(phones: Phones, env: Environment) -> None:
    code = await phones.code()
    keys = ("new:another-secret-of-tests-that-is-long-enough", *env.settings.jwt_keys)
    renewed = replace(env.resources, keys=KeyRing(msgspec.structs.replace(env.settings, jwt_keys=keys)))
    assert (await log_in(replace(phones.anyone(), resources=renewed), PHONE, code, ANN)).is_new


async def test_of_two_who_use_a_code_at_once_one_logs_in(phones: Phones) -> None:
    await phones.signed_up()
    code = await phones.code()
    answers = await asyncio.gather(*(phones.log_in(code) for _ in range(4)), return_exceptions=True)
    errors = [one.kind.code for one in answers if isinstance(one, AppError)]
    assert errors == ["INVALID_CODE"] * 3


async def test_of_two_sign_ups_at_once_with_one_number_one_makes_an_account(phones: Phones) -> None:
    code = await phones.code()
    people = [NewPerson(f"Ann {n}", "buyer") for n in range(4)]
    answers = await asyncio.gather(*(phones.log_in(code, one) for one in people), return_exceptions=True)
    assert [one.kind.code for one in answers if isinstance(one, AppError)] == ["INVALID_CODE"] * 3
    assert [phone for phone, _ in await phones.users()] == [PHONE]


async def test_a_number_that_is_signed_up_and_confirmed_at_once_is_one_accounts(
    phones: Phones, env: Environment
) -> None:
    for _ in range(5):
        user, _ = await env.person("Bob")
        ctx, hers = await asked(phones, user)
        code = await phones.code()
        await phones.rest()
        answers = await asyncio.gather(phones.log_in(code), confirm(ctx, PHONE, hers), return_exceptions=True)
        errors = [one.kind.code if isinstance(one, AppError) else one for one in answers if isinstance(one, Exception)]
        assert errors in ([], ["PHONE_EXISTS"]), "one of them had it first; none: who has it was logged in"
        assert [phone for phone, _ in await phones.users()].count(PHONE) == 1
        await env.resources.db.execute("update users set phone = null")


async def test_a_number_that_two_confirm_at_once_is_one_accounts(phones: Phones, env: Environment) -> None:
    calls = [await asked(phones, (await env.person(name))[0]) for name in ("Bob", "Eve")]
    answers = await asyncio.gather(*(confirm(ctx, PHONE, code) for ctx, code in calls), return_exceptions=True)
    assert [one.kind.code for one in answers if isinstance(one, AppError)] == ["PHONE_EXISTS"]
    assert sorted(phone or "" for phone, _ in await phones.users()) == ["", PHONE]


async def test_a_suspension_is_shown_with_the_right_code_only(phones: Phones, env: Environment) -> None:
    login = await phones.signed_up()
    await env.resources.db.execute("update users set status = 'suspended' where id = $1", login.account.id)
    code = await phones.code()
    assert await code_of(phones.log_in(wrong(code))) == "INVALID_CODE"
    assert await code_of(phones.log_in(code)) == "ACCOUNT_SUSPENDED"


async def test_where_accounts_begin_as_pending_a_sign_up_gets_an_account_and_no_login(
    phones: Phones, change_policy: ChangePolicy
) -> None:
    change_policy(initial_status="pending")
    login = await log_in(phones.anyone(), PHONE, await phones.code(), ANN)
    assert (login.is_new, login.tokens) == (True, None)
    await phones.rest()
    assert await code_of(log_in(phones.anyone(), PHONE, await phones.code())) == "ACCOUNT_PENDING"


async def test_what_a_marketplace_stores_of_a_new_user_is_stored_with_the_account_or_neither_is(phones: Phones) -> None:
    async def fail(_db: object, _user_id: object, _role: object) -> None:
        raise RuntimeError

    code, ctx = await phones.code(), phones.anyone()
    with pytest.raises(RuntimeError):
        await log_in(replace(ctx, policy=msgspec.structs.replace(ctx.policy, joined=fail)), PHONE, code, ANN)
    assert await phones.users() == []
    assert (await phones.log_in(code)).is_new


async def test_a_confirmed_number_logs_its_user_in(phones: Phones, env: Environment) -> None:
    user, _ = await env.person("Bob")
    ctx, code = await asked(phones, user)
    await confirm(ctx, PHONE, code)
    assert (await phones.log_in(await phones.code(), new=None)).account.id == user.id
    row = await env.resources.db.fetchrow("select phone, phone_verified_at from users")
    assert (row["phone"], row["phone_verified_at"] is not None) == (PHONE, True)


async def test_a_code_confirms_a_number_for_the_user_who_asked_for_it_only(phones: Phones, env: Environment) -> None:
    user, _ = await env.person("Bob")
    other, _ = await env.person("Eve")
    ctx, code = await asked(phones, user)
    assert await code_of(confirm(replace(ctx, caller=other), PHONE, code)) == "INVALID_CODE"
    assert await code_of(phones.log_in(code)) == "INVALID_CODE"
    await confirm(ctx, PHONE, code)


async def test_a_number_of_another_account_is_refused_after_the_right_code(phones: Phones, env: Environment) -> None:
    await phones.signed_up()
    user, _ = await env.person("Bob")
    ctx, code = await asked(phones, user)
    assert await code_of(confirm(ctx, PHONE, code)) == "PHONE_EXISTS"
    assert await phones.users() == [(PHONE, "Ann"), (None, "Bob")]


async def test_another_number_ends_all_sessions_but_the_one_that_asked_for_it(phones: Phones, env: Environment) -> None:
    await phones.signed_up()
    here, there = [await logged_in(phones) for _ in range(2)]
    ctx, code = await asked(phones, here, OTHER_PHONE)
    await confirm(ctx, OTHER_PHONE, code)
    live = await env.resources.db.fetch("select id from sessions where ended_at is null")
    assert [row["id"] for row in live] == [here.session_id]
    assert there.session_id != here.session_id
    assert await phones.users() == [(OTHER_PHONE, "Ann")]


async def test_a_login_that_has_ended_confirms_nothing(phones: Phones, env: Environment) -> None:
    user, _ = await env.person("Bob")
    ctx, code = await asked(phones, user)
    await env.resources.db.execute("update sessions set ended_at = now()")
    assert await code_of(confirm(ctx, PHONE, code)) == "SESSION_ENDED"


async def test_what_ends_all_logins_ends_the_codes_that_are_on_their_way(phones: Phones, env: Environment) -> None:
    await phones.signed_up()
    user = await logged_in(phones)
    code = await phones.code()
    await phones.rest()
    ctx, hers = await asked(phones, user, OTHER_PHONE)
    async with unit_of_work(ctx) as work:
        await sessions.end_all(work, user.id, "test", keep=user.session_id)
    assert await code_of(phones.log_in(code)) == "INVALID_CODE"
    assert await code_of(confirm(ctx, OTHER_PHONE, hers)) == "INVALID_CODE"


async def logged_in(phones: Phones) -> User:
    """Return the user of PHONE with a new login."""
    login = await phones.log_in(await phones.code(), new=None)
    await phones.rest()
    assert login.tokens
    return await authenticate(phones.env.resources, "bazaar", login.tokens.access_token)
