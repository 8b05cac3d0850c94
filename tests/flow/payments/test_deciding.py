"""Payments that wait for a person: one decision, in the review queue or among the payments."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from core.payments.checkout import applying
from core.review_queue import queue
from tests.flow.api.conftest import SECRET, Caller, audited, operating
from tests.flow.conftest import Environment
from tests.flow.payments.conftest import Market, follow


async def test_an_operator_sees_what_waits_and_decides(env: Environment, market: Market) -> None:
    payment = await _mismatched(market)
    async with operating(env) as olga:
        (waiting,) = (await olga.get("/payments")).body["payments"]
        assert (waiting["amount"], waiting["received"], waiting["state"]) == (1200, 1100, "mismatch")
        decided = await olga.post(f"/payments/{waiting['id']}/decide", decision="accept", note="A coupon")
        assert (decided.status, decided.body["state"]) == (200, "succeeded")
        again = await olga.post(f"/payments/{waiting['id']}/decide", decision="accept")
        assert (again.status, again.code) == (409, "PAYMENT_NOT_POSSIBLE")
        assert (await olga.get("/payments")).body["payments"] == []
        assert await _tasks(olga) == [], "its task is decided with it"
    assert await market.state(payment) == "succeeded"


async def test_a_payment_that_waits_is_a_task_whose_decision_decides_it(env: Environment, market: Market) -> None:
    payment = await _mismatched(market)
    async with operating(env) as olga:
        (task,) = await _tasks(olga)
        (waiting,) = (await olga.get("/payments")).body["payments"]
        assert (task["subjectId"], task["reason"]) == (waiting["id"], "mismatch")
        facts = {one["name"]: one["value"] for one in task["facts"]}
        assert (facts["Amount"], facts["Came"], facts["For"]) == ("12.00 USD", "11.00 USD", "A lamp")
        path = f"/review/tasks/{task['id']}/decide"
        refused = await olga.post(path, decision="ask")
        assert (refused.status, refused.code) == (409, "PAYMENT_NOT_POSSIBLE"), (
            "it would be lost: no answer ends a mismatch"
        )
        assert (await olga.post(path, decision="accept", note="A coupon")).status == 200
        assert (await olga.get("/payments")).body["payments"] == []
    assert await market.state(payment) == "succeeded"
    decided = [facts for action, _, facts in await audited(env) if action == "payment.decide"]
    assert decided == [{"operator": "olga", "decision": "accept", "note": "A coupon"}]


async def test_a_payment_that_somebody_holds_in_the_queue_is_not_decided_beside_it(
    env: Environment, market: Market
) -> None:
    await _mismatched(market)
    async with operating(env) as olga:
        (task,) = await _tasks(olga)
        omar = replace(olga, access_token=SECRET[::-1])
        assert (await omar.post(f"/review/tasks/{task['id']}/take")).status == 200
        reply = await olga.post(f"/payments/{task['subjectId']}/decide", decision="close")
        assert (reply.status, reply.code) == (409, "REVIEW_TASK_TAKEN")
        assert (await omar.post(f"/payments/{task['subjectId']}/decide", decision="close")).body["state"] == "canceled"


async def test_two_decisions_at_once_on_both_ways_and_news_of_the_provider_make_one(
    env: Environment, market: Market
) -> None:
    payment = await _mismatched(market)
    async with operating(env) as olga:
        (task,) = await _tasks(olga)
        omar = replace(olga, access_token=SECRET[::-1])
        back = f"/payments/{payment['id']}/back"
        replies = await asyncio.gather(
            olga.post(f"/review/tasks/{task['id']}/decide", decision="close"),
            omar.post(f"/payments/{task['subjectId']}/decide", decision="accept"),
            *(market.api.anyone.get(back, allow_redirects=False) for _ in range(4)),
        )
        codes = sorted(reply.status for reply in replies[:2])
        assert codes in ([200, 404], [200, 409]), replies
        state = "canceled" if replies[0].status == 200 else "succeeded"
        assert await market.state(payment) == state
        assert (await _tasks(olga), (await olga.get("/payments")).body["payments"]) == ([], [])


async def test_in_a_marketplace_without_the_kind_operators_decide_directly(
    env: Environment, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(queue, "kind_named", lambda *_: None)
        patch.setattr(applying, "kind_named", lambda *_: None)
        payment = await _mismatched(market)
    async with operating(env) as olga:
        assert await _tasks(olga) == []
        (waiting,) = (await olga.get("/payments")).body["payments"]
        assert (await olga.post(f"/payments/{waiting['id']}/decide", decision="close")).status == 200
    assert await market.state(payment) == "canceled"


async def _mismatched(market: Market) -> dict[str, Any]:
    """Return a payment for which too little came."""
    market.sandbox.faults.amount = -100
    payment = await market.begun()
    _, back = await market.press(payment)
    await follow(back)
    return payment


async def _tasks(operator: Caller) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = (await operator.get("/review/tasks", kind="payment")).body["tasks"]
    return tasks
