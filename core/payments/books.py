"""The books as a whole: whether they balance, and the closings of days. Both are computed by the database, see docs/ledger.md."""

from uuid import UUID

import msgspec

from core.platform.db import Db, Many, Pool, Run

BATCH = 200  # closings of one transaction, whose accounts wait so long


class Problem(msgspec.Struct, frozen=True):
    """A transfer or an account that does not fit in the books."""

    id: UUID
    problem: str


PROBLEMS = Many(Problem, "select id, problem from ledger_problems() limit 100")
# The earliest open day of accounts, at most $1 of them, locked in the order in which transfers do it.
CLOSE = Run(
    """
    insert into ledger_closings (account_id)
    select a.id from (
        select id from ledger_accounts where open_since < date_trunc('day', now(), 'UTC') order by open_since limit $1
    ) a order by a.id"""
)


async def books_balance(db: Db) -> list[Problem]:
    """Compute all balances anew from the transfers, at one moment; return what does not fit, none: the books balance."""
    return await PROBLEMS(db)


async def close_days(db: Pool) -> None:
    """Close all days that are over, of all accounts; a day that is closed stays as it is, and gets no more entries."""
    while await CLOSE(db, BATCH):
        pass
