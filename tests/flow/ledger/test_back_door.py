"""Who may create functions and triggers of her own: what she can still not do, and that the check finds the rest."""

import re

import asyncpg
import pytest

from core.payments.books import books_balance
from core.work.context import User
from tests.flow.ledger.conftest import Books
from tests.flow.ledger.test_database import ATTEMPTS, names


@pytest.fixture
def database_url(fresh_database_url: str) -> str:
    """Return the address of a database in which functions may be made."""
    return fresh_database_url


async def test_who_makes_triggers_of_her_own_can_change_balances_only_and_the_check_finds_it(
    books: Books, ann: User
) -> None:
    known = await names(books, ann)
    async with books.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            """
            create temp table back_door (statement text);
            create function pg_temp.run() returns trigger language plpgsql as
                $$ begin execute new.statement; return null; end $$;
            create trigger run after insert on back_door for each row execute function pg_temp.run()"""
        )
        done = []
        for what, statement in ATTEMPTS.items():
            given = re.sub(r"(?<!:):(\w+)\b", lambda name: known[name[1]], statement)
            nested = connection.transaction()
            await nested.start()
            try:
                await connection.execute("insert into back_door values ($1)", given)
            except (asyncpg.IntegrityConstraintViolationError, asyncpg.NumericValueOutOfRangeError):
                await nested.rollback()
                continue
            done.append(what)
            if what != "a closing of today":  # which does nothing
                assert await books_balance(connection) != [], what
            await nested.rollback()
        await transaction.rollback()
    assert set(done) == {"another balance", "nothing reserved", "a closing of today"}
