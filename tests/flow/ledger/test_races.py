"""Many at once: one effect for each key, nothing overdrawn, nothing reversed twice, nobody waits for ever."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from uuid import UUID

import pytest

from core.base.errors import AppError
from core.payments import ledger
from core.payments.books import books_balance
from core.payments.ledger import Account, Entry, Transfer
from core.platform.db import UNAVAILABLE_ERRORS
from core.work.context import User
from tests.flow.conftest import PATIENCE
from tests.flow.ledger.conftest import FEES, PROVIDER, Books, moved, wallet

AT_ONCE = 20  # more than the pool has connections


async def outcomes(*calls: Awaitable[Transfer]) -> Counter[str]:
    """Make calls at once; return how many were done, or refused for what."""
    async with asyncio.timeout(PATIENCE):
        done = await asyncio.gather(*calls, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException) and not isinstance(one, AppError):
            raise one
    return Counter(one.kind.code if isinstance(one, AppError) else "done" for one in done)


async def test_equal_transfers_at_once_are_one(books: Books, ann: User) -> None:
    async with asyncio.timeout(PATIENCE):
        made = await asyncio.gather(*(books.transfer("1", moved(PROVIDER, wallet(ann), 5)) for _ in range(AT_ONCE)))
    assert len(set(made)) == 1
    assert await books.balance(wallet(ann)) == (5, 5)


async def test_unequal_transfers_of_one_key_at_once_are_one_and_refusals(books: Books, ann: User) -> None:
    calls = (books.transfer("1", moved(PROVIDER, wallet(ann), 5 + place)) for place in range(AT_ONCE))
    assert await outcomes(*calls) == {"done": 1, "TRANSFER_KEY_REUSED": AT_ONCE - 1}


@pytest.mark.parametrize("pending", [False, True], ids=["posted", "pending"])
async def test_two_at_once_do_not_overdraw(books: Books, ann: User, bob: User, pending: bool) -> None:
    await books.pay_in(wallet(ann), 100)
    entries = moved(wallet(ann), wallet(bob), 30)
    calls = (books.transfer(f"{place}", entries, pending=pending) for place in range(AT_ONCE))
    assert await outcomes(*calls) == {"done": 3, "INSUFFICIENT_FUNDS": AT_ONCE - 3}
    assert (await books.balance(wallet(ann)))[1] == 10


async def test_reversals_at_once_do_not_exceed_the_transfer(books: Books, ann: User) -> None:
    made = await books.transfer("1", [Entry(PROVIDER, -100), Entry(wallet(ann), 90), Entry(FEES, 10)])
    await books.pay_in(wallet(ann), 1_000)  # the balance is not what stops them
    calls = (books.reverse(f"r{place}", made, 30, pending=place % 2 == 0) for place in range(AT_ONCE))
    assert await outcomes(*calls) == {"done": 3, "REVERSAL_TOO_LARGE": AT_ONCE - 3}


async def test_equal_reversals_at_once_are_one(books: Books, ann: User) -> None:
    made = await books.pay_in(wallet(ann), 100)
    assert await outcomes(*(books.reverse("r", made) for _ in range(AT_ONCE))) == {"done": AT_ONCE}
    assert await books.balance(wallet(ann)) == (0, 0)


async def test_a_transfer_is_posted_or_void_and_never_both(books: Books, ann: User) -> None:
    holds = [await books.transfer(f"{n}", moved(PROVIDER, wallet(ann), 1), pending=True) for n in range(10)]
    calls = [call(hold) for hold in holds for call in (books.post, books.void)]
    assert await outcomes(*calls) == {"done": 10, "TRANSFER_NOT_POSSIBLE": 10}
    posted = await books.db.fetchval("select count(*) from ledger_transfers where status = 'posted'")
    assert await books.balance(wallet(ann)) == (posted, posted)


async def test_an_account_that_is_first_used_by_many_at_once_is_made_once(books: Books, bob: User) -> None:
    accounts = [wallet(bob, kind) for kind in ("available", "held", "debt")]
    calls = []
    for place in range(AT_ONCE):
        taken = accounts[place % 3 :] + accounts[: place % 3]  # named in another order by each
        calls.append(books.transfer(f"{place}", [Entry(PROVIDER, -3), *(Entry(one, 1) for one in taken)]))
    assert await outcomes(*calls) == {"done": AT_ONCE}
    assert [await books.balance(one) for one in accounts] == [(AT_ONCE, AT_ONCE)] * 3


async def test_transfers_in_all_directions_do_not_deadlock(books: Books) -> None:
    people = [await books.env.person(f"P{place}", "buyer") for place in range(4)]
    accounts = [wallet(user, "debt") for user, _ in people]
    calls = [
        books.transfer(f"{place} {other} {again}", moved(giver, receiver, 1))
        for place, giver in enumerate(accounts)
        for other, receiver in enumerate(accounts)
        if giver != receiver
        for again in range(5)
    ]
    assert await outcomes(*calls) == {"done": 60}
    assert [await books.balance(one) for one in accounts] == [(0, 0)] * 4


async def test_the_books_are_checked_at_one_moment_while_transfers_go_on(books: Books, ann: User, bob: User) -> None:
    await books.pay_in(wallet(ann), 100)

    async def move(name: str) -> None:
        for place in range(20):
            made = await books.transfer(f"{name} {place}", moved(wallet(ann), wallet(bob), 1), pending=place % 2 == 0)
            await books.reverse(f"{name} {place} r", await books.post(made))

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        moving = [tasks.create_task(move(name)) for name in "xyz"]
        while not all(one.done() for one in moving):
            assert await books_balance(books.db) == []
    assert await books.balance(wallet(ann)) == (100, 100)


async def test_a_connection_that_dies_between_two_statements_leaves_nothing(books: Books, ann: User) -> None:
    """And its key and its accounts are free for the next."""

    async def die() -> None:
        async with books.unit() as work:
            await ledger.transfer(work, "1", "payment", moved(PROVIDER, wallet(ann), 5))
            await books.db.execute("select pg_terminate_backend($1, 5000)", work.db.get_server_pid())
            await ledger.transfer(work, "2", "payment", moved(PROVIDER, wallet(ann), 5))

    with pytest.raises(UNAVAILABLE_ERRORS):
        await die()
    assert await books.db.fetchval("select count(*) from ledger_transfers") == 0
    await books.transfer("1", moved(PROVIDER, wallet(ann), 7))
    assert await books.balance(wallet(ann)) == (7, 7)


async def test_accounts_of_an_owner_are_made_in_the_order_in_which_they_are_locked() -> None:
    ids = [Account(UUID(int=place), "held", "USD").id("bazaar") for place in range(50)]
    assert sorted(ids) == sorted(ids, key=lambda one: one.bytes)  # Postgres compares bytes
