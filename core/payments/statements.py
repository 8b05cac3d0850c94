"""What users see of the ledger: their balances, and the statement of an account."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base import cursors
from core.base.paging import AfterQuery, Rows, page_of
from core.payments.ledger import Account
from core.platform.db import Many
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of


class Balance(msgspec.Struct, frozen=True, rename="camel"):
    """The balance of an account in minor units: `available` is what is posted without what pending transfers have reserved."""

    kind: str
    currency: str
    posted: int
    reserved: int
    available: int


class StatementEntry(msgspec.Struct, frozen=True, rename="camel"):
    """What a transfer did to an account, in minor units; `balance` is the one after it, `seq` numbers an account's entries."""

    seq: int
    transfer_id: UUID
    kind: str
    amount: int
    balance: int
    reverses_id: UUID | None
    posted_at: datetime


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a statement ends."""

    seq: Annotated[int, Meta(ge=0, le=2**63 - 1)]


# Of a user; an account that was never used has none.
BALANCES = Many(
    Balance,
    """
    select kind, currency, posted, reserved, posted - reserved as available from ledger_accounts
    where owner_id = $1 and market = $2 order by kind, currency""",
)
# Latest first: those before an entry ($2), at most $3.
STATEMENT = Many(
    StatementEntry,
    """
    select e.seq, e.transfer_id, t.kind, e.amount, e.balance, t.reverses_id, e.posted_at
    from ledger_entries e join ledger_transfers t on t.id = e.transfer_id
    where e.account_id = $1 and e.seq < $2 order by e.seq desc limit $3""",
)
PERSONAL_DATA = PersonalData(
    "ledger",
    frozenset({"ledger_accounts"}),
    rows_of(
        """
        select a.kind as account, a.currency, e.seq, t.kind, e.amount, e.balance, e.posted_at
        from ledger_accounts a join ledger_entries e on e.account_id = a.id join ledger_transfers t on t.id = e.transfer_id
        where a.owner_id = $1 order by a.kind, a.currency, e.seq"""
    ),
    kept="Accounts and their entries, because the books must balance: by an id that has no name any more.",
)


async def statement(ctx: Ctx, account: Account, query: AfterQuery) -> Rows[StatementEntry]:
    """Return a page of an account's entries, the latest first; raises VALIDATION_ERROR."""
    before = cursors.decode(query.cursor, Place).seq if query.cursor else 2**63 - 1
    rows = await STATEMENT(ctx.db, account.id(ctx.policy.name), before, query.limit + 1)
    return page_of(query, rows, lambda entry: Place(entry.seq))
