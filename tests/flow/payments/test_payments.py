"""Payments over HTTP, on the page, by webhooks and workers."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from cli.sandbox_payments.faults import Faults
from cli.sandbox_payments.page import BAD_CARD
from core.payments.checkout import webhooks
from core.payments.checkout.webhooks import MOST_BYTES
from core.payments.providers.sandbox import SECRET, SIGNATURE, signature
from tests.flow.api.conftest import PASSWORD, Reply
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.payments.conftest import Market, follow
from workers.app import open_worker


async def test_a_buyer_pays_on_the_page_and_the_webhook_sells_the_listing(env: Environment, market: Market) -> None:
    payment = await market.begun()
    url = await env.hub()
    ann = await env.chatter("Ann", url, "seller")
    await env.resources.db.execute("update bazaar.listings set seller_id = $1", ann.user.id)
    await env.resources.db.execute("update payment_intents set payee_id = $1", ann.user.id)
    await ann.connect()
    async with open_worker(env.settings, env.resources, env.publisher), asyncio.timeout(PATIENCE):
        status, _ = await market.press(payment)
        assert status == 303
        told = (await ann.heard.next("notification:new"))["notification"]
    assert told["type"] == "listing_sold"
    assert await market.state(payment) == "succeeded"


async def test_a_refund_is_sent_by_a_worker(env: Environment, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = await market.begun()
    _, back = await market.press(payment)
    await follow(back)
    reply = await market.ann.post(f"/payments/{payment['id']}/refunds", amount=200, reason="A scratch")
    assert (reply.status, reply.body["data"]["state"]) == (200, "requested")
    made, refund = asyncio.Event(), market.sandbox.refund

    def refunds_and_tells(ref: str, amount: int, reference: str = "") -> object:
        made.set()
        return refund(ref, amount, reference)

    monkeypatch.setattr(market.sandbox, "refund", refunds_and_tells)
    async with open_worker(env.settings, env.resources, env.publisher), asyncio.timeout(PATIENCE):
        await made.wait()
    refunds = (await market.bob.get(f"/payments/{payment['id']}/refunds")).body["data"]["refunds"]
    assert [(one["amount"], one["state"]) for one in refunds] == [(200, "succeeded")]


async def test_the_browser_that_comes_back_ends_on_the_page_with_the_payment(market: Market) -> None:
    payment = await market.begun()
    status, back = await market.press(payment)
    assert (status, await market.state(payment)) == (303, "pending")
    assert await follow(back) == f"{back.partition('/bazaar')[0]}/#payment={payment['id']}"
    assert await market.state(payment) == "succeeded"


async def test_what_is_paid_for_is_sold_to_webhooks_and_cached_answers_too(market: Market) -> None:
    reply = await market.ann.post("/webhooks", url="https://shop.example/hook", events=["listing.sold"])
    told = f"/webhooks/{reply.body['data']['webhook']['id']}/deliveries"
    payment = await market.begun()
    assert (await market.api.anyone.get("/statistics")).body["data"]["sold"] == 0
    _, back = await market.press(payment)
    await follow(back)
    assert (await market.api.anyone.get("/statistics")).body["data"]["sold"] == 1
    assert [one["event"] for one in (await market.ann.get(told)).body["data"]["deliveries"]] == ["listing.sold"]


async def test_a_declined_card_stays_on_the_page_and_who_closes_it_comes_back(market: Market) -> None:
    payment = await market.begun()
    assert await market.press(payment, card=BAD_CARD) == (402, "")
    assert await market.press(payment, "decline") == (402, "")
    status, back = await market.press(payment, "close")
    assert status == 303
    await follow(back)
    assert await market.state(payment) == "pending"
    assert (await market.press(payment))[0] == 303


async def test_the_page_shows_what_is_sold_as_text(market: Market) -> None:
    payment = await market.begun(title="<b>A lamp</b>")
    async with ClientSession() as http, http.get(payment["pay_url"]) as answer:
        html = await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "&lt;b&gt;A lamp" in html
    assert "12.00 USD" in html


async def test_faults_are_set_by_a_call(market: Market) -> None:
    payment = await market.begun()
    async with ClientSession() as http:
        for faults in (Faults(amount=1, hooks="held"), Faults()):
            await http.post(f"{market.sandbox.url}/faults", data=msgspec.json.encode(faults))
            assert market.sandbox.faults == faults
            if faults.amount:
                _, back = await market.press(payment)
                assert market.sandbox.held
    assert not market.sandbox.held
    await follow(back)
    assert await market.state(payment) == "mismatch"


async def test_forged_and_large_webhooks_are_refused_and_unknown_ones_counted(env: Environment, market: Market) -> None:
    known = b'{"id":"evt_1","type":"payment.succeeded","object":{"id":"pay_1"}}'
    unknown = b'{"id":"evt_2","type":"balance.available","object":{"id":"bal_1"}}'
    assert (await _hook(market, known, b"{}")).status == 403
    assert (await _hook(market, b"x" * (MOST_BYTES + 1))).status == 413
    for body in (known, known, unknown):
        assert (await _hook(market, body)).status == 204
    counted = env.resources.metrics.payment_hooks
    outcomes = {name: counted.labels(name)._value.get() for name in ("received", "repeated", "ignored", "forged")}
    assert outcomes == {"received": 1, "repeated": 1, "ignored": 1, "forged": 1}
    rows = await env.resources.db.fetch("select event_id, state from payment_events order by event_id")
    assert [tuple(row) for row in rows] == [("evt_1", "received"), ("evt_2", "ignored")]


async def test_a_webhook_that_comes_many_times_at_once_is_stored_once(env: Environment, market: Market) -> None:
    body = b'{"id":"evt_1","type":"payment.succeeded","object":{"id":"pay_1"}}'
    replies = await asyncio.gather(*(_hook(market, body) for _ in range(8)))
    assert {reply.status for reply in replies} == {204}
    assert await env.resources.db.fetchval("select count(*) from payment_events") == 1


async def test_a_webhook_about_nothing_of_ours_is_ignored(env: Environment, market: Market) -> None:
    body = b'{"id":"evt_1","type":"payment.succeeded","object":{"id":"../subscriptions"}}'
    assert (await _hook(market, body)).status == 204
    ctx = replace(env.ctx((await env.person("Ann", "seller"))[0]), caller=None)
    for _ in range(2):
        await webhooks.work_off(ctx, await env.resources.db.fetchval("select id from payment_events"))
    assert await env.resources.db.fetchval("select state from payment_events") == "ignored"


async def test_who_is_nothing_to_do_with_a_payment_does_not_see_it(market: Market) -> None:
    payment = await market.begun()
    eve = await market.api.signed_up("buyer", "Eve")
    for reply in (
        await eve.get(f"/payments/{payment['id']}"),
        await eve.post(f"/payments/{payment['id']}/cancel"),
        await eve.post(f"/payments/{payment['id']}/refunds"),
    ):
        assert (reply.status, reply.code) == (404, "PAYMENT_NOT_FOUND")
    reply = await market.bob.post(f"/payments/{payment['id']}/refunds")
    assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert (await market.ann.get(f"/payments/{payment['id']}")).body["data"]["pay_url"] == ""


async def test_pages_of_payments_leave_nothing_out(market: Market) -> None:
    begun = [(await market.begun())["id"] for _ in range(5)]
    for person in (market.ann, market.bob):
        seen: list[str] = []
        cursor: dict[str, Any] = {}
        while len(seen) < 5:
            page = (await person.get("/payments", per_page=2, **cursor)).body
            seen += [one["id"] for one in page["data"]["payments"]]
            cursor = {"cursor": page["data"]["next_cursor"]}
        assert sorted(seen) == sorted(begun)


async def test_who_leaves_takes_her_payments_along_and_what_was_paid_stays(env: Environment, market: Market) -> None:
    payment = await market.begun()
    _, back = await market.press(payment)
    await follow(back)
    await market.ann.post(f"/payments/{payment['id']}/refunds", amount=200, reason="A scratch of mine")
    begun = (await market.bob.post("/subscriptions", plan="plus")).body["data"]
    await market.press(begun)
    for who, marker in ((market.bob, payment["id"]), (market.ann, "A scratch of mine"), (market.bob, "plus")):
        assert marker in str((await who.get("/auth/me/export")).body)
    assert "A scratch of mine" not in str((await market.bob.get("/auth/me/export")).body)
    for who in (market.bob, market.ann):
        reply = await who.call("DELETE", "/auth/me", json={"password": PASSWORD})
        assert reply.status == 204, reply
    assert await env.resources.db.fetchval("select canceling from payment_subscriptions") == "now"
    assert await env.resources.db.fetchval("select captured from payment_intents where purpose = 'listing'") == 1200


async def _hook(market: Market, body: bytes, signed: bytes | None = None) -> Reply:
    header = signature(SECRET, body if signed is None else signed, int(time.time()))
    return await market.api.anyone.call("POST", "/payments/hook", data=body, headers={SIGNATURE: header})
