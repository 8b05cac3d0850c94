"""Sealed addresses and numbers log in, are unique and get their mails."""

import asyncio
import re

import pytest

from core.accounts.contacts import PHONE as PHONE_COLUMN
from core.accounts.contacts import forms
from core.accounts.oauth import links
from core.accounts.oauth.login import LOGIN_OF
from core.accounts.oauth.profile import Profile
from core.accounts.phones.accounts import BY_PHONE
from core.accounts.signup import make_account
from core.base.errors import AppError
from core.platform.sealing.sealing import MARK
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from tests.flow.api.conftest import PASSWORD, operating
from tests.flow.sealing.conftest import Bazaar
from tests.flow.workers.conftest import Mailbox
from workers.app import open_worker

PHONE = "+12025550147"


async def test_an_address_is_stored_as_index_and_sealed_and_logs_in_in_any_spelling(place: Bazaar) -> None:
    ann = await place.person("ann")
    row = await place.env.resources.db.fetchrow("select email, sealed_email from users")
    assert re.fullmatch("[0-9a-f]{64}", row["email"])
    assert row["sealed_email"].startswith(MARK)
    for address in (ann.email, ann.email.upper(), f" {ann.email.lower()} "):
        reply = await place.api.log_in(address)
        assert reply.status == 200, reply
        assert reply.body["data"]["user"]["email"] == ann.email
    assert (await place.api.log_in(row["email"])).code == "AUTH_003", "an index is no address"
    again = place.api.logged_in(await place.api.log_in(ann.email))
    assert (await again.get("/auth/me")).body["data"]["email"] == ann.email
    assert place.env.resources.keys.access(again.access_token).email == ann.email
    renewed = await again.post("/auth/refresh", refresh_token=again.refresh_token)
    assert place.env.resources.keys.access(renewed.body["data"]["access_token"]).email == ann.email
    account = (await again.get("/auth/me/export")).body["data"]["data"]["account"]
    assert account[0]["email"] == ann.email


async def test_an_address_has_one_account_however_many_ask_at_once(place: Bazaar) -> None:
    body = {"password": PASSWORD, "name": "Ann", "user_type": "seller"}
    spelled = ["ann@example.com", "Ann@example.com", "ANN@EXAMPLE.COM", "ann@Example.com"]
    replies = await asyncio.gather(*(place.api.anyone.post("/auth/register", email=one, **body) for one in spelled))
    assert sorted(reply.status for reply in replies) == [201, 422, 422, 422]
    assert await place.env.resources.db.fetchval("select count(*) from users") == 1


async def test_mails_go_to_sealed_addresses(place: Bazaar, mailbox: Mailbox) -> None:
    async with open_worker(place.env.settings, place.env.resources, place.env.publisher):
        ann = await place.person("ann")
        assert (await mailbox.next_welcome())["To"] == ann.email
        await place.api.anyone.post("/auth/forgot-password", email=ann.email.lower())
        mail = await mailbox.next()
        assert mail["To"] == ann.email
        token = mail.get_content().split("Or enter this code:")[1].split()[0]
        reset = await place.api.anyone.post(f"/auth/reset-password/{token}", new_password="Another-horse-8")
        assert reset.status in (200, 204)
        assert (await place.api.log_in(ann.email, "Another-horse-8")).status == 200


async def test_an_address_is_changed_for_another_sealed_one(place: Bazaar, mailbox: Mailbox) -> None:
    ann, new = await place.person("ann"), "New.Ann@example.com"
    async with open_worker(place.env.settings, place.env.resources, place.env.publisher):
        assert (await ann.post("/auth/email", new_email=new)).status == 200
        stored = await place.env.resources.db.fetchrow("select old_email, new_email from email_changes")
        assert all(one.startswith(MARK) for one in stored)
        for _ in range(2):
            mail = await mailbox.next()
            while "has logged in" in mail.get_content():
                mail = await mailbox.next()
            assert mail["To"] in (ann.email, new)
            token = mail.get_content().split("Or enter this code:")[1].split()[0]
            assert (await place.api.anyone.post("/auth/email/confirm", token=token)).status == 200
        assert (await place.api.log_in(new.lower())).body["data"]["user"]["email"] == new
        assert (await place.api.log_in(ann.email)).code == "AUTH_003"
        assert await place.env.resources.db.fetchval("select sealed_email like $1 from users", f"{MARK}%")


async def test_a_sealed_number_signs_up_once_and_logs_in(place: Bazaar, texts: asyncio.Queue[tuple[str, str]]) -> None:
    async def code() -> str:
        assert (await place.api.anyone.post("/auth/otp/send", phone="(202) 555-0147")).status == 200
        to, text = await asyncio.wait_for(texts.get(), 20)
        assert to == PHONE
        return text[:6]

    async with open_worker(place.env.settings, place.env.resources, place.env.publisher):
        new = {"phone": PHONE, "name": "Pam", "user_type": "buyer"}
        first = await place.api.anyone.post("/auth/otp/verify", code=await code(), **new)
        redis = place.env.resources.redis
        await redis.delete(*await redis.keys("limit:*"))  # or one would have to wait for the next code
        again = await place.api.anyone.post("/auth/otp/verify", code=await code(), phone=PHONE)
    ids = {one.body["data"]["user"]["id"] for one in (first, again)}
    assert len(ids) == 1
    row = await place.env.resources.db.fetchrow("select phone, sealed_phone from users")
    assert PHONE not in row["phone"]
    assert row["sealed_phone"].startswith(MARK)


async def test_a_sealed_number_has_one_account_however_many_sign_up_at_once(place: Bazaar) -> None:
    resources, use = place.env.resources, forms(place.env.resources.sealing, place.market.policy, PHONE_COLUMN, PHONE)
    anyone = Ctx(resources, place.env.publisher, place.market.policy, "test")

    async def insert() -> bool:
        async with unit_of_work(anyone) as work:
            return await make_account(anyone, work.db, "Pam", "buyer", phone=PHONE, is_proven=True) is not None

    assert sorted(await asyncio.gather(*(insert() for _ in range(6)))) == [False] * 5 + [True]
    assert await BY_PHONE(resources.db, "bazaar", use) is not None
    assert await BY_PHONE(resources.db, "onswift", use) is None


async def test_a_provider_signs_up_with_a_sealed_address_that_is_known_again(place: Bazaar) -> None:
    ctx = Ctx(place.env.resources, place.env.publisher, place.market.policy, "test")
    profile = Profile("google", "1", "Ann", "Ann@example.com", hosts_email=True)
    async with unit_of_work(ctx) as work:
        id = await links._user_of(ctx, work, profile, "buyer")
    row = await place.env.resources.db.fetchrow("select email, sealed_email, email_verified_at from users")
    assert "ann" not in row["email"]
    assert row["sealed_email"].startswith(MARK)
    assert row["email_verified_at"], "the provider has"
    login = await LOGIN_OF(ctx.db, id, "", "")
    assert login
    assert place.env.resources.sealing.shown(login.email or "") == "Ann@example.com"
    other = Profile("apple", "2", "Ann", "ann@EXAMPLE.com")
    async with unit_of_work(ctx) as work:
        with pytest.raises(AppError) as error:
            await links._user_of(ctx, work, other, "buyer")
    assert error.value.kind.code == "EMAIL_EXISTS"


async def test_operators_find_a_user_by_the_whole_address(place: Bazaar) -> None:
    ann = await place.person("ann")
    async with operating(place.env) as operator:
        found = (await operator.get("/search", q=ann.email.upper())).body
        assert [user["email"] for user in found["users"]] == [ann.email]
        assert (await operator.get("/search", q=ann.email.partition("@")[0])).body["users"] == []


@pytest.mark.parametrize("place", [False], indirect=True)
async def test_where_nothing_is_sealed_addresses_are_stored_as_ever(place: Bazaar) -> None:
    ann = await place.person("ann")
    row = await place.env.resources.db.fetchrow("select email, sealed_email from users")
    assert tuple(row) == (ann.email, None)
