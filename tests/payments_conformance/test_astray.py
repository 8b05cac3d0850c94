"""What a provider must not do: refunds late, twice, of another amount; amounts and decisions that change afterwards."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

import pytest

from cli.sandbox_payments import sandbox_payments
from cli.sandbox_payments.faults import Faults
from core.payments.checkout import intents, refunds, rows
from core.payments.port import SeenRefund
from core.payments.states import DisputeState
from tests.payments_conformance.sandbox import SandboxDouble
from tests.payments_conformance.shop import PRICE, Shop

IDS = pytest.mark.parametrize("double", [True, False], ids=["with ids", "without ids"], indirect=True)


@pytest.fixture
async def double(request: pytest.FixtureRequest) -> AsyncIterator[SandboxDouble]:
    has_ids = getattr(request, "param", True)
    async with sandbox_payments(Faults(has_refund_ids=has_ids, has_keys=has_ids)) as sandbox:
        yield SandboxDouble(sandbox)


async def lost(shop: Shop, double: SandboxDouble, amount: int) -> tuple[str, str]:
    """Lose a refund on its way; return the provider's id of the payment, and ours of the refund."""
    intent = await shop.paid()
    double.faults.hooks, double.faults.errors = "lost", 1
    refund = await shop.refund(intent, amount)
    await shop.work()
    assert await shop.refunds(intent) == [(amount, "sent")]
    return intent.ref or "", str(refund.id)


async def states(shop: Shop) -> list[tuple[int, str]]:
    found = await shop.env.resources.db.fetch("select amount, state from payment_refunds order by created_at, id")
    return [(amount, state) for amount, state in found]


@IDS
async def test_a_refund_that_is_made_late_is_not_made_again(shop: Shop, double: SandboxDouble) -> None:
    ref, id = await lost(shop, double, 400)
    shop.later(timedelta(minutes=15))
    await shop.env.resources.db.execute("update payment_refunds set state = 'requested'")  # as the reconciliation does
    double.sandbox.refund(ref, 400, id)
    await shop.work()
    await shop.heal()
    assert await states(shop) == [(400, "succeeded")]
    assert double.holds() == PRICE - 400
    await shop.check_books()


async def test_what_is_refunded_twice_for_one_is_booked_twice(shop: Shop, double: SandboxDouble) -> None:
    ref, id = await lost(shop, double, 400)
    for _ in range(2):
        double.sandbox.refund(ref, 400, id)
    await shop.heal()
    assert await states(shop) == [(400, "succeeded")] * 2
    await shop.check_books()


async def test_a_refund_of_another_amount_is_booked_as_it_was_made_and_seen_by_a_person(
    shop: Shop, double: SandboxDouble
) -> None:
    ref, id = await lost(shop, double, 400)
    double.sandbox.refund(ref, 300, id)
    await shop.heal()
    assert await states(shop) == [(400, "failed"), (300, "succeeded")]
    assert await rows.COUNT_WAITING(shop.env.resources.db) == 1
    await shop.check_books()


async def test_a_refund_that_was_refused_and_made_all_the_same_is_booked(shop: Shop, double: SandboxDouble) -> None:
    ref, id = await lost(shop, double, 400)
    await refunds.fail(shop.ctx, UUID(id), "It was refused")
    double.sandbox.refund(ref, 400, id)
    shop.later(timedelta(days=2))
    await shop.heal()
    assert await states(shop) == [(400, "failed"), (400, "succeeded")]
    await shop.check_books()


@IDS
async def test_more_refunded_than_was_paid_is_seen_by_a_person(shop: Shop, double: SandboxDouble) -> None:
    intent = await shop.paid()
    over = (SeenRefund(f"re_{uuid4().hex}", "", PRICE + 1, "succeeded"),)
    double.sandbox.change(intent.ref or "", "refunded", refunded=PRICE + 1, refunds=over)
    await double.settled()
    await shop.work()
    assert "More was refunded" in (await shop.now(intent)).attention


async def test_an_amount_that_changes_after_it_was_paid_is_seen_by_a_person(shop: Shop, double: SandboxDouble) -> None:
    intent = await shop.paid()
    double.sandbox.change(intent.ref or "", "captured", captured=PRICE - 1)
    await double.settled()
    await shop.work()
    now = await shop.now(intent)
    assert (now.captured, bool(now.attention)) == (PRICE, True)


@pytest.mark.parametrize("captured", [0, -5])
async def test_a_capture_of_nothing_is_no_payment(shop: Shop, double: SandboxDouble, captured: int) -> None:
    intent = await shop.begun("fragile")
    double.sandbox.change(intent.ref or "", "paid", state="succeeded", captured=captured, charge=intent.ref)
    await double.settled()
    await shop.work()
    now = await shop.now(intent)
    assert (now.state, bool(now.attention)) == ("mismatch", True)


async def test_what_is_authorized_again_after_it_failed_can_be_captured(shop: Shop, double: SandboxDouble) -> None:
    intent = await shop.begun("fragile")
    for state in ("authorized", "failed", "authorized"):
        double.sandbox.change(intent.ref or "", state, state=state, charge=intent.ref)
        await double.settled()
        await shop.work()
        assert (await shop.now(intent)).state == state
    now = await intents.capture(shop.of(shop.seller), await shop.now(intent))
    assert (now.state, now.captured) == ("succeeded", PRICE)
    await shop.check_books()


async def test_a_dispute_that_is_decided_twice_is_booked_and_seen_by_a_person(
    shop: Shop, double: SandboxDouble
) -> None:
    intent = await shop.paid()
    for state, withdrawn in (("open", PRICE), ("won", 0), ("lost", PRICE)):
        double.dispute(intent.ref or "", cast("DisputeState", state), withdrawn)
        await double.settled()
        await shop.work()
        await shop.check_books()
    assert "is lost" in (await shop.now(intent)).attention


async def test_a_mismatch_that_was_refunded_before_it_is_accepted_is_booked_so_at_once(
    shop: Shop, double: SandboxDouble
) -> None:
    intent = await shop.begun()
    double.faults.amount = 50
    double.pay(intent.ref or "")
    await double.settled()
    await shop.work()
    double.faults.hooks = "lost"
    double.refund(intent.ref or "", PRICE + 50)
    await shop.decide(intent, "accept")
    await shop.reconcile()
    now = await shop.now(intent)
    assert (now.state, now.captured, now.refunded) == ("succeeded", PRICE + 50, PRICE + 50)
    await shop.check_books()


async def test_what_failed_and_is_paid_after_all_is_found_without_a_webhook(shop: Shop, double: SandboxDouble) -> None:
    intent = await shop.begun()
    double.sandbox.change(intent.ref or "", "failed", state="failed", error="Declined")
    await double.settled()
    await shop.work()
    assert (await shop.now(intent)).state == "failed"
    double.faults.hooks = "lost"
    double.sandbox.change(intent.ref or "", "paid", state="succeeded", captured=PRICE, charge=intent.ref)
    await shop.heal()
    assert (await shop.now(intent)).state == "succeeded"
    await shop.check_books()


async def test_what_failed_for_good_is_not_asked_about_for_ever(shop: Shop, double: SandboxDouble) -> None:
    intent = await shop.begun()
    double.sandbox.change(intent.ref or "", "failed", state="failed", error="Declined")
    await double.settled()
    await shop.work()
    for _ in range(2):
        shop.later(timedelta(days=3))
        await shop.reconcile()
    now = await shop.now(intent)
    assert (now.state, now.check_at, now.attention) == ("failed", None, "")
