"""The wallet: the user's own accounts in the ledger."""

from typing import Annotated

import msgspec
from msgspec import Meta

from core.base.paging import AfterQuery
from core.market.traits import call
from core.payments import money, statements
from core.payments.ledger import Account
from core.payments.statements import Balance, StatementEntry
from core.work.context import Ctx

Kind = Annotated[str, Meta(max_length=32, pattern="^[a-z_]+$", extra={"words": "Must be the kind of an account"})]
Currency = Annotated[str, Meta(max_length=3, pattern="^[A-Z]{3}$", extra={"words": "Must be as USD"})]


class WalletBalance(Balance, frozen=True, rename="camel"):
    """Likewise; an amount of 1 is the last of so many `decimals` of the currency."""

    decimals: int


class Wallet(msgspec.Struct, frozen=True, rename="camel"):
    balances: list[WalletBalance]


class WalletQuery(AfterQuery, frozen=True, kw_only=True, rename="camel"):
    """Which account, and which page of its entries."""

    currency: Currency
    kind: Kind = "available"


class WalletEntries(msgspec.Struct, frozen=True, rename="camel"):
    entries: list[StatementEntry]
    next_cursor: str | None


@call(needs="ledger")
async def get_wallet(ctx: Ctx) -> Wallet:
    """Get the balances of the user's accounts"""
    found = await statements.BALANCES(ctx.db, ctx.user.id, ctx.policy.name)
    return Wallet(
        [WalletBalance(**msgspec.structs.asdict(one), decimals=money.places_of(one.currency)) for one in found]
    )


@call(needs="ledger")
async def list_entries(ctx: Ctx, query: WalletQuery) -> WalletEntries:
    """Get the entries of one of the user's accounts, the latest first, each with the balance after it"""
    page = await statements.statement(ctx, Account(ctx.user.id, query.kind, query.currency), query)
    return WalletEntries(page.rows, page.next_cursor)
