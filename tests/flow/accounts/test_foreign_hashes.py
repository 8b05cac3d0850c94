"""Passwords that were hashed elsewhere: they log in, and are hashed anew by it."""

import asyncio

import bcrypt
import pytest

from core.base import errors
from core.platform.passwords import NO_PASSWORD
from tests.flow.api.conftest import PASSWORD, Api
from tests.flow.conftest import Environment


async def hashed_elsewhere(api: Api, env: Environment, password: str = PASSWORD, prefix: bytes = b"2b") -> str:
    """Return the address of someone whose password has a bcrypt hash."""
    ann = await api.signed_up()
    stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).replace(b"$2b$", b"$" + prefix + b"$")
    await store(env, stored.decode())
    return ann.email


async def store(env: Environment, password_hash: str) -> None:
    await env.resources.db.execute("update users set password_hash = $1", password_hash)


async def stored(env: Environment) -> str:
    hash: str = await env.resources.db.fetchval("select password_hash from users")
    return hash


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
async def test_a_bcrypt_hash_logs_in_and_is_argon2id_from_then_on(api: Api, env: Environment, prefix: bytes) -> None:
    email = await hashed_elsewhere(api, env, prefix=prefix)
    assert (await api.log_in(email, "Wrong-horse-7")).code == "INVALID_CREDENTIALS"
    assert (await stored(env)).startswith(f"${prefix.decode()}$")
    assert (await api.log_in(email)).status == 200
    assert (await stored(env)).startswith("$argon2id$")
    assert (await api.log_in(email)).status == 200
    assert (await api.log_in(email, "Wrong-horse-7")).code == "INVALID_CREDENTIALS"


async def test_of_a_password_of_more_than_72_bytes_all_counts_from_then_on(api: Api, env: Environment) -> None:
    long = "Correct-horse-7 é" * 6
    email = await hashed_elsewhere(api, env, long)
    assert (await api.log_in(email, long)).status == 200
    assert (await api.log_in(email, long[:72])).code == "INVALID_CREDENTIALS"
    assert (await api.log_in(email, long)).status == 200


async def test_first_logins_at_once_all_get_in(api: Api, env: Environment) -> None:
    email = await hashed_elsewhere(api, env)
    replies = await asyncio.gather(*(api.log_in(email) for _ in range(5)))
    assert [reply.status for reply in replies] == [200] * 5
    assert (await stored(env)).startswith("$argon2id$")


async def test_a_login_whose_hash_was_replaced_by_another_password_meanwhile_is_refused(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = await hashed_elsewhere(api, env)
    hash = env.resources.passwords.hash

    async def reset_meanwhile(password: str, subject: str) -> str:
        await store(env, await hash("Other-donkey-8", subject))
        return await hash(password, subject)

    monkeypatch.setattr(env.resources.passwords, "hash", reset_meanwhile)
    assert (await api.log_in(email)).code == "INVALID_CREDENTIALS"
    assert (await api.log_in(email, "Other-donkey-8")).status == 200


async def test_where_too_many_wait_to_be_hashed_one_logs_in_and_the_hash_stays(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(_password: str, _subject: str) -> str:
        raise errors.UNAVAILABLE.error()

    email = await hashed_elsewhere(api, env)
    with monkeypatch.context() as patch:
        patch.setattr(env.resources.passwords, "hash", busy)
        assert (await api.log_in(email)).status == 200
    assert (await stored(env)).startswith("$2b$")
    assert (await api.log_in(email)).status == 200
    assert (await stored(env)).startswith("$argon2id$")


async def test_a_logged_in_user_changes_a_password_that_was_hashed_elsewhere(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await store(env, bcrypt.hashpw(b"Former-mule-6", bcrypt.gensalt(4)).decode())
    for current, status in ((PASSWORD, 400), ("Former-mule-6", 200)):
        reply = await ann.post("/auth/change-password", currentPassword=current, newPassword="Other-donkey-8")
        assert reply.status == status
    assert (await stored(env)).startswith("$argon2id$")


async def test_no_password_fits_an_account_without_one(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    for nothing in (NO_PASSWORD, ""):
        await store(env, nothing)
        for password in ("nobody's password", NO_PASSWORD, "", PASSWORD):
            assert (await api.log_in(ann.email, password)).code in {"INVALID_CREDENTIALS", "RATE_LIMITED"}
        await env.resources.redis.flushall()
