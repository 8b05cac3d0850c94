"""The SQL of intents and their refunds and disputes."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.payments.states import DisputeState, IntentState, RefundState
from core.platform.db import Many, One, Run, Scalar
from core.work.personal_data import PersonalData, rows_of


class Intent(msgspec.Struct, frozen=True):
    """A payment; see schema.sql."""

    id: UUID
    market: str
    payer_id: UUID
    payee_id: UUID | None
    purpose: str
    subject_id: UUID
    title: str
    account: str
    amount: int
    fee: int
    currency: str
    is_manual: bool
    provider: str
    ref: str | None
    charge: str
    pay_url: str
    state: IntentState
    error: str
    attention: str
    received: int | None
    received_currency: str | None
    captured: int
    refunding: int
    refunded: int
    transfer_id: UUID | None
    tries: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    check_at: datetime | None
    checks: int


class Refund(msgspec.Struct, frozen=True):
    """A refund of a payment, of a part of it or of all."""

    id: UUID
    intent_id: UUID
    amount: int
    state: RefundState
    ref: str
    reason: str
    error: str
    requested_by: UUID | None
    transfer_id: UUID | None
    tries: int
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None


class Dispute(msgspec.Struct, frozen=True):
    """A payment that its payer disputes at her bank."""

    id: UUID
    intent_id: UUID
    ref: str
    state: DisputeState
    withdrawn: int


_INTENT = ", ".join(Intent.__struct_fields__)
_REFUND = ", ".join(Refund.__struct_fields__)
_DISPUTE = ", ".join(Dispute.__struct_fields__)
INSERT = Run(
    """
    insert into payment_intents (id, market, payer_id, payee_id, purpose, subject_id, title, account, amount, fee, currency,
        is_manual, provider, ref, created_at, updated_at, expires_at, check_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17)
    on conflict do nothing"""
)
OPEN = One(
    Intent,
    f"""
    select {_INTENT} from payment_intents
    where market = $1 and purpose = $2 and subject_id = $3 and payer_id = $4
        and state in ('created', 'pending', 'processing', 'authorized', 'mismatch') and purpose <> 'subscription'""",  # noqa: S608
)
BY_ID = One(Intent, f"select {_INTENT} from payment_intents where id = $1 and market = $2")  # noqa: S608
ANY = One(Intent, f"select {_INTENT} from payment_intents where id = $1")  # noqa: S608
BY_REF = One(Intent, f"select {_INTENT} from payment_intents where provider = $1 and ref = $2 and market = $3")  # noqa: S608
LOCK = One(Intent, f"select {_INTENT} from payment_intents where id = $1 for no key update")  # noqa: S608
# What a user ($1) has paid and was paid, after a position, the latest first.
PAGE_OF_USER = Many(
    Intent,
    f"""
    select * from (
        (select {_INTENT} from payment_intents where payer_id = $1 and market = $2 and (created_at, id) < ($3, $4)
            order by created_at desc, id desc limit $5)
        union
        (select {_INTENT} from payment_intents where payee_id = $1 and market = $2 and (created_at, id) < ($3, $4)
            order by created_at desc, id desc limit $5)
    ) i order by created_at desc, id desc limit $5""",  # noqa: S608
)
TRY = Scalar(int, "update payment_intents set tries = tries + 1 where id = $1 returning tries")
UPDATE = Run(
    """
    update payment_intents set ref = $2, charge = $3, pay_url = $4, state = $5, error = $6, attention = $7, received = $8,
        received_currency = $9, captured = $10, transfer_id = $11, check_at = $12, checks = $13, updated_at = $14
    where id = $1"""
)
# Intents that are to be asked about ($1: now, $2: at most): they are taken until $3, by one process.
CLAIM = Many(
    Intent,
    f"""
    update payment_intents set check_at = $3, checks = checks + 1 where id in (
        select id from payment_intents where check_at <= $1 and market = $4
        order by check_at limit $2 for no key update skip locked
    )
    returning {_INTENT}""",  # noqa: S608
)
IS_STUCK = Scalar(
    bool,
    """
    select exists (
        select from payment_refunds
        where intent_id = $1 and state in ('requested', 'sent', 'pending') and created_at < $2
    )""",
)
CHECK_AT = Run("update payment_intents set check_at = $2 where id = $1")
SOON = Run("update payment_intents set check_at = $2, checks = 0 where id = $1")
ATTENTION = Run("update payment_intents set attention = $2 where id = $1")
GIVE_UP = Run("update payment_intents set attention = $2, check_at = null where id = $1")
# Those that a person must look at, the oldest first.
WAITING = Many(
    Intent,
    f"select {_INTENT} from payment_intents where attention <> '' and id > $1 order by id limit $2",  # noqa: S608
)
COUNT_WAITING = Scalar(int, "select count(*) from payment_intents where attention <> ''")

INSERT_REFUND = Run(
    """
    insert into payment_refunds (id, intent_id, amount, state, ref, reason, requested_by, transfer_id, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
)
REFUND = One(Refund, f"select {_REFUND} from payment_refunds where id = $1")  # noqa: S608
LOCK_REFUND = One(Refund, f"select {_REFUND} from payment_refunds where id = $1 for no key update")  # noqa: S608
REFUNDS = Many(Refund, f"select {_REFUND} from payment_refunds where intent_id = $1 order by created_at, id")  # noqa: S608
SEND = One(
    Refund,
    f"""
    update payment_refunds set state = 'sent', sent_at = $2, tries = tries + 1
    where id = $1 and state = 'requested' returning {_REFUND}""",  # noqa: S608
)
# One that was to be sent again, and was made after all; not while another one of its payment is under way.
SENT_AGAIN = Scalar(
    UUID,
    """
    update payment_refunds r set state = 'sent' where id = $1 and state = 'requested'
        and not exists (select from payment_refunds o where o.intent_id = r.intent_id and o.state = 'sent')
    returning id""",
)
UPDATE_REFUND = Run("update payment_refunds set state = $2, ref = $3, error = $4, settled_at = $5 where id = $1")

DISPUTES = Many(Dispute, f"select {_DISPUTE} from payment_disputes where intent_id = $1 order by id")  # noqa: S608
STORE_DISPUTE = Run(
    """
    insert into payment_disputes (id, intent_id, ref, state, withdrawn, opened_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $6)
    on conflict (id) do update
        set state = excluded.state, withdrawn = excluded.withdrawn, updated_at = excluded.updated_at"""
)

PERSONAL_DATA = PersonalData(
    "payments",
    frozenset({"payment_intents", "payment_refunds"}),
    rows_of(
        """
        select i.id, i.purpose, i.subject_id, i.title, i.amount, i.currency, i.state, i.captured, i.refunded, i.created_at,
            i.payer_id = $1 as is_payer,
            (select coalesce(json_agg(json_build_object('amount', r.amount, 'state', r.state, 'at', r.created_at,
                'reason', case when r.requested_by = $1 then r.reason end)), '[]')
                from payment_refunds r where r.intent_id = i.id) as refunds
        from payment_intents i where i.payer_id = $1 or i.payee_id = $1 order by i.id"""
    ),
    last=(
        Run("update payment_refunds set reason = '' where requested_by = $1 and reason <> ''"),
        Run("update payment_intents set pay_url = '' where payer_id = $1 and pay_url <> ''"),
    ),
    kept="Who paid whom how much for what when, as the law on accounts asks, by ids that have no name any more.",
)
