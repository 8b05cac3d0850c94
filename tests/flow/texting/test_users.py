"""Texts to users: at the number that they have confirmed, within budgets of their own, and erased with them."""

from dataclasses import replace
from uuid import UUID

import pytest

from core.base.ids import BigintIds
from core.limits.budget import Window
from core.work.jobs import TextUser
from tests.bazaar.people import BazaarApi
from tests.bazaar.policy import POLICY
from tests.bazaar.texts import TEXTS
from tests.flow.api.conftest import Caller
from tests.flow.conftest import Environment
from tests.flow.texting.conftest import PHONE, Providers
from tests.policies import ChangePolicy
from workers.texting.phones import text_user

IDS = BigintIds("bazaar")


async def with_phone(env: Environment, caller: Caller) -> UUID:
    """Give a user a number that she has confirmed."""
    id = UUID(IDS.taken(caller.id))
    await env.resources.db.execute("update users set phone = $2, phone_verified_at = now() where id = $1", id, PHONE)
    return id


async def nudged(api: BazaarApi, ann: Caller, title: str = "Lamp") -> str:
    """Offer something; return the path by which its seller is texted."""
    listing = (await ann.post("/listings", title=title, price_cents=1)).body["data"]["id"]
    return f"/listings/{listing}/nudge"


@pytest.mark.usefixtures("worker")
async def test_a_seller_is_texted_at_her_confirmed_number(
    api: BazaarApi, env: Environment, providers: Providers
) -> None:
    ann, bob = await api.signed_up("seller"), await api.signed_up("buyer")
    path = await nudged(api, ann, "A lamp,  {code}  and more " + "x" * 80)
    await with_phone(env, ann)
    assert (await bob.post(path)).status == 200
    sid, form = await providers.sms.next()
    assert form["Body"] == TEXTS.templates[0].texts["en"].format(listing=("A lamp, {code} and more " + "x" * 80)[:60])
    assert await providers.sms.call_back(providers.http, sid, "delivered") == 204
    export = (await ann.get("/auth/me/export")).body["data"]["data"]
    assert [one["template"] for one in export["texts"]] == ["nudge"]
    assert (await ann.delete("/auth/me")).status == 204
    assert await env.resources.db.fetchval("select count(*) from texts_sent") == 0


async def test_who_has_no_number_or_has_not_confirmed_it_gets_nothing(
    api: BazaarApi, env: Environment, providers: Providers
) -> None:
    ann, bob = await api.signed_up("seller"), await api.signed_up("buyer")
    path = await nudged(api, ann)
    id = await with_phone(env, ann)
    await env.resources.db.execute("update users set phone_verified_at = null where id = $1", id)
    before = await env.resources.jobs.waiting()
    assert (await bob.post(path)).status == 200
    # Nor who has changed her mind while the job waited.
    job = TextUser("bazaar", str(id), "nudge", "en", {"listing": "x"}, [])
    await text_user(env.resources, job)
    assert await env.resources.jobs.waiting() == before


async def test_texts_that_others_cause_use_up_no_codes(
    api: BazaarApi, env: Environment, change_policy: ChangePolicy
) -> None:
    assert POLICY.otp
    change_policy(otp=replace(POLICY.otp, number=Window("otp-number", 1, 3600)))
    ann, bob = await api.signed_up("seller"), await api.signed_up("buyer")
    path = await nudged(api, ann)
    await with_phone(env, ann)
    assert [(await bob.post(path)).status for _ in range(2)] == [200, 429]
    assert (await api.anyone.post("/auth/otp/send", phone=PHONE)).status == 200
