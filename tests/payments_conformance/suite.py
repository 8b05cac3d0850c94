"""The suite. A driver's tests are classes that inherit these, in a file with a fixture `double`: its provider's stand-in.

The first holds what a driver itself does, the second that nothing goes wrong in the shop above it, whatever the provider does.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
import pytest

from core.base import clock
from core.base.errors import AppError
from core.payments.checkout import applying, intents, rows, subscriptions
from core.payments.checkout.rows import Intent
from core.payments.checkout.rules import rules_of
from core.payments.port import ForgedError, Order, RefundOrder, RefusedError
from core.payments.states import DisputeState
from core.platform.outgoing import Fetched, Outgoing, OutgoingError
from core.work.unit_of_work import UnitOfWork
from tests.payments_conformance.double import Double
from tests.payments_conformance.shop import FEE, PRICE, Shop

T = TypeVar("T")
RETURN = "http://127.0.0.1:9/back"


def _hook_url(shop: Shop) -> str:
    return shop.env.settings.public_url + rules_of(shop.ctx).hook


def order(*, is_manual: bool = False, amount: int = PRICE) -> Order:
    return Order(uuid4(), 1, amount, "USD", "A lamp", is_manual, RETURN, "")


class DriverConformance:
    """What a driver does."""

    async def test_a_payment_is_created_found_and_fetched(self, shop: Shop) -> None:
        wanted = order()
        assert await shop.provider.find(wanted) is None
        made = await shop.provider.create(wanted)
        assert (made.state, made.amount, made.currency, made.reference) == ("pending", PRICE, "USD", str(wanted.id))
        assert made.pay_url.startswith("http")
        assert await shop.provider.fetch(made.ref) == made
        assert await shop.provider.find(wanted) == made

    async def test_what_was_paid_has_succeeded_and_says_what_is_refunded_by_what(
        self, shop: Shop, double: Double
    ) -> None:
        ref = (await shop.provider.create(order())).ref
        double.pay(ref)
        seen = await shop.provider.fetch(ref)
        assert (seen.state, seen.amount, seen.captured, seen.refunded) == ("succeeded", PRICE, PRICE, 0)
        assert seen.charge

    async def test_a_declined_card_is_no_end(self, shop: Shop, double: Double) -> None:
        ref = (await shop.provider.create(order())).ref
        double.decline(ref)
        seen = await shop.provider.fetch(ref)
        assert (seen.state, bool(seen.error)) == ("pending", True)
        double.pay(ref)
        assert (await shop.provider.fetch(ref)).state == "succeeded"

    async def test_a_part_of_what_is_authorized_is_captured_once(self, shop: Shop, double: Double) -> None:
        ref = (await shop.provider.create(order(is_manual=True))).ref
        double.pay(ref)
        assert (await shop.provider.fetch(ref)).state == "authorized"
        await shop.provider.capture(ref, 700)
        with pytest.raises(RefusedError):
            await shop.provider.capture(ref, 300)
        seen = await shop.provider.fetch(ref)
        assert (seen.state, seen.amount, seen.captured) == ("succeeded", PRICE, 700)

    async def test_what_is_canceled_is_not_paid_any_more(self, shop: Shop) -> None:
        ref = (await shop.provider.create(order())).ref
        await shop.provider.cancel(ref)
        assert (await shop.provider.fetch(ref)).state == "canceled"

    async def test_refunds_add_up_and_never_exceed_what_was_captured(self, shop: Shop, double: Double) -> None:
        ref = (await shop.provider.create(order())).ref
        double.pay(ref)
        charge = (await shop.provider.fetch(ref)).charge
        for amount in (300, 200):
            await shop.provider.refund(RefundOrder(uuid4(), 1, charge, amount, "USD"))
        with pytest.raises(RefusedError):
            await shop.provider.refund(RefundOrder(uuid4(), 1, charge, 501, "USD"))
        assert (await shop.provider.fetch(ref)).refunded == 500

    async def test_what_does_not_exist_is_refused(self, shop: Shop) -> None:
        with pytest.raises(RefusedError):
            await shop.provider.fetch(f"pay_{uuid4().hex}")

    async def test_errors_of_the_server_leave_the_outcome_unknown(self, shop: Shop, double: Double) -> None:
        double.faults.errors = 1
        with pytest.raises(OutgoingError):
            await shop.provider.create(order())
        double.faults.away = True
        with pytest.raises(OutgoingError):
            await shop.provider.find(order())

    async def test_what_was_made_before_the_line_was_cut_is_found(self, shop: Shop, double: Double) -> None:
        wanted = order()
        double.faults.cuts = 1
        with pytest.raises(OutgoingError):
            await shop.provider.create(wanted)
        found = await shop.provider.find(wanted)
        assert found
        assert (found.state, found.reference) == ("pending", str(wanted.id))

    async def test_forged_and_old_webhooks_and_those_of_the_future_are_refused(
        self, shop: Shop, double: Double
    ) -> None:
        for name, hook in double.forged().items():
            with pytest.raises(ForgedError):
                pytest.fail(f"{name}: {shop.provider.read(hook, clock.now())}")


class ShopConformance:
    """What must not go wrong, whatever the provider does."""

    @pytest.mark.parametrize("hooks", ["sent", "lost"])
    async def test_a_payment_comes_to_the_seller_and_the_marketplace(
        self, shop: Shop, double: Double, hooks: str
    ) -> None:
        double.faults.hooks = hooks
        intent = await shop.begun()
        double.pay(intent.ref or "")
        await double.settled()
        await shop.work()
        assert (await shop.now(intent)).state == ("succeeded" if hooks == "sent" else "pending")
        await shop.heal()
        assert (await shop.now(intent)).state == "succeeded"
        assert await shop.balance("available", shop.seller.id) == PRICE - FEE
        assert await shop.balance("fees") == FEE
        await shop.check_books()

    async def test_webhooks_in_the_wrong_order_and_many_times_change_nothing_twice(
        self, shop: Shop, double: Double
    ) -> None:
        double.faults.hooks, double.faults.repeats, double.faults.reversed = "held", 3, True
        intent = await shop.begun()
        double.decline(intent.ref or "")
        double.pay(intent.ref or "")
        double.refund(intent.ref or "", 400)
        await double.release()
        await shop.work()
        now = await shop.now(intent)
        assert (now.state, now.captured, now.refunded) == ("succeeded", PRICE, 400)
        events = await shop.env.resources.db.fetchval("select count(*) from payment_events")
        assert events == 3
        await double.release()
        await shop.heal()
        assert (await shop.now(intent)).refunded == 400
        await shop.check_books()

    async def test_a_webhook_that_is_late_by_days_changes_nothing(self, shop: Shop, double: Double) -> None:
        double.faults.hooks = "held"
        intent = await shop.begun()
        double.decline(intent.ref or "")
        double.pay(intent.ref or "")
        await intents.come_back(shop.ctx, intent.id)
        paid = await shop.now(intent)
        shop.later(timedelta(days=3))
        await double.release()
        await shop.work()
        assert (await shop.now(intent)).state == paid.state == "succeeded"
        await shop.check_books()

    async def test_the_browser_that_returns_and_the_webhook_do_it_once(self, shop: Shop, double: Double) -> None:
        double.faults.hooks, double.faults.repeats = "held", 2
        intent = await shop.begun()
        double.pay(intent.ref or "")
        await double.release()
        await asyncio.gather(*(intents.come_back(shop.ctx, intent.id) for _ in range(4)), shop.work(), shop.work())
        assert (await shop.now(intent)).state == "succeeded"
        assert await shop.balance("available", shop.seller.id) == PRICE - FEE
        notes = await shop.env.resources.db.fetchval("select count(*) from notifications where type = 'listing_sold'")
        assert notes == 1
        await shop.check_books()

    @pytest.mark.parametrize("other", [{"amount": -1}, {"amount": 5}, {"currency": "EUR"}])
    @pytest.mark.parametrize("description", ["", "fragile"])
    async def test_another_amount_or_currency_never_counts_as_paid(
        self, shop: Shop, double: Double, other: dict[str, object], description: str
    ) -> None:
        for name, value in other.items():
            setattr(double.faults, name, value)
        intent = await shop.begun(description)
        double.pay(intent.ref or "")
        await double.settled()
        await shop.work()
        await shop.heal()
        now = await shop.now(intent)
        assert (now.state, now.captured, bool(now.attention)) == ("mismatch", 0, True)
        assert await shop.balance("available", shop.seller.id) == 0
        assert (await shop.begun(listing=intent.subject_id)).id == intent.id  # nobody pays twice for it
        waiting = await rows.WAITING(shop.env.resources.db, UUID(int=0), 10)
        assert [one.id for one in waiting] == [intent.id]

    async def test_an_operator_accepts_what_came_or_closes_it(self, shop: Shop, double: Double) -> None:
        double.faults.amount = -1
        first, second = await shop.begun(), await shop.begun()
        for one in (first, second):
            double.pay(one.ref or "")
        await shop.heal()
        accepted = await shop.decide(first, "accept")
        assert (accepted.state, accepted.captured, accepted.attention) == ("succeeded", PRICE - 1, "")
        closed = await shop.decide(second, "close")
        assert (closed.state, closed.captured) == ("canceled", 0)
        double.refund(second.ref or "", PRICE - 1)
        await shop.heal()
        assert (await shop.now(second)).state == "canceled"
        await shop.refund(accepted, PRICE - 1)
        await shop.work()
        assert await shop.refunds(accepted) == [(PRICE - 1, "succeeded")]
        await shop.check_books()

    @pytest.mark.parametrize("fault", ["errors", "cuts"])
    async def test_a_payment_is_begun_once_though_the_answer_is_lost(
        self, shop: Shop, double: Double, fault: str
    ) -> None:
        setattr(double.faults, fault, 1)
        listing = await shop.listing()
        with pytest.raises(AppError) as raised:
            await shop.begun(listing=listing)
        assert raised.value.kind.code == "PROVIDER_UNAVAILABLE"
        intent = await shop.begun(listing=listing)
        assert double.made() == 1
        double.pay(intent.ref or "")
        await shop.heal()
        assert (await shop.now(intent)).state == "succeeded"
        await shop.check_books()

    async def test_a_second_payment_for_one_intent_waits_for_a_person(self, shop: Shop, double: Double) -> None:
        intent = await shop.paid()
        wanted = Order(intent.id, 2, PRICE, "USD", "A lamp", False, RETURN, _hook_url(shop))
        stray = (await shop.provider.create(wanted)).ref  # as an attempt whose answer was lost
        assert stray != intent.ref
        double.pay(stray)
        await double.settled()
        await shop.work()
        now = await shop.now(intent)
        assert (now.ref, now.captured, stray in now.attention) == (intent.ref, PRICE, True)
        assert await shop.balance("fees") == FEE

    async def test_a_payment_whose_answer_was_lost_is_known_by_its_webhook(self, shop: Shop, double: Double) -> None:
        double.faults.cuts = 1
        listing = await shop.listing()
        with pytest.raises(AppError):
            await shop.begun(listing=listing)
        await shop.heal()
        intent = await shop.begun(listing=listing)
        assert intent.ref
        double.pay(intent.ref)
        await double.settled()
        await shop.work()
        assert (await shop.now(intent)).state == "succeeded"
        await shop.check_books()

    async def test_two_clicks_begin_one_payment(self, shop: Shop) -> None:
        listing = await shop.listing()
        begun = await asyncio.gather(*(shop.begun(listing=listing) for _ in range(4)))
        assert len({one.id for one in begun}) == 1
        assert len({(await shop.now(one)).ref for one in begun}) == 1

    async def test_a_payment_at_an_older_price_is_given_up(self, shop: Shop) -> None:
        listing = await shop.listing()
        first = await shop.begun(listing=listing)
        await shop.env.resources.db.execute("update bazaar.listings set price_cents = 900")
        with pytest.raises(AppError) as raised:
            await intents.begin(shop.of(shop.buyer), "listing", listing, PRICE)
        assert raised.value.kind.code == "PRICE_CHANGED"
        second = await shop.begun(listing=listing)
        assert (second.amount, (await shop.now(first)).state) == (900, "canceled")

    async def test_what_nobody_pays_is_canceled_after_a_day(self, shop: Shop) -> None:
        intent = await shop.begun()
        shop.later(timedelta(hours=25))
        await shop.reconcile()
        assert (await shop.now(intent)).state == "canceled"
        assert (await shop.provider.fetch(intent.ref or "")).state == "canceled"

    async def test_who_pays_second_for_one_thing_gets_the_money_back(self, shop: Shop, double: Double) -> None:
        listing = await shop.listing()
        eve, _ = await shop.env.person("Eve", "buyer")
        first, second = await shop.begun(listing=listing), await shop.begun(buyer=eve, listing=listing)
        double.pay(first.ref or "")
        await double.settled()
        await shop.work()
        double.pay(second.ref or "")
        await double.settled()
        await shop.work()
        await shop.heal()
        assert await shop.refunds(first) == []
        assert await shop.refunds(second) == [(PRICE, "succeeded")]
        assert double.holds() == PRICE
        await shop.check_books()

    # Capture.

    @pytest.mark.parametrize("fault", ["", "errors", "cuts"])
    async def test_what_is_authorized_is_held_and_comes_to_the_seller_when_captured(
        self, shop: Shop, double: Double, fault: str
    ) -> None:
        intent = await self._authorized(shop, double)
        assert await shop.balance("available", shop.seller.id) == 0
        if fault:
            setattr(double.faults, fault, 1)
        if fault == "errors":
            with pytest.raises(AppError):
                await intents.capture(shop.of(shop.seller), intent)
        await intents.capture(shop.of(shop.seller), await shop.now(intent))
        await shop.heal()
        assert (await shop.now(intent)).state == "succeeded"
        assert await shop.balance("available", shop.seller.id) == PRICE - FEE
        await shop.check_books()

    async def test_of_a_part_that_is_captured_the_marketplace_gets_its_part(self, shop: Shop, double: Double) -> None:
        intent = await self._authorized(shop, double)
        await intents.capture(shop.of(shop.seller), intent, 500)
        assert (await shop.now(intent)).captured == 500
        assert (await shop.balance("fees"), await shop.balance("available", shop.seller.id)) == (50, 450)
        with pytest.raises(AppError):
            await shop.refund(intent, 501)
        await shop.check_books()

    async def test_what_is_authorized_and_canceled_is_nobodys(self, shop: Shop, double: Double) -> None:
        intent = await self._authorized(shop, double)
        assert (await intents.cancel(shop.of(shop.buyer), intent)).state == "canceled"
        assert await shop.balance("available", shop.seller.id) == 0
        await shop.check_books()

    async def _authorized(self, shop: Shop, double: Double) -> Intent:
        intent = await shop.begun("fragile")
        double.pay(intent.ref or "")
        await double.settled()
        await shop.work()
        intent = await shop.now(intent)
        assert intent.state == "authorized"
        return intent

    # Refunds.

    async def test_refunds_take_their_parts_from_seller_and_marketplace(self, shop: Shop, double: Double) -> None:
        intent = await shop.paid()
        for amount in (300, 200):
            await shop.refund(intent, amount)
            await shop.work()
        assert await shop.refunds(intent) == [(300, "succeeded"), (200, "succeeded")]
        assert (await shop.balance("fees"), await shop.balance("available", shop.seller.id)) == (50, 450)
        await shop.check_books()

    async def test_refunds_at_once_never_exceed_what_was_captured(self, shop: Shop, double: Double) -> None:
        intent = await shop.paid()
        asked = await asyncio.gather(*(shop.refund(intent, 300) for _ in range(8)), return_exceptions=True)
        refused = [one for one in asked if isinstance(one, AppError)]
        assert [one.kind.code for one in refused] == ["REFUND_TOO_LARGE"] * 5
        await asyncio.gather(*(shop.work() for _ in range(3)))
        await shop.heal()
        assert await shop.refunds(intent) == [(300, "succeeded")] * 3
        assert double.holds() == 100
        await shop.check_books()

    @pytest.mark.parametrize("fault", ["errors", "cuts"])
    async def test_a_refund_whose_answer_is_lost_is_made_once(self, shop: Shop, double: Double, fault: str) -> None:
        intent = await shop.paid()
        setattr(double.faults, fault, 1)
        await shop.refund(intent, 400)
        await shop.work()
        states = await shop.refunds(intent)
        assert states == [(400, "succeeded" if fault == "cuts" else "sent")]
        await shop.heal()
        assert await shop.refunds(intent) == [(400, "succeeded")]
        assert double.holds() == PRICE - 400
        await shop.check_books()

    async def test_a_refund_that_comes_back_from_its_bank_is_the_sellers_again(
        self, shop: Shop, double: Double
    ) -> None:
        intent = await shop.paid()
        await shop.refund(intent, 400)
        await shop.work()
        if (await shop.provider.fetch(intent.ref or "")).refunds is None:
            return  # such a provider does not tell
        double.fail_refund(intent.ref or "")
        await shop.heal()
        shop.later(timedelta(days=1))
        await shop.heal()
        assert await shop.refunds(intent) == [(400, "failed")]
        now = await shop.now(intent)
        assert (now.refunding, now.refunded) == (0, 0)
        assert await shop.balance("available", shop.seller.id) == PRICE - FEE
        await shop.check_books()

    async def test_a_refund_is_found_that_was_made_before_its_worker_died(
        self, shop: Shop, double: Double, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        intent = await shop.paid()
        await shop.refund(intent, 400)
        sync, times = intents.sync, 0

        async def dies(*args: object) -> Intent:
            nonlocal times
            times += 1
            if times == 2:
                raise asyncio.CancelledError
            return await sync(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(intents, "sync", dies)
        with pytest.raises(asyncio.CancelledError):
            await shop.work()
        assert await shop.refunds(intent) == [(400, "sent")]
        await shop.heal()
        assert await shop.refunds(intent) == [(400, "succeeded")]
        assert double.holds() == PRICE - 400
        await shop.check_books()

    async def test_a_refund_made_at_the_provider_is_booked_once(self, shop: Shop, double: Double) -> None:
        intent = await shop.paid()
        double.faults.repeats = 3
        double.refund(intent.ref or "", 250)
        await double.settled()
        await asyncio.gather(shop.work(), shop.work())
        await shop.heal()
        assert await shop.refunds(intent) == [(250, "succeeded")]
        await shop.check_books()

    async def test_of_two_refunds_of_the_whole_at_the_provider_and_here_one_is_made(
        self, shop: Shop, double: Double
    ) -> None:
        intent = await shop.paid()
        double.faults.hooks = "lost"
        await shop.refund(intent, PRICE)
        double.refund(intent.ref or "", PRICE)
        await shop.work()
        await shop.heal()
        assert sum(amount for amount, state in await shop.refunds(intent) if state == "succeeded") == PRICE
        assert double.holds() == 0
        await shop.check_books()

    async def test_a_refund_made_at_the_provider_that_the_seller_has_spent_is_the_marketplaces_loss(
        self, shop: Shop, double: Double
    ) -> None:
        intent = await shop.paid()
        await shop.spend(PRICE - FEE)
        with pytest.raises(AppError) as raised:
            await shop.refund(intent, 100)
        assert raised.value.kind.code == "INSUFFICIENT_FUNDS"
        double.refund(intent.ref or "", 100)
        await shop.heal()
        assert await shop.balance("losses") == -100
        assert (await shop.now(intent)).attention
        await shop.check_books()

    # Disputes.

    @pytest.mark.parametrize("end", ["won", "lost"])
    async def test_what_a_bank_withdraws_is_booked_until_it_decides(
        self, shop: Shop, double: Double, end: DisputeState
    ) -> None:
        intent = await shop.paid()
        double.dispute(intent.ref or "", "inquiry", 0)
        await double.settled()
        await shop.work()
        assert await shop.balance("disputed") == 0
        double.dispute(intent.ref or "")
        await double.settled()
        await shop.work()
        assert await shop.balance("disputed") == -PRICE
        assert "disputes" in (await shop.now(intent)).attention
        with pytest.raises(AppError) as raised:
            await shop.refund(intent, 100)
        assert raised.value.kind.code == "PAYMENT_NOT_POSSIBLE"
        double.dispute(intent.ref or "", end, PRICE if end == "lost" else 0)
        await shop.heal()
        assert (await shop.balance("disputed"), await shop.balance("losses")) == (0, -PRICE if end == "lost" else 0)
        await shop.check_books()

    async def test_a_dispute_whose_webhook_is_lost_is_found_within_days(self, shop: Shop, double: Double) -> None:
        intent = await shop.paid()
        double.faults.hooks = "lost"
        double.dispute(intent.ref or "")
        shop.later(timedelta(days=2))
        await shop.reconcile()
        assert await shop.balance("disputed") == -PRICE
        await shop.check_books()

    # Away.

    async def test_a_provider_that_is_away_for_a_while_is_asked_again(self, shop: Shop, double: Double) -> None:
        intent = await shop.begun()
        double.pay(intent.ref or "")
        await double.settled()
        double.faults.away = True
        await shop.work()
        await shop.reconcile()
        await intents.come_back(shop.ctx, intent.id)
        assert (await shop.now(intent)).state == "pending"
        await shop.heal()
        assert (await shop.now(intent)).state == "succeeded"
        await shop.check_books()

    @pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("step", range(8))
    async def test_a_process_that_dies_at_any_call_leaves_nothing_half_done(
        self, shop: Shop, double: Double, monkeypatch: pytest.MonkeyPatch, step: int, is_done: bool
    ) -> None:
        fetch, calls = Outgoing._fetch, 0

        async def dies(*args: Any) -> Fetched:
            nonlocal calls
            calls += 1
            if calls == step + 1 and not is_done:
                raise asyncio.CancelledError
            answer = await fetch(*args)
            if calls == step + 1:
                raise asyncio.CancelledError
            return answer

        monkeypatch.setattr(Outgoing, "_fetch", dies)
        listing = await shop.listing("fragile")
        intent = await self._though_it_dies(lambda: shop.begun(listing=listing))
        double.pay(intent.ref or "")
        await self._though_it_dies(shop.work)
        await self._though_it_dies(lambda: intents.come_back(shop.ctx, intent.id))
        await self._though_it_dies(lambda: self._captured(shop, intent))
        await shop.refund(await shop.now(intent), 400)
        await self._though_it_dies(shop.work)
        await shop.heal()
        assert calls > 8
        now = await shop.now(intent)
        assert (now.state, now.captured, await shop.refunds(intent)) == ("succeeded", PRICE, [(400, "succeeded")])
        assert double.holds() == PRICE - 400
        await shop.check_books()

    async def _captured(self, shop: Shop, intent: Intent) -> Intent:
        now = await intents.sync(shop.ctx, await shop.now(intent))
        return now if now.state == "succeeded" else await intents.capture(shop.of(shop.seller), now)

    async def _though_it_dies(self, do: Callable[[], Awaitable[T]]) -> T:
        """Do something, again by another process if the first one dies."""
        with contextlib.suppress(asyncio.CancelledError):
            return await do()
        return await do()

    async def test_what_stays_open_for_days_is_given_up_loudly(
        self, shop: Shop, double: Double, caplog: pytest.LogCaptureFixture
    ) -> None:
        intent = await shop.paid()
        double.faults.away = True
        await shop.refund(intent, 100)
        await shop.work()
        shop.later(timedelta(days=11))
        await shop.reconcile()
        now = await shop.now(intent)
        assert (bool(now.attention), now.check_at) == (True, None)
        assert [record.levelname for record in caplog.get_records("call") if record.levelname == "ERROR"]
        caplog.clear()
        await shop.decide(intent, "ask")
        await shop.heal()
        assert await shop.refunds(intent) == [(100, "succeeded")]
        await shop.check_books()

    async def test_nothing_is_begun_that_the_books_could_not_take(self, shop: Shop, double: Double) -> None:
        ctx = shop.of(shop.buyer)
        assert ctx.policy.ledger
        rules = msgspec.structs.replace(ctx.policy.ledger, kinds=frozenset({"available", "provider"}))
        ctx = replace(ctx, policy=msgspec.structs.replace(ctx.policy, ledger=rules))
        with pytest.raises(RuntimeError):
            await intents.begin(ctx, "listing", await shop.listing())
        assert double.made() == 0

    async def test_a_row_that_fails_holds_up_no_other(
        self, shop: Shop, double: Double, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        double.faults.hooks = "lost"
        first, second = await shop.begun(), await shop.begun()
        tell = applying.tell

        async def fails(work: UnitOfWork, before: Intent, after: Intent) -> None:
            if after.id == first.id:
                raise RuntimeError
            await tell(work, before, after)

        monkeypatch.setattr(applying, "tell", fails)
        for one in (first, second):
            double.pay(one.ref or "")
        await shop.heal()
        assert [(await shop.now(one)).state for one in (first, second)] == ["pending", "succeeded"]
        assert "could not be brought up to date" in caplog.text
        caplog.clear()

    async def test_two_workers_ask_about_a_row_once(self, shop: Shop, double: Double) -> None:
        begun = [await shop.begun() for _ in range(7)]
        shop.later(timedelta(minutes=3))
        claimed = await asyncio.gather(
            *(
                rows.CLAIM(shop.env.resources.db, clock.now(), 5, clock.now() + timedelta(minutes=1), "bazaar")
                for _ in range(3)
            )
        )
        ids = [one.id for some in claimed for one in some]
        assert len(ids) == len(set(ids)) == len(begun)

    async def test_a_failure_in_the_marketplace_leaves_nothing_behind(
        self, shop: Shop, double: Double, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        intent = await shop.begun()
        double.pay(intent.ref or "")
        await double.settled()

        async def fails(*_: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(applying, "tell", fails)
            with pytest.raises(RuntimeError):
                await shop.work()
        assert (await shop.now(intent)).state == "pending"
        assert await shop.balance("fees") == 0
        await shop.work()
        assert (await shop.now(intent)).state == "succeeded"
        await shop.check_books()

    @pytest.mark.parametrize("seed", range(4))
    async def test_whatever_happens_the_books_say_what_the_provider_says(
        self, shop: Shop, double: Double, seed: int
    ) -> None:
        chance = random.Random(seed)
        begun: list[Intent] = []
        for _ in range(120):
            await self._something(shop, double, chance, begun)
        await double.release()
        double.faults.hooks = "sent"
        await shop.heal()
        shop.later(timedelta(days=2))
        await shop.heal()
        for one in begun:
            seen = await shop.provider.fetch(one.ref or "")
            now = await shop.now(one)
            assert (now.state, now.captured, now.refunded) == (seen.state, seen.captured, seen.refunded)
        assert any(one.refunded for one in [await shop.now(one) for one in begun])
        await shop.check_books()

    async def _something(self, shop: Shop, double: Double, chance: random.Random, begun: list[Intent]) -> None:
        """Let anything happen, while something goes wrong."""
        faults = double.faults
        faults.hooks = chance.choice(["sent", "held", "lost"])
        faults.repeats, faults.reversed = chance.choice([1, 2]), chance.choice([True, False])
        faults.errors, faults.cuts = chance.choice([0, 0, 1]), chance.choice([0, 0, 1])
        faults.away = chance.random() < 0.1
        with contextlib.suppress(AppError, *double.refusals):
            if len(begun) < 12 and chance.random() < 0.2:
                begun.append(await shop.begun(chance.choice(["", "fragile"])))
            elif begun:
                one = await shop.now(chance.choice(begun))
                await chance.choice(self._actions(shop, double, one, chance.randint(1, 400)))()

    def _actions(self, shop: Shop, double: Double, one: Intent, amount: int) -> list[Callable[[], Awaitable[object]]]:
        async def at_provider(do: Callable[..., None], *args: object) -> None:
            do(one.ref or "", *args)

        async def works() -> None:
            await double.release()
            await asyncio.gather(shop.work(), shop.reconcile())

        return [
            *[lambda: at_provider(double.pay)] * 3,
            lambda: at_provider(double.decline),
            lambda: at_provider(double.refund, amount),
            *[lambda: shop.refund(one, amount)] * 3,
            lambda: intents.capture(shop.of(shop.seller), one, amount + 600),
            lambda: intents.cancel(shop.of(shop.buyer), one),
            lambda: intents.come_back(shop.ctx, one.id),
            *[works] * 3,
        ]

    # Subscriptions.

    async def test_a_subscription_entitles_for_its_period_and_each_is_posted(self, shop: Shop, double: Double) -> None:
        one = await subscriptions.begin(shop.of(shop.buyer), "plus")
        again = await subscriptions.begin(shop.of(shop.buyer), "plus")
        assert (one.id, one.state, one.ref) == (again.id, "incomplete", again.ref)
        assert not await self._entitled(shop)
        double.pay(one.ref or "")
        await double.settled()
        await shop.work()
        assert await self._entitled(shop)
        assert await shop.balance("fees") == 500
        shop.later(timedelta(days=34))
        assert not await self._entitled(shop)  # without a job
        double.faults.hooks = "lost"
        double.renew(one.ref or "")
        await shop.heal()
        assert await self._entitled(shop)
        assert await shop.balance("fees") == 1000
        await shop.check_books()

    async def test_a_subscription_past_due_entitles_until_its_grace_is_over(self, shop: Shop, double: Double) -> None:
        one = await subscriptions.begin(shop.of(shop.buyer), "plus")
        double.pay(one.ref or "")
        double.change_sale(one.ref or "", "past_due")
        await double.settled()
        await shop.work()
        row = await subscriptions.BY_ID(shop.env.resources.db, one.id, "bazaar")
        assert row
        assert row.state == "past_due"
        double.change_sale(one.ref or "", "ended")
        await double.settled()
        await shop.work()
        assert not await self._entitled(shop)

    async def test_a_canceled_subscription_entitles_until_its_period_ends(self, shop: Shop, double: Double) -> None:
        one = await subscriptions.begin(shop.of(shop.buyer), "plus")
        double.pay(one.ref or "")
        await double.settled()
        await shop.work()
        double.faults.away = True
        await subscriptions.cancel(shop.of(shop.buyer), one.id)
        await shop.heal()
        row = await subscriptions.BY_ID(shop.env.resources.db, one.id, "bazaar")
        assert row
        assert row.state == "canceled"
        assert await self._entitled(shop)
        shop.later(timedelta(days=34))
        assert not await self._entitled(shop)

    async def test_an_older_answer_about_a_subscription_does_not_replace_a_newer_one(
        self, shop: Shop, double: Double
    ) -> None:
        one = await subscriptions.begin(shop.of(shop.buyer), "plus")
        port = shop.provider.subscriptions
        assert port
        old = await port.fetch_subscription(one.ref or "")
        row = await subscriptions.BY_ID(shop.env.resources.db, one.id, "bazaar")
        assert row
        double.pay(one.ref or "")
        await double.settled()
        await shop.work()
        assert not await subscriptions.apply(shop.ctx, row, old)

    async def test_who_is_erased_is_not_charged_any_more(self, shop: Shop, double: Double) -> None:
        one = await subscriptions.begin(shop.of(shop.buyer), "plus")
        double.pay(one.ref or "")
        await double.settled()
        await shop.work()
        for statement in subscriptions.PERSONAL_DATA.erase:
            await statement(shop.env.resources.db, shop.buyer.id)
        await shop.heal()
        port = shop.provider.subscriptions
        assert port
        assert (await port.fetch_subscription(one.ref or "")).state == "ended"

    async def _entitled(self, shop: Shop) -> bool:
        return await subscriptions.entitled(shop.ctx, shop.buyer.id, "unlimited_listings")
