"""Requests for a verification: begun, asked for, decided by a provider, by poll and callback alike, or by a person.

Of the id number only a keyed hash is stored, by which one person has one verified account of a marketplace.
"""

import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.answers import RawBody
from core.base.errors import Detail
from core.limits.outage import REDIS_ERRORS
from core.platform.db import Many, One, Run, Scalar, UniqueViolation, found, transaction
from core.platform.outgoing import OutgoingError
from core.review_queue import queue
from core.review_queue.kinds import OPEN, Decision, ReviewKind, Subject, kind_named
from core.review_queue.table import ReviewTask
from core.verification.kinds import STATES, Asked, Kind, Outcome, Provider, State, kind_of
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

STARTING: Final = timedelta(minutes=1)  # for the provider to answer; a process may die of it
LATE: Final = timedelta(minutes=2)  # for which a provider's word still counts after a request has ended
POLL_EVERY: Final = timedelta(seconds=3)  # of a request, however many clients look at it
KEPT: Final = timedelta(days=365)  # of those that approve nothing
NUMBER: Final = "verifications.number"  # as a place of sealed values: in Redis, wherever there are keys
KIND: Final = "verification"  # of tasks of the review queue
REJECT: Final = "reject"
SOMEBODY_ELSE: Final = "It was answered by somebody else"
TAKEN: Final = "Another account of this person is verified"


class Verification(msgspec.Struct, frozen=True, rename="camel"):
    """A request as its user sees it. `code`: the number to pick in the provider's app; `reason`: why it was not approved."""

    id: UUID
    user_id: UUID
    kind: str
    state: State
    code: str
    reason: str
    claims: dict[str, str]
    created_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None


class Stored(msgspec.Struct, frozen=True):
    """What only we know of it."""

    person_hash: bytes | None
    ref: str


_SHOWN = "id, user_id, kind, state, code, reason, claims, created_at, expires_at, decided_at"
# For key share: an account that is being erased has been by then, or waits for us.
INSERT = Run(
    """
    insert into verifications (id, market, user_id, kind, person_hash, created_at, expires_at)
    select $1, $2, id, $4, $5, $6, $7 from users where id = $3 and deleted_at is null for key share
    on conflict do nothing"""
)
ASKED = Run("update verifications set ref = $2, code = $3, expires_at = $4 where id = $1 and state = 'pending'")
VALID = One(
    Verification,
    f"select {_SHOWN} from verifications where user_id = $1 and kind = $2 and state in ('pending', 'approved')",  # noqa: S608
)
OF_USER = Many(Verification, f"select {_SHOWN} from verifications where user_id = $1 order by id desc limit 100")  # noqa: S608
OWN = One(Verification, f"select {_SHOWN} from verifications where id = $1 and user_id = $2")  # noqa: S608
STORED = One(Stored, "select person_hash, ref from verifications where id = $1")
LOCKED = One(Verification, f"select {_SHOWN} from verifications where id = $1 and market = $2 for update")  # noqa: S608
FIND = Scalar(
    UUID,
    """
    select id from verifications where market = $1 and kind = $2 and (id = $3 or ref = $4 and ref <> '')""",
)
SET = Run(
    """
    update verifications set state = $2, reason = $3, claims = $4, decided_by = $5, decided_at = $6, code = ''
    where id = $1"""
)
POLLED = Run(
    """
    update verifications set polled_at = $2
    where id = $1 and state = 'pending' and ref <> '' and (polled_at is null or polled_at <= $3)"""
)
# Those that ended before a time ($1), at most $2 of them.
EXPIRE = Run(
    """
    update verifications set state = 'expired', decided_at = now(), code = '' where id in (
        select id from verifications where state = 'pending' and expires_at < $1 order by expires_at limit $2
        for update skip locked
    )"""
)
IS_VERIFIED = Scalar(bool, "select true from verifications where user_id = $1 and kind = $2 and state = 'approved'")
FORGET = Run(
    """
    delete from verifications where id in (
        select id from verifications where state in ('rejected', 'expired', 'revoked') and decided_at < $1
        order by decided_at limit $2 for update skip locked
    )"""
)
PERSONAL_DATA = PersonalData(
    "verifications",
    frozenset({"verifications"}),
    rows_of(f"select {_SHOWN} from verifications where user_id = $1 order by id"),  # noqa: S608
    (Run("delete from verifications where user_id = $1"),),
)


async def start(ctx: Ctx, name: str, person: str = "") -> Verification:
    """Begin a verification of the caller; one that is open already for the same person is returned.

    `person`: the id number, which a provider needs. Not in a transaction of the caller's where there is a provider.
    Raises VALIDATION_ERROR, VERIFICATION_EXISTS, RATE_LIMITED, UNAVAILABLE, and what the provider raises.
    """
    kind, now = kind_of(ctx.policy, name), clock.now()
    number = kind.normal(person) if kind.provider else ""
    if number is None:
        raise errors.invalid("idNumber", "Not an id number")
    hash = person_hash(ctx, number) if kind.provider else None
    if open := await _open(ctx, kind, hash):
        return open
    whose = [str(ctx.user.id), *([f"person {hash.hex()}"] if hash else [])]
    await limits.take_all(ctx, *((kind.starts, one) for one in whose), (kind.from_address, ctx.remote))
    id, ends_at = ctx.new_id(), now + STARTING if kind.provider else None
    async with unit_of_work(ctx) as work:
        is_new = await INSERT(work.db, id, ctx.policy.name, ctx.user.id, kind.name, hash, now, ends_at)
        if is_new:
            await work.record("verification.start", id, kind=kind.name)
        if is_new and not kind.provider and not kind.documents:
            await ask_for_review(work, id, ctx.user.id, kind.name)
    if not is_new:  # another tap was faster
        return found(await _open(ctx, kind, hash), errors.VERIFICATION_EXISTS.error())
    if kind.provider:
        await _ask(ctx, kind, kind.provider, id, number)
    return await _own(ctx, id)


async def get(ctx: Ctx, id: UUID) -> Verification:
    """Return a verification of the caller, after asking its provider if it is open; raises VERIFICATION_NOT_FOUND."""
    row = await _own(ctx, id)
    kind, now = kind_of(ctx.policy, row.kind), clock.now()
    if row.state != "pending" or kind.provider is None or row.expires_at is None:
        return row
    outcome = Outcome("expired") if row.expires_at + LATE < now else None
    if outcome is None and await POLLED(ctx.resources.db, id, now, now - POLL_EVERY):
        asked = Asked(found(await STORED(ctx.db, id), _missing()).ref, row.code, row.expires_at)
        with suppress(*REDIS_ERRORS, OutgoingError):
            # Without the number it is the callback that decides, or time.
            if number := await ctx.resources.redis.get(_key(id)):
                person = ctx.resources.sealing.open_at(NUMBER, id, number.decode())
                outcome = await kind.provider.poll(ctx, asked, person)
    if outcome:
        await _settle(ctx, kind, id, outcome)
    return await _own(ctx, id)


async def called(ctx: Ctx, name: str, raw: RawBody) -> None:
    """Take the callback of a provider; a repeat, or one that comes too late, changes nothing.

    Raises as Provider.read does, VALIDATION_ERROR, VERIFICATION_NOT_FOUND, UNAVAILABLE.
    """
    kind = kind_of(ctx.policy, name)
    if kind.provider is None:
        raise _missing()
    try:
        outcome = await kind.provider.read(ctx, raw)
    except OutgoingError:
        raise errors.UNAVAILABLE.error() from None
    id = await FIND(ctx.db, ctx.policy.name, kind.name, outcome.request_id, outcome.ref)
    if id is None:
        raise _missing()
    await _settle(ctx, kind, id, outcome)


async def ask_for_review(work: UnitOfWork, id: UUID, user_id: UUID, kind: str, papers: Sequence[str] = ()) -> None:
    """Have a person decide a verification, by these papers; see `queue.request` about locks."""
    if review := kind_named(work.ctx.policy, KIND):
        facts = {"Papers": ", ".join(papers)} if papers else {}
        await queue.request(work, review, Subject("verification", id, user_id), kind, facts)


async def decide(work: UnitOfWork, id: UUID, *, approved: bool, note: str, reviewer: str) -> None:
    """Decide an open verification that is no task of the review queue; its user sees the note unless it is approved.

    Raises VERIFICATION_NOT_FOUND; STATUS_NOT_POSSIBLE: also of one that a provider decides.
    """
    row = await locked(work, id)
    if kind_of(work.ctx.policy, row.kind).provider:
        raise errors.STATUS_NOT_POSSIBLE.error("A provider decides this verification")
    await _change(work, row, "approved" if approved else "rejected", "" if approved else note, reviewer)


async def revoke(work: UnitOfWork, id: UUID, *, note: str, reviewer: str) -> None:
    """Take an approval back, whoever gave it; raises as `locked` does, STATUS_NOT_POSSIBLE."""
    await _change(work, await locked(work, id), "revoked", note, reviewer)


async def locked(work: UnitOfWork, id: UUID) -> Verification:
    """Return a verification of the marketplace, locked; raises VERIFICATION_NOT_FOUND."""
    return found(await LOCKED(work.db, id, work.ctx.policy.name), _missing())


async def require_verified(ctx: Ctx, kind: str) -> None:
    """Raise VERIFICATION_REQUIRED unless the caller is verified so."""
    if not await IS_VERIFIED(ctx.db, ctx.user.id, kind):
        raise errors.VERIFICATION_REQUIRED.error(details=[Detail("kind", kind)])


def person_hash(ctx: Ctx, number: str) -> bytes:
    """Return what is stored of an id number: whoever has all numbers cannot find it out without the key."""
    settings = ctx.resources.settings
    key = settings.verification_key or settings.jwt_keys[0]
    return hmac.digest(key.encode(), f"person\n{ctx.policy.name}\n{number}".encode(), "sha256")


async def _open(ctx: Ctx, kind: Kind, hash: bytes | None) -> Verification | None:
    """Return what the caller has begun for this person; raises VERIFICATION_EXISTS for another, and if it is approved."""
    row = await VALID(ctx.db, ctx.user.id, kind.name)
    if row and row.state == "pending" and row.expires_at and row.expires_at <= clock.now():
        await _settle(ctx, kind, row.id, Outcome("expired"))
        return None
    if row and (row.state == "approved" or found(await STORED(ctx.db, row.id), _missing()).person_hash != hash):
        raise errors.VERIFICATION_EXISTS.error()
    return row


async def _ask(ctx: Ctx, kind: Kind, provider: Provider, id: UUID, number: str) -> None:
    try:
        asked = await provider.start(ctx, id, number)
    except (OutgoingError, errors.AppError) as error:
        await _settle(ctx, kind, id, Outcome("expired"))
        raise errors.UNAVAILABLE.error() if isinstance(error, OutgoingError) else error from None
    await ASKED(ctx.resources.db, id, asked.ref, asked.code, asked.expires_at)
    lasts = asked.expires_at + LATE - clock.now()
    sealing = ctx.resources.sealing
    kept = sealing.seal(ctx.policy.name, NUMBER, id, number) if sealing.key_id else number
    with suppress(*REDIS_ERRORS):
        await ctx.resources.redis.set(_key(id), kept, px=max(1, int(lasts.total_seconds() * 1000)))


async def _settle(ctx: Ctx, kind: Kind, id: UUID, outcome: Outcome) -> None:
    """Note what a provider says of a request, unless that was decided before."""
    # Not the caller's doing, who would not be notified of it.
    async with unit_of_work(replace(ctx, caller=None)) as work:
        row = await LOCKED(work.db, id, ctx.policy.name)
        if row is None or row.state != "pending":
            return
        state, reason, claims = outcome.state, "", dict[str, str]()
        if state == "approved":
            hash = found(await STORED(work.db, id), _missing()).person_hash
            answered = person_hash(ctx, kind.normal(outcome.person) or "")
            if hash is None or not hmac.compare_digest(hash, answered):
                state, reason = "rejected", SOMEBODY_ELSE
            else:
                claims = {name: value for name, value in outcome.claims.items() if name in kind.claims}
        await _change(work, row, state, reason, "provider", claims)


async def _change(
    work: UnitOfWork, row: Verification, state: State, reason: str, by: str, claims: Mapping[str, str] = {}
) -> None:
    if state not in STATES[row.state]:
        raise errors.STATUS_NOT_POSSIBLE.error(f"The verification is {row.state}: it cannot become {state}")
    now = clock.now()
    try:
        async with transaction(work.db) as db:
            await SET(db, row.id, state, reason, claims, by, now)
    except UniqueViolation:
        state = "rejected"
        await SET(work.db, row.id, state, TAKEN, {}, by, now)
    await work.record(f"verification.{state}", row.id, kind=row.kind, decided_by=by)
    notice = kind_of(work.ctx.policy, row.kind).notice
    if notice and state != "expired":
        await work.notify(notice, [row.user_id], row.id, state=state)


async def _decided(work: UnitOfWork, task: ReviewTask, decision: Decision) -> None:
    row = await LOCKED(work.db, task.subject_id, task.market)
    if decision.name == REJECT and (row is None or row.state != "pending"):
        return  # it was erased with its user: the task must end
    is_approved = decision.name != REJECT
    await decide(work, task.subject_id, approved=is_approved, note=decision.note, reviewer=decision.reviewer.id)


REVIEW: Final = ReviewKind(KIND, {OPEN: ("approve", REJECT)}, _decided)


async def _own(ctx: Ctx, id: UUID) -> Verification:
    return found(await OWN(ctx.db, id, ctx.user.id), _missing())


def _key(id: UUID) -> str:
    return f"verification:{id}"


def _missing() -> errors.AppError:
    return errors.VERIFICATION_NOT_FOUND.error()
