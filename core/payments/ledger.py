"""The ledger: double entry in integer minor units. What it promises is held by the database: see docs/ledger.md.

A transfer locks its accounts in a fixed order. Units of work with several transfers may be rolled back for a deadlock
(UNAVAILABLE: clients and jobs try again). A transfer that is refused leaves the rest of its unit as it is.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, TypeAlias
from uuid import UUID, uuid5

import msgspec

from core.base import errors
from core.payments.money import MOST, places_of
from core.platform.db import CheckViolation, Connection, Many, One, Run, columns, found, transaction
from core.work.rules import required
from core.work.rules.ledger import LedgerRules
from core.work.unit_of_work import UnitOfWork

Status: TypeAlias = Literal["pending", "posted", "void"]
# What a transfer may become; the trigger ledger_settle holds the same.
NEXT: Final[Mapping[Status, tuple[Status, ...]]] = {"pending": ("posted", "void"), "posted": (), "void": ()}
# By the names that the schema gives them; others are broken by mistakes in the code only.
REFUSALS: Final = {
    "ledger_accounts_funds": errors.INSUFFICIENT_FUNDS,
    "ledger_accounts_range": errors.AMOUNT_TOO_LARGE,
    "ledger_transfers_balanced": errors.TRANSFER_NOT_BALANCED,
    "ledger_transfers_reversal": errors.REVERSAL_TOO_LARGE,
    "ledger_transfers_state": errors.TRANSFER_NOT_POSSIBLE,
}
_ACCOUNTS: Final = UUID("6b1c2f0a-3d55-4c0f-9d53-0f5f5d1f7c11")


class Account(msgspec.Struct, frozen=True):
    """An account of a user, or (None) of the house, in the marketplace of the ctx; it is made when it is first used."""

    owner: UUID | None
    kind: str
    currency: str

    def id(self, market: str) -> UUID:
        """Return its id. It follows from the account, so nobody looks it up, and two cannot make one account twice."""
        return uuid5(_ACCOUNTS, f"{market}/{self.owner or ''}/{self.kind}/{self.currency}")


class Entry(msgspec.Struct, frozen=True):
    """One leg of a transfer, in minor units: above 0 the account receives, below 0 it gives."""

    account: Account
    amount: int


class Transfer(msgspec.Struct, frozen=True):
    """A transfer as it is stored; `fingerprint` is that of what it was asked for with."""

    id: UUID
    key: str
    kind: str
    status: Status
    reverses_id: UUID | None
    created_at: datetime
    fingerprint: bytes


class Leg(msgspec.Struct, frozen=True):
    account_id: UUID
    amount: int


_TRANSFER = "id, key, kind, status, reverses_id, created_at, fingerprint"
MAKE_ACCOUNTS = Run(
    """
    insert into ledger_accounts (id, market, owner_id, kind, currency, may_owe)
    select w.id, $1, w.owner_id, w.kind, w.currency, w.may_owe
    from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bool[]) as w (id, owner_id, kind, currency, may_owe)
    where not exists (select from ledger_accounts a where a.id = w.id)
    order by w.id on conflict do nothing"""
)
INSERT = One(
    Transfer,
    f"""
    insert into ledger_transfers
        (id, market, key, kind, status, account_ids, amounts, reverses_id, facts, fingerprint)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (market, key) do nothing returning {_TRANSFER}""",  # noqa: S608
)
BY_KEY = One(Transfer, f"select {_TRANSFER} from ledger_transfers where market = $1 and key = $2")  # noqa: S608
LOCK = One(Transfer, f"select {_TRANSFER} from ledger_transfers where id = $1 and market = $2 for no key update")  # noqa: S608
SETTLE = One(Transfer, f"update ledger_transfers set status = $2 where id = $1 returning {_TRANSFER}")  # noqa: S608
REVERSAL = Many(Leg, "select account_id, amount from ledger_reversal($1, $2)")


async def transfer(
    work: UnitOfWork,
    key: str,
    kind: str,
    entries: Sequence[Entry],
    *,
    pending: bool = False,
    facts: Mapping[str, object] | None = None,
) -> Transfer:
    """Make a transfer once for its key (1 to 200 characters, of this marketplace); a repeat returns the first as it is now.

    The amounts sum to zero in each currency. A pending transfer reserves what it takes, until it is posted or void.
    `kind` says what it is (lower case, underscores), `facts` what it belongs to: JSON; no texts, because it never changes.
    Raises TRANSFER_KEY_REUSED: another transfer has this key; INSUFFICIENT_FUNDS, TRANSFER_NOT_BALANCED, AMOUNT_TOO_LARGE,
    VALIDATION_ERROR: a currency or kind that the marketplace does not have.
    """
    policy = work.ctx.policy
    rules = required(policy.ledger)
    _check(rules, entries)
    legs = sorted((one.account.id(policy.name), one.amount) for one in entries)
    fingerprint = _fingerprint(kind, legs, pending, facts or {})
    accounts = {account.id(policy.name): account for account in (one.account for one in entries)}
    rows = [
        (id, one.owner, one.kind, one.currency, one.owner is None or one.kind in rules.may_owe)
        for id, one in sorted(accounts.items())
    ]
    await MAKE_ACCOUNTS(work.db, policy.name, *columns(rows, 5))
    return await _insert(work, key, kind, pending, legs, None, facts, fingerprint)


async def post(work: UnitOfWork, id: UUID) -> Transfer:
    """Carry out a pending transfer; nothing happens to a posted one. Raises TRANSFER_NOT_FOUND, TRANSFER_NOT_POSSIBLE."""
    return await _settle(work, id, "posted")


async def void(work: UnitOfWork, id: UUID) -> Transfer:
    """Give up a pending transfer; nothing happens to a void one. Raises TRANSFER_NOT_FOUND, TRANSFER_NOT_POSSIBLE."""
    return await _settle(work, id, "void")


async def reverse(
    work: UnitOfWork,
    key: str,
    transfer_id: UUID,
    amount: int | None = None,
    *,
    kind: str = "reversal",
    pending: bool = False,
    facts: Mapping[str, object] | None = None,
) -> Transfer:
    """Reverse a posted transfer by a new one, once for its key: in part, or (None) all that is left of it.

    `amount` is of all that the transfer moved in its one currency; each leg takes part in proportion to what is left of it.
    All reversals together, with pending ones, never exceed it. One can be reversed in turn, once and not pending.
    Raises TRANSFER_NOT_FOUND, TRANSFER_NOT_POSSIBLE, REVERSAL_TOO_LARGE: also for a part of several currencies;
    INSUFFICIENT_FUNDS: an account that may not owe has spent it; TRANSFER_KEY_REUSED, AMOUNT_TOO_LARGE.
    """
    # A repeat that comes at the same time waits for this lock, and then finds the key.
    original = found(await LOCK(work.db, transfer_id, work.ctx.policy.name), errors.TRANSFER_NOT_FOUND.error())
    fingerprint = _fingerprint(kind, transfer_id, amount, pending, facts or {})
    if await BY_KEY(work.db, work.ctx.policy.name, key):
        return await _repeated(work, key, fingerprint)
    if original.status != "posted":
        raise errors.TRANSFER_NOT_POSSIBLE.error()
    if amount is not None and not 0 < amount <= MOST:
        raise errors.AMOUNT_TOO_LARGE.error(f"Must be 1 to {MOST}")
    legs = [(leg.account_id, leg.amount) for leg in await REVERSAL(work.db, transfer_id, amount)]
    if not legs:
        raise errors.REVERSAL_TOO_LARGE.error()
    return await _insert(work, key, kind, pending, legs, transfer_id, facts, fingerprint)


def _check(rules: LedgerRules, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.account.currency not in rules.currencies or entry.account.kind not in rules.kinds:
            raise errors.invalid("account", f"There are no accounts {entry.account.kind} in {entry.account.currency}")
        places_of(entry.account.currency)
        if abs(entry.amount) > MOST:
            raise errors.AMOUNT_TOO_LARGE.error()


async def _insert(
    work: UnitOfWork,
    key: str,
    kind: str,
    pending: bool,
    legs: Sequence[tuple[UUID, int]],
    reverses_id: UUID | None,
    facts: Mapping[str, object] | None,
    fingerprint: bytes,
) -> Transfer:
    status = "pending" if pending else "posted"
    row = work.new_id(), work.ctx.policy.name, key, kind, status, *columns(legs, 2), reverses_id, facts or {}
    async with _refusals(work) as db:
        made = await INSERT(db, *row, fingerprint)
    return made or await _repeated(work, key, fingerprint)


async def _repeated(work: UnitOfWork, key: str, fingerprint: bytes) -> Transfer:
    first = await BY_KEY(work.db, work.ctx.policy.name, key)
    if first is None or first.fingerprint != fingerprint:
        raise errors.TRANSFER_KEY_REUSED.error()
    return first


async def _settle(work: UnitOfWork, id: UUID, status: Status) -> Transfer:
    now = found(await LOCK(work.db, id, work.ctx.policy.name), errors.TRANSFER_NOT_FOUND.error())
    if now.status == status:
        return now
    if status not in NEXT[now.status]:
        raise errors.TRANSFER_NOT_POSSIBLE.error()
    async with _refusals(work) as db:
        return found(await SETTLE(db, id, status), errors.TRANSFER_NOT_FOUND.error())


@asynccontextmanager
async def _refusals(work: UnitOfWork) -> AsyncIterator[Connection]:
    """Raise what the database refuses as an error of ours, with the unit as it was before."""
    try:
        async with transaction(work.db) as db:
            yield db
    except CheckViolation as refused:
        if refused.constraint_name not in REFUSALS:
            raise
        raise REFUSALS[refused.constraint_name].error() from None


def _fingerprint(*payload: object) -> bytes:
    return sha256(msgspec.json.encode(payload, order="deterministic")).digest()
