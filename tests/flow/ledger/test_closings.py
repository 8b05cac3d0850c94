"""Closing sums of days: each day of each account once, complete, and never again; and what the worker and operators do."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cli.errors import CommandError
from cli.ledger import check_books
from core.payments import books as closing
from core.payments.books import close_days
from core.work.context import User
from tests.flow.cli.commands import greenroom
from tests.flow.conftest import PATIENCE
from tests.flow.ledger.conftest import FEES, PROVIDER, Books, moved, wallet
from workers.app import open_worker

OLDER = """
    set local session_replication_role = replica;
    update ledger_entries set posted_at = posted_at - interval '{days} days';
    update ledger_accounts set posted_until = posted_until - interval '{days} days',
        open_since = open_since - interval '{days} days'"""
TODAY = datetime.now(UTC).date()


async def let_days_pass(books: Books, days: int) -> None:
    """Make what is in the books older."""
    async with books.db.acquire() as connection, connection.transaction():
        await connection.execute(OLDER.format(days=days))


async def closings(books: Books, *columns: str) -> list[tuple[object, ...]]:
    rows = await books.db.fetch(
        f"""
        select {", ".join(f"c.{one}" for one in columns)} from ledger_closings c join ledger_accounts a on a.id = c.account_id
        where a.owner_id is not null order by day"""
    )
    return [tuple(row) for row in rows]


async def three_days(books: Books, ann: User) -> None:
    """Let Ann be paid 100 three days ago, and pay 30 of it twice two days later."""
    await books.transfer("1", moved(PROVIDER, wallet(ann), 100))
    await let_days_pass(books, 2)
    await books.transfer("2", moved(wallet(ann), FEES, 30))
    await books.transfer("3", moved(wallet(ann), FEES, 30))
    await let_days_pass(books, 1)


async def test_each_day_with_entries_is_closed_once_with_its_sums(books: Books, ann: User) -> None:
    await three_days(books, ann)
    await books.transfer("4", moved(wallet(ann), FEES, 1))  # of today, which is open
    for _ in range(2):
        await close_days(books.db)
        rows = await closings(books, "day", "seq", "debits", "credits", "balance")
        assert rows == [(TODAY - timedelta(3), 1, 0, 100, 100), (TODAY - timedelta(1), 3, 60, 0, 40)]
    sums = await books.db.fetch("select sum(credits - debits) from ledger_closings group by day")
    assert [row[0] for row in sums] == [0, 0]  # a transfer is on one day, on all its accounts


async def test_many_who_close_at_once_close_each_day_once(
    books: Books, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "BATCH", 1)
    await three_days(books, ann)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(close_days(books.db) for _ in range(5)))
    await close_days(books.db)
    assert len(await closings(books, "day")) == 2


async def test_an_entry_that_is_committed_after_midnight_is_in_its_day(books: Books, ann: User) -> None:
    await books.transfer("1", moved(PROVIDER, wallet(ann), 100))
    await let_days_pass(books, 1)
    async with books.db.acquire() as late:
        begun = late.transaction()
        await begun.start()
        accounts = [PROVIDER.id("bazaar"), wallet(ann).id("bazaar")]
        await late.execute(
            """
            insert into ledger_transfers (id, market, key, fingerprint, kind, status, account_ids, amounts, facts)
            values (gen_random_uuid(), 'bazaar', '2', '', 'late', 'posted', $1, '{-7,7}', '{}')""",
            accounts,
        )
        # As if it had been begun before midnight.
        await late.execute(
            """
            set local session_replication_role = replica;
            update ledger_entries set posted_at = posted_at - interval '1 day' where amount in (-7, 7);
            update ledger_accounts set posted_until = posted_until - interval '1 day'"""
        )
        closes = asyncio.create_task(close_days(books.db))
        waiting = "select exists (select from pg_locks where not granted)"
        async with asyncio.timeout(PATIENCE):
            while not await books.db.fetchval(waiting):
                assert not closes.done()
        await begun.commit()
        await closes
    assert await closings(books, "seq", "credits", "balance") == [(2, 107, 107)]


async def test_a_closed_day_gets_no_more_entries_even_if_the_clock_is_set_back(books: Books, ann: User) -> None:
    await three_days(books, ann)
    await close_days(books.db)
    midnight = await books.db.fetchval("select date_trunc('day', now(), 'UTC')")
    assert await books.db.fetchval("select min(posted_until) from ledger_accounts") >= midnight - timedelta(days=2)
    # What the clock says is not asked any more once the account knows a later moment.
    async with books.db.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update ledger_accounts set posted_until = now() + interval '1 hour'")
    until = await books.db.fetchval("select max(posted_until) from ledger_accounts")
    await books.transfer("late", moved(wallet(ann), FEES, 1))
    assert await books.db.fetchval("select max(posted_at) from ledger_entries") == until


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_closings set balance = 0",
        "update ledger_closings set day = day - 1",
        "delete from ledger_closings",
        "update ledger_accounts set open_since = '-infinity'",
    ],
)
async def test_a_closing_does_not_change(books: Books, ann: User, statement: str) -> None:
    await three_days(books, ann)
    await close_days(books.db)
    with pytest.raises(asyncpg.CheckViolationError):
        await books.db.execute(statement)


async def test_who_closes_cannot_choose_what_is_written(books: Books, ann: User) -> None:
    await three_days(books, ann)
    await books.db.execute(
        "insert into ledger_closings (account_id, day, seq, debits, credits, balance) values ($1, $2, 1, 2, 3, 4)",
        wallet(ann).id("bazaar"), TODAY,
    )  # fmt: skip
    assert await closings(books, "day", "debits", "credits", "balance") == [(TODAY - timedelta(3), 0, 100, 100)]


async def test_the_check_finds_a_closing_that_was_changed_behind_the_triggers(books: Books, ann: User) -> None:
    await three_days(books, ann)
    await close_days(books.db)
    async with books.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update ledger_closings set credits = credits + 1")
        problems = await closing.books_balance(connection)
        await transaction.rollback()
    assert {one.problem.partition(" of ")[0] for one in problems} == {"the closing"}


async def test_a_worker_closes_the_days_that_are_over(books: Books, ann: User) -> None:
    await three_days(books, ann)
    async with open_worker(books.env.settings, books.env.resources, books.env.publisher), asyncio.timeout(PATIENCE):
        while len(await closings(books, "day")) < 2:
            pass


async def test_operators_check_the_books(books: Books, ann: User) -> None:
    await three_days(books, ann)
    settings = books.env.settings
    command = greenroom("ledger", "check", DATABASE_URL=settings.database_url, DATA_DIR=settings.data_dir)
    assert (command.returncode, command.stdout) == (0, "the books balance\n")
    account = wallet(ann).id("bazaar")
    for by in (1, -1):
        async with books.db.acquire() as connection, connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            await connection.execute("update ledger_accounts set posted = posted + $2 where id = $1", account, by)
        if by == 1:
            with pytest.raises(CommandError, match=f"{account} this balance is not the sum of its entries"):
                await check_books(books.env.settings)
