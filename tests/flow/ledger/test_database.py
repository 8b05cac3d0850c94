"""The database itself holds the books: what somebody tries at its prompt is refused, and leaves everything as it was."""

import re
from typing import Any

import asyncpg
import pytest

from core.payments.books import books_balance
from core.work.context import User
from tests.flow.ledger.conftest import FEES, PROVIDER, Books, moved, wallet

# Each is tried on books with a posted transfer `posted`, a pending one `pending` and a void one `void`, all from the provider's
# account `p` to Ann's `a`; `f` is an account of the house, `y` one in another currency, `e` one of another marketplace.
INSERT = """
    insert into ledger_transfers (id, market, key, fingerprint, kind, status, account_ids, amounts, reverses_id, facts)
    values (gen_random_uuid(), 'bazaar', 'new', '', 'x', """
ATTEMPTS = {
    "an unbalanced transfer": INSERT + "'posted', array[:p, :a], '{-5,6}', null, '{}')",
    "an unbalanced pending one": INSERT + "'pending', array[:p, :a], '{-5,6}', null, '{}')",
    "two currencies": INSERT + "'posted', array[:p, :y], '{-5,5}', null, '{}')",
    "one leg": INSERT + "'posted', array[:p], '{0}', null, '{}')",
    "no leg": INSERT + "'posted', '{}', '{}', null, '{}')",
    "a leg of zero": INSERT + "'posted', array[:p, :a, :f], '{-5,5,0}', null, '{}')",
    "a leg of null": INSERT + "'posted', array[:p, :a], '{-5,null}', null, '{}')",
    "an account of null": INSERT + "'posted', array[:p, null], '{-5,5}', null, '{}')",
    "an account twice": INSERT + "'posted', array[:p, :p], '{-5,5}', null, '{}')",
    "more amounts than accounts": INSERT + "'posted', array[:p, :a], '{-5,5,7}', null, '{}')",
    "more accounts than amounts": INSERT + "'posted', array[:p, :a, :f], '{-5,5}', null, '{}')",
    "an account that is not there": INSERT + "'posted', array[:p, gen_random_uuid()], '{-5,5}', null, '{}')",
    "an account of another marketplace": INSERT + "'posted', array[:p, :e], '{-5,5}', null, '{}')",
    "an amount that overflows": INSERT + "'posted', array[:p, :a], '{-9223372036854775808,5}', null, '{}')",
    "a transfer that is void at once": INSERT + "'void', array[:p, :a], '{-5,5}', null, '{}')",
    "what is not there": INSERT + "'posted', array[:a, :p], '{-500,500}', null, '{}')",
    "reserving what is not there": INSERT + "'pending', array[:a, :p], '{-500,500}', null, '{}')",
    "a reversal of too much": INSERT + "'posted', array[:p, :a], '{101,-101}', :posted, '{}')",
    "a reversal in the same direction": INSERT + "'posted', array[:p, :a], '{-1,1}', :posted, '{}')",
    "a reversal by others": INSERT + "'posted', array[:p, :f], '{1,-1}', :posted, '{}')",
    "a reversal of what is pending": INSERT + "'posted', array[:p, :a], '{1,-1}', :pending, '{}')",
    "a reversal of what is void": INSERT + "'posted', array[:p, :a], '{1,-1}', :void, '{}')",
    "a reversal of itself": re.sub(r"gen_random_uuid\(\)", "'00000000-0000-0000-0000-000000000007'", INSERT)
    + "'posted', array[:p, :a], '{1,-1}', '00000000-0000-0000-0000-000000000007', '{}')",
    "other amounts of a posted transfer": "update ledger_transfers set amounts = '{-7,7}' where id = :posted",
    "other amounts of a pending transfer": "update ledger_transfers set amounts = '{-7,7}' where id = :pending",
    "other amounts while posting": "update ledger_transfers set amounts = '{-7,7}', status = 'posted' where id = :pending",
    "other amounts by way of an insert": INSERT.replace("'new'", "'1'")
    + "'posted', array[:p, :a], '{-5,5}', null, '{}') on conflict (market, key) do update set amounts = '{-7,7}'",
    "another key": "update ledger_transfers set key = 'other' where id = :posted",
    "other facts": """update ledger_transfers set facts = '{"order": 2}' where id = :posted""",
    "another moment": "update ledger_transfers set created_at = now() where id = :posted",
    "voiding a posted transfer": "update ledger_transfers set status = 'void' where id = :posted",
    "posting a void transfer": "update ledger_transfers set status = 'posted' where id = :void",
    "a transfer pending again": "update ledger_transfers set status = 'pending' where id = :posted",
    "posting a posted transfer again": "update ledger_transfers set status = 'posted' where id = :posted",
    "deleting a transfer": "delete from ledger_transfers where id = :void",
    "an entry without a transfer": "insert into ledger_entries values (:a, 9, gen_random_uuid(), 5, 5, now())",
    "an entry more of a transfer": "insert into ledger_entries values (:f, 9, :posted, 5, 5, now())",
    "an entry of a transfer again": "insert into ledger_entries values (:a, 9, :posted, 100, 200, now())",
    "an entry of a pending transfer": "insert into ledger_entries values (:a, 9, :pending, 30, 130, now())",
    "another amount of an entry": "update ledger_entries set amount = 7 where account_id = :a",
    "another balance of an entry": "update ledger_entries set balance = 7 where account_id = :a",
    "another day of an entry": "update ledger_entries set posted_at = now() - interval '1 day'",
    "deleting entries": "delete from ledger_entries",
    "another balance": "update ledger_accounts set posted = 500 where id = :a",
    "nothing reserved": "update ledger_accounts set reserved = 0 where id = :p",
    "an earlier next entry": "update ledger_accounts set posted_until = '-infinity'",
    "another owner": "update ledger_accounts set owner_id = null where id = :a",
    "another currency": "update ledger_accounts set currency = 'JPY' where id = :a",
    "an account with a balance": """
        insert into ledger_accounts (id, market, kind, currency, may_owe, posted)
        values (gen_random_uuid(), 'bazaar', 'gift', 'USD', true, 5)""",
    "an account twice over": """
        insert into ledger_accounts (id, market, kind, currency, may_owe)
        values (gen_random_uuid(), 'bazaar', 'fees', 'USD', true)""",
    "deleting an account": "delete from ledger_accounts where id = :y",
    "deleting the owner": "delete from users where id = (select owner_id from ledger_accounts where id = :a)",
    "a closing of today": "insert into ledger_closings (account_id, day, seq) values (:a, '2020-01-01', 1)",
    "emptying accounts": "truncate ledger_accounts cascade",
    "emptying transfers": "truncate ledger_transfers cascade",
    "emptying entries": "truncate ledger_entries",
    "emptying closings": "truncate ledger_closings",
}
TABLES = ("accounts", "transfers", "entries", "closings")


async def contents(books: Books) -> list[Any]:
    return [await books.db.fetch(f"select t::text from ledger_{table} t order by 1") for table in TABLES]


async def names(books: Books, ann: User) -> dict[str, str]:
    """Make what the attempts are made on, and return it by its names."""
    posted = await books.transfer("1", moved(PROVIDER, wallet(ann), 100))
    pending = await books.transfer("2", moved(PROVIDER, wallet(ann), 30), pending=True)
    void = await books.void(await books.transfer("3", moved(PROVIDER, wallet(ann), 30), pending=True))
    await books.transfer("4", moved(PROVIDER, FEES, 1))
    yen = wallet(ann, currency="JPY")
    await books.void(
        await books.transfer("5", [*moved(PROVIDER, FEES, 1), *moved(wallet(ann, "debt", "JPY"), yen, 1)], pending=True)
    )
    elsewhere = await books.under(name="elsewhere").transfer("1", moved(PROVIDER, FEES, 1))
    found = {
        "p": PROVIDER.id("bazaar"), "a": wallet(ann).id("bazaar"), "f": FEES.id("bazaar"), "y": yen.id("bazaar"),
        "e": PROVIDER.id("elsewhere"), "posted": posted.id, "pending": pending.id, "void": void.id,
    }  # fmt: skip
    assert elsewhere.status == "posted"
    return {name: f"'{id}'::uuid" for name, id in found.items()}


async def test_no_session_can_break_the_books(books: Books, ann: User) -> None:
    known = await names(books, ann)
    before = await contents(books)
    done = []
    for what, statement in ATTEMPTS.items():
        try:
            await books.db.execute(re.sub(r"(?<!:):(\w+)\b", lambda name: known[name[1]], statement))
            done.append(what)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.NumericValueOutOfRangeError):
            pass
    assert await contents(books) == before
    assert done == ["a closing of today"]  # which does nothing


async def test_what_a_session_does_by_way_of_transfers_is_booked(books: Books, ann: User) -> None:
    known = await names(books, ann)
    for statement in (
        INSERT + "'posted', array[:p, :a], '{-5,5}', null, '{}')",
        "update ledger_transfers set status = 'posted' where id = :pending",
    ):
        await books.db.execute(re.sub(r"(?<!:):(\w+)\b", lambda name: known[name[1]], statement))
    assert await books.balance(wallet(ann)) == (135, 135)


BREAKS = {
    "balance": ("update ledger_accounts set posted = posted + 1 where kind = 'available'", "not the sum of its entries"),
    "seq": ("update ledger_accounts set seq = seq + 1 where kind = 'available'", "not the sum of its entries"),
    "reserve": ("update ledger_accounts set reserved = 0", "not the sum of pending debits"),
    "entry": ("update ledger_entries set amount = amount + 1", "not its legs"),
    "chain": ("update ledger_entries set balance = balance + 1", "does not follow"),
    "order": ("update ledger_entries set posted_at = now() - interval '1 year' where seq = 2", "does not follow"),
    "lost entry": ("delete from ledger_entries where amount > 0", "not its legs"),
    "void": ("update ledger_transfers set status = 'void' where status = 'posted'", "not its legs"),
    "legs": ("update ledger_transfers set amounts = '{-1,2}' where key = '3'", "do not balance"),
    "leg": ("update ledger_transfers set account_ids = account_ids[1:1], amounts = '{0}' where key = '3'", "fewer than two"),
    "reversal": ("update ledger_transfers set amounts = array[-45, 45] where kind = 'reversal'", "is reversed"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
async def test_the_check_finds_what_was_broken_behind_the_triggers(books: Books, ann: User, name: str) -> None:
    await names(books, ann)
    made = await books.transfer("6", moved(PROVIDER, wallet(ann), 9))
    await books.reverse("7", made, 5)
    await books.check()
    statement, said = BREAKS[name]
    transaction = (connection := await books.db.acquire()).transaction()
    await transaction.start()
    await connection.execute("set local session_replication_role = replica")
    await connection.execute(statement)
    assert any(said in one.problem for one in await books_balance(connection))
    await transaction.rollback()
    await books.db.release(connection)
