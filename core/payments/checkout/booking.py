"""Which accounts money moves between as payments change; in the ledger those that it comes to are above 0.

provider: what a provider holds for us, below 0. fees: the marketplace's own. disputed: what banks hold back for the time being;
losses: what they did not give back, or what was given back although its payee had spent it. The payee's: see Quote.
"""

from typing import Final
from uuid import UUID

import msgspec

from core.base.errors import INSUFFICIENT_FUNDS, AppError
from core.base.ids import uuid7
from core.payments import ledger
from core.payments.checkout import rows
from core.payments.checkout.rows import Dispute, Intent, Refund
from core.payments.ledger import Account, Entry
from core.work.context import Ctx
from core.work.rules import required
from core.work.unit_of_work import UnitOfWork

HOUSE: Final = frozenset({"provider", "fees", "disputed", "losses"})


def check(ctx: Ctx, currency: str, account: str) -> None:
    """Raise RuntimeError if the marketplace's ledger could not take this money, before anybody pays it."""
    rules = required(ctx.policy.ledger)
    if currency not in rules.currencies or not HOUSE | {account} <= rules.kinds:
        raise RuntimeError(f"the ledger of {ctx.policy.name} has no accounts for payments in {currency}")


async def book(work: UnitOfWork, before: Intent, after: Intent) -> Intent:
    """Post what the change of an intent's state moves, and return it with its transfer."""
    if before.state == after.state:
        return after
    if before.state == "authorized" and before.transfer_id:
        if after.state == "succeeded" and after.captured == after.amount:
            await ledger.post(work, before.transfer_id)
            return after
        await ledger.void(work, before.transfer_id)
        after = msgspec.structs.replace(after, transfer_id=None)
    if after.state not in ("authorized", "succeeded"):
        return after
    is_held = after.state == "authorized"
    # One that failed may be authorized again.
    amount, key = (after.amount, uuid7()) if is_held else (after.captured, "succeeded")
    made = await ledger.transfer(
        work, f"payment:{after.id}:{key}", "payment", _entries(after, amount), pending=is_held, facts=_facts(after)
    )
    return msgspec.structs.replace(after, transfer_id=made.id)


async def reserve(work: UnitOfWork, intent: Intent, refund_id: UUID, amount: int) -> UUID:
    """Reserve what a refund takes, until it is made or has failed; raises INSUFFICIENT_FUNDS: its payee has spent it."""
    assert intent.transfer_id, "what is refunded was captured"  # noqa: S101
    key = f"refund:{refund_id}"
    made = await ledger.reverse(
        work, key, intent.transfer_id, amount, kind="refund", pending=True, facts=_facts(intent)
    )
    return made.id


async def reserve_spent(work: UnitOfWork, intent: Intent, refund_id: UUID, amount: int) -> UUID:
    """Reserve it likewise for a refund that is made already: what its payee has spent is the marketplace's loss."""
    try:
        return await reserve(work, intent, refund_id, amount)
    except AppError as error:
        if error.kind != INSUFFICIENT_FUNDS:
            raise
    await rows.ATTENTION(work.db, intent.id, f"{amount} {intent.currency} were refunded that the payee had spent")
    entries = [Entry(_house("provider", intent), amount), Entry(_house("losses", intent), -amount)]
    key = f"refund:{refund_id}:loss"
    return (await ledger.transfer(work, key, "refund", entries, pending=True, facts=_facts(intent))).id


async def settle(work: UnitOfWork, refund: Refund, state: str) -> None:
    """Post what a refund has reserved, or free it; one that its bank gives back later is reversed."""
    if refund.transfer_id is None:
        return
    if state == "succeeded":
        await ledger.post(work, refund.transfer_id)
    elif refund.state == "succeeded":
        await ledger.reverse(work, f"refund:{refund.id}:failed", refund.transfer_id)
    else:
        await ledger.void(work, refund.transfer_id)


async def book_dispute(work: UnitOfWork, intent: Intent, dispute: Dispute, change: int) -> None:
    """Post what a bank withdraws for a dispute, given as it was before; a negative `change` is given back."""
    held = _house("losses" if dispute.state == "lost" else "disputed", intent)
    entries = [Entry(_house("provider", intent), change), Entry(held, -change)]
    # The row of the dispute, stored with it, keeps it from being repeated.
    await ledger.transfer(work, f"dispute:{dispute.id}:{uuid7()}", "dispute", entries, facts=_facts(intent))


async def book_loss(work: UnitOfWork, intent: Intent, dispute: Dispute) -> None:
    """Post that a dispute was lost, with what was withdrawn for it."""
    amount = dispute.withdrawn
    entries = [Entry(_house("disputed", intent), amount), Entry(_house("losses", intent), -amount)]
    await ledger.transfer(work, f"dispute:{dispute.id}:lost", "loss", entries, facts=_facts(intent))


def _entries(intent: Intent, amount: int) -> list[Entry]:
    """Return who gets what of an amount; of a part of the price the marketplace gets that part of its fee."""
    fee = amount if intent.payee_id is None else intent.fee * amount // intent.amount
    entries = [Entry(_house("provider", intent), -amount)]
    if fee:
        entries.append(Entry(_house("fees", intent), fee))
    if amount > fee:
        entries.append(Entry(Account(intent.payee_id, intent.account, intent.currency), amount - fee))
    return entries


def _house(kind: str, intent: Intent) -> Account:
    return Account(None, kind, intent.currency)


def _facts(intent: Intent) -> dict[str, object]:
    return {"payment": str(intent.id)}
