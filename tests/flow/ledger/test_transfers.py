"""What transfers do, once; and what is refused with a stable code and changes nothing."""

from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from core.base.errors import AppError
from core.base.ids import uuid7
from core.payments import ledger
from core.payments.ledger import NEXT, Account, Entry
from core.payments.money import MOST
from core.privacy import erasure, exports
from core.work.context import User
from tests.flow.ledger.conftest import FEES, PROVIDER, Books, moved, wallet


async def refused(code: str, call: Coroutine[Any, Any, object]) -> None:
    """Fail unless a call is refused with this code."""
    with pytest.raises(AppError) as error:
        await call
    assert error.value.kind.code == code


def sale(seller: User, amount: int = 100, fee: int = 10) -> list[Entry]:
    """Return the entries of a payment of which the house keeps a fee."""
    return [Entry(PROVIDER, -amount), Entry(wallet(seller), amount - fee), Entry(FEES, fee)]


async def test_a_transfer_moves_what_it_says(books: Books, ann: User) -> None:
    made = await books.transfer("1", sale(ann))
    assert (made.status, made.reverses_id) == ("posted", None)
    assert [await books.balance(one) for one in (PROVIDER, FEES, wallet(ann))] == [(-100, -100), (10, 10), (90, 90)]


async def test_a_repeat_returns_the_first_and_moves_nothing(books: Books, ann: User) -> None:
    first = await books.transfer("1", sale(ann))
    assert await books.transfer("1", sale(ann)) == first
    assert await books.transfer("1", sale(ann)[::-1]) == first  # in whichever order its legs are named
    assert await books.balance(wallet(ann)) == (90, 90)


async def test_a_repeat_of_what_could_not_be_paid_again_returns_the_first(books: Books, ann: User, bob: User) -> None:
    await books.pay_in(wallet(ann), 50)
    first = await books.transfer("1", moved(wallet(ann), wallet(bob), 50))
    assert await books.transfer("1", moved(wallet(ann), wallet(bob), 50)) == first


async def test_another_transfer_under_the_same_key_is_refused(books: Books, ann: User, bob: User) -> None:
    await books.transfer("1", sale(ann))
    await refused("TRANSFER_KEY_REUSED", books.transfer("1", sale(ann, 101)))
    await refused("TRANSFER_KEY_REUSED", books.transfer("1", sale(bob)))
    await refused("TRANSFER_KEY_REUSED", books.transfer("1", sale(ann), pending=True))
    async with books.unit() as work:
        await refused("TRANSFER_KEY_REUSED", ledger.transfer(work, "1", "other", sale(ann)))
        await refused("TRANSFER_KEY_REUSED", ledger.transfer(work, "1", "payment", sale(ann), facts={"order": "1"}))
    assert await books.balance(wallet(ann)) == (90, 90)


async def test_the_same_key_and_account_in_another_marketplace_are_others(books: Books, ann: User) -> None:
    first = await books.transfer("1", sale(ann))
    assert (await books.under(name="elsewhere").transfer("1", sale(ann))).id != first.id
    assert await books.balance(wallet(ann)) == (90, 90)
    assert await books.db.fetchval("select count(*) from ledger_accounts where owner_id = $1", ann.id) == 2


async def test_what_is_not_there_is_not_paid(books: Books, ann: User, bob: User) -> None:
    await books.pay_in(wallet(ann), 50)
    await refused("INSUFFICIENT_FUNDS", books.transfer("1", moved(wallet(ann), wallet(bob), 51)))
    assert await books.transfer("1", moved(wallet(ann), wallet(bob), 50))  # its key is not burnt
    assert await books.balance(wallet(ann)) == (0, 0)


async def test_only_accounts_of_the_house_and_of_the_kinds_that_may_owe_go_below_zero(books: Books, ann: User) -> None:
    await books.transfer("1", moved(wallet(ann, "debt"), FEES, 7))
    await books.transfer("2", moved(FEES, PROVIDER, 9))
    await refused("INSUFFICIENT_FUNDS", books.transfer("3", moved(wallet(ann, "held"), FEES, 1)))
    assert await books.balance(wallet(ann, "debt")) == (-7, -7)


async def test_a_refused_transfer_leaves_the_rest_of_its_unit(books: Books, ann: User, bob: User) -> None:
    async with books.unit() as work:
        await ledger.transfer(work, "1", "payment", moved(PROVIDER, wallet(ann), 5))
        await refused("INSUFFICIENT_FUNDS", ledger.transfer(work, "2", "payment", moved(wallet(ann), wallet(bob), 6)))
        await ledger.transfer(work, "3", "payment", moved(wallet(ann), wallet(bob), 4))
    assert [await books.balance(wallet(one)) for one in (ann, bob)] == [(1, 1), (4, 4)]


async def test_a_unit_that_fails_moves_nothing(books: Books, ann: User) -> None:
    async def fail() -> None:
        async with books.unit() as work:
            await ledger.transfer(work, "1", "payment", moved(PROVIDER, wallet(ann), 5))
            raise RuntimeError("after it")

    with pytest.raises(RuntimeError, match="after it"):
        await fail()
    assert await books.balance(wallet(ann)) == (0, 0)


async def test_a_pending_transfer_reserves_what_it_will_take(books: Books, ann: User, bob: User) -> None:
    await books.pay_in(wallet(ann), 100)
    hold = await books.transfer("1", moved(wallet(ann), wallet(bob), 60), pending=True)
    assert [await books.balance(wallet(one)) for one in (ann, bob)] == [(100, 40), (0, 0)]
    await refused("INSUFFICIENT_FUNDS", books.transfer("2", moved(wallet(ann), wallet(bob), 41)))
    await refused("INSUFFICIENT_FUNDS", books.transfer("2", moved(wallet(ann), wallet(bob), 41), pending=True))
    assert (await books.post(hold)).status == "posted"
    assert [await books.balance(wallet(one)) for one in (ann, bob)] == [(40, 40), (60, 60)]


async def test_a_void_transfer_frees_what_it_has_reserved(books: Books, ann: User, bob: User) -> None:
    await books.pay_in(wallet(ann), 100)
    hold = await books.transfer("1", moved(wallet(ann), wallet(bob), 60), pending=True)
    assert (await books.void(hold)).status == "void"
    assert [await books.balance(wallet(one)) for one in (ann, bob)] == [(100, 100), (0, 0)]
    assert (await books.transfer("1", moved(wallet(ann), wallet(bob), 60), pending=True)).status == "void"


@pytest.mark.parametrize(("first", "then"), [("posted", "void"), ("void", "posted")])
async def test_a_transfer_is_settled_once(books: Books, ann: User, first: str, then: str) -> None:
    settle = {"posted": books.post, "void": books.void}
    hold = await books.transfer("1", moved(PROVIDER, wallet(ann), 60), pending=True)
    settled = await settle[first](hold)
    assert await settle[first](hold) == settled  # again: nothing happens
    await refused("TRANSFER_NOT_POSSIBLE", settle[then](hold))
    assert await books.balance(wallet(ann)) == ((60, 60) if first == "posted" else (0, 0))


async def test_the_table_of_states_is_that_of_the_database(books: Books, ann: User) -> None:
    for place, was in enumerate(NEXT):
        for becomes in NEXT:
            made = await books.transfer(f"{place} {becomes}", moved(PROVIDER, wallet(ann), 1), pending=True)
            if was != "pending":
                await {"posted": books.post, "void": books.void}[was](made)
            update = "update ledger_transfers set status = $2 where id = $1"
            if becomes in NEXT[was]:
                await books.db.execute(update, made.id, becomes)
            else:
                with pytest.raises(asyncpg.CheckViolationError):
                    await books.db.execute(update, made.id, becomes)


async def test_a_transfer_of_another_marketplace_or_none_is_not_found(books: Books, ann: User) -> None:
    made = await books.transfer("1", moved(PROVIDER, wallet(ann), 60), pending=True)
    nowhere = msgspec.structs.replace(made, id=uuid7())
    for call in (books.post(nowhere), books.void(nowhere), books.reverse("2", nowhere)):
        await refused("TRANSFER_NOT_FOUND", call)
    elsewhere = books.under(name="elsewhere")
    for call in (elsewhere.post(made), elsewhere.void(made), elsewhere.reverse("2", made)):
        await refused("TRANSFER_NOT_FOUND", call)


async def test_reversals_in_part_sum_up_to_the_transfer_to_the_last_unit(books: Books, ann: User, bob: User) -> None:
    legs = [Entry(PROVIDER, -100), Entry(wallet(ann), 33), Entry(wallet(bob), 57), Entry(FEES, 10)]
    made = await books.transfer("1", legs)
    for place, part in enumerate((1, 1, 17, 80, 1)):
        await books.reverse(f"r{place}", made, part)
    assert [await books.balance(leg.account) for leg in legs] == [(0, 0)] * 4
    await refused("REVERSAL_TOO_LARGE", books.reverse("more", made, 1))
    await refused("REVERSAL_TOO_LARGE", books.reverse("more", made))


async def test_no_more_is_reversed_than_is_left_also_of_pending_ones(books: Books, ann: User) -> None:
    made = await books.transfer("1", sale(ann))
    await refused("REVERSAL_TOO_LARGE", books.reverse("2", made, 101))
    part = await books.reverse("3", made, 60, pending=True)
    await refused("REVERSAL_TOO_LARGE", books.reverse("4", made, 41))
    await books.void(part)
    whole = await books.reverse("5", made)
    assert (whole.reverses_id, whole.kind) == (made.id, "reversal")
    assert [await books.balance(one) for one in (PROVIDER, FEES, wallet(ann))] == [(0, 0)] * 3


async def test_a_repeated_reversal_returns_the_first_even_if_nothing_is_left(books: Books, ann: User) -> None:
    made = await books.transfer("1", sale(ann))
    whole = await books.reverse("2", made)
    assert await books.reverse("2", made) == whole
    await refused("TRANSFER_KEY_REUSED", books.reverse("2", made, 100))
    await refused("TRANSFER_KEY_REUSED", books.reverse("1", made))


async def test_what_was_spent_cannot_be_reversed(books: Books, ann: User, bob: User) -> None:
    made = await books.transfer("1", sale(ann))
    await books.transfer("2", moved(wallet(ann), wallet(bob), 90))
    await refused("INSUFFICIENT_FUNDS", books.reverse("3", made))
    assert await books.balance(PROVIDER) == (-100, -100)


async def test_only_posted_transfers_are_reversed(books: Books, ann: User) -> None:
    made = await books.transfer("1", sale(ann), pending=True)
    await refused("TRANSFER_NOT_POSSIBLE", books.reverse("2", made))
    await books.void(made)
    await refused("TRANSFER_NOT_POSSIBLE", books.reverse("2", made))


async def test_a_refund_that_failed_is_reversed_and_can_be_made_again(books: Books, ann: User) -> None:
    made = await books.transfer("1", sale(ann))
    refund = await books.reverse("2", made, 70)
    await refused("TRANSFER_NOT_POSSIBLE", books.reverse("3", refund, pending=True))
    back = await books.reverse("3", refund)
    await refused("TRANSFER_NOT_POSSIBLE", books.reverse("4", back))
    await refused("REVERSAL_TOO_LARGE", books.reverse("4", refund))
    await books.reverse("5", made, 100)
    assert await books.balance(wallet(ann)) == (0, 0)


async def test_two_currencies_balance_each_for_itself(books: Books, ann: User) -> None:
    exchange = [
        *moved(PROVIDER, wallet(ann), 100),
        *moved(Account(None, "fees", "JPY"), wallet(ann, currency="JPY"), 15_000),
    ]
    made = await books.transfer("1", exchange)
    assert await books.balances(ann) == {("available", "USD"): 100, ("available", "JPY"): 15_000}
    await refused("REVERSAL_TOO_LARGE", books.reverse("2", made, 50))
    await books.reverse("2", made)
    assert await books.balances(ann) == {("available", "USD"): 0, ("available", "JPY"): 0}
    crossed = [Entry(PROVIDER, -100), Entry(wallet(ann, currency="JPY"), 100)]
    await refused("TRANSFER_NOT_BALANCED", books.transfer("3", crossed))


@pytest.mark.parametrize("amounts", [(), (0, 0), (-1, 2), (1, 1), (-5,), (-5, 5, 0)], ids=str)
async def test_what_does_not_balance_is_refused(books: Books, amounts: tuple[int, ...]) -> None:
    kinds = [PROVIDER, FEES, Account(None, "held", "USD")]
    entries = [Entry(account, amount) for account, amount in zip(kinds, amounts, strict=False)]
    await refused("TRANSFER_NOT_BALANCED", books.transfer("1", entries))


async def test_an_account_has_one_leg_of_a_transfer(books: Books) -> None:
    await refused("TRANSFER_NOT_BALANCED", books.transfer("1", [*moved(PROVIDER, FEES, 1), *moved(PROVIDER, FEES, 2)]))


async def test_amounts_and_balances_beyond_what_a_bigint_holds_are_refused(books: Books, ann: User) -> None:
    await refused("AMOUNT_TOO_LARGE", books.transfer("1", moved(PROVIDER, wallet(ann), MOST + 1)))
    await refused("AMOUNT_TOO_LARGE", books.transfer("1", moved(PROVIDER, wallet(ann), 2**70)))
    made = await books.transfer("1", moved(PROVIDER, wallet(ann), MOST))
    await refused("AMOUNT_TOO_LARGE", books.transfer("2", moved(PROVIDER, wallet(ann), 1)))
    hold = await books.transfer("3", moved(FEES, wallet(ann), MOST), pending=True)
    await refused("AMOUNT_TOO_LARGE", books.post(hold))
    await refused("AMOUNT_TOO_LARGE", books.transfer("4", moved(FEES, PROVIDER, 1), pending=True))
    for amount in (0, -1, MOST + 1):
        await refused("AMOUNT_TOO_LARGE", books.reverse("4", made, amount))
    await books.reverse("4", made, MOST - 1)
    assert await books.balance(wallet(ann)) == (1, 1)


@pytest.mark.parametrize(("kind", "currency"), [("available", "EUR"), ("available", "usd"), ("savings", "USD")])
async def test_a_marketplace_has_the_currencies_and_kinds_that_it_names(books: Books, kind: str, currency: str) -> None:
    entries = moved(Account(None, "provider", "USD"), Account(None, kind, currency), 1)
    await refused("VALIDATION_ERROR", books.transfer("1", entries))


async def test_an_owner_exports_her_entries_which_are_kept_when_she_is_erased(books: Books, ann: User) -> None:
    await books.pay_in(wallet(ann), 5)
    ctx = books.env.ctx(ann)
    with await exports.export(ctx) as file:
        assert [row["amount"] for row in msgspec.json.decode(file.read())["data"]["ledger"]] == [5]
    await erasure.erase(ctx)
    await erasure.finish(ctx, ann.id)
    assert await books.db.fetchval("select name from users where id = $1", ann.id) != "Ann"
    assert await books.balance(wallet(ann)) == (5, 5)
    await books.reverse("back", await books.pay_in(wallet(ann), 5))  # what the books need goes on
    assert await books.balance(wallet(ann)) == (0, 0)


def test_the_id_of_an_account_follows_from_it() -> None:
    owner = UUID(int=1)
    ids = {
        Account(who, kind, currency).id(market)
        for who in (owner, UUID(int=2), None)
        for kind in ("available", "held")
        for currency in ("USD", "SAR")
        for market in ("bazaar", "onswift")
    }
    assert len(ids) == 24


async def test_ids_and_fingerprints_stay_what_they_are_in_later_versions(books: Books) -> None:
    """Or an account would be made twice, and a repeat of an older transfer refused."""
    assert Account(UUID(int=1), "held", "USD").id("bazaar") == UUID("2abe4de5-3122-507f-b768-3db1e5bf0a10")
    assert Account(None, "fees", "USD").id("bazaar") == UUID("a9d83e89-1d64-54eb-933d-380632a14158")
    async with books.unit() as work:
        made = await ledger.transfer(work, "1", "payment", moved(PROVIDER, FEES, 5), facts={"b": 1, "a": [None, "x"]})
        back = await ledger.reverse(work, "2", made.id, 5)
    assert made.fingerprint.hex() == "87305f9166e04ea99c8d3babfcf66130b49f5f27c4561920136f0b5a020eade0"
    assert back.fingerprint == ledger._fingerprint("reversal", made.id, 5, False, {})
    assert (
        ledger._fingerprint("reversal", UUID(int=1), 5, False, {}).hex()
        == "952972c4b6d968f55108997a516b2f3a4056e4f81201c2ae505b76c5aca5f14d"
    )
