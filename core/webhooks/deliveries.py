"""What is to be delivered, in the transaction that it tells of; and what became of each attempt.

An endpoint is delivered to by one worker at a time, which leases it: one delivery after the other, the oldest first. One that
fails is tried again later, while the others go on; so their order is that of the events only as long as nothing fails.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from core.accounts.status.states import IS_ACTIVE
from core.base import clock, errors
from core.base.paging import AfterQuery, Position, Rows, page_of
from core.platform.db import Many, One, Run, Scalar
from core.webhooks import endpoints
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.jobs import SendWebhooks
from core.work.notices import Notice
from core.work.personal_data import PersonalData, rows_of
from core.work.rules import required
from core.work.rules.webhooks import TEST_EVENT, Tested
from core.work.unit_of_work import UnitOfWork, unit_of_work

Status: TypeAlias = Literal["pending", "delivered", "failed"]
SECOND: Final = timedelta(seconds=1)
# From one attempt to the next, in seconds: three days in all.
SCHEDULE: Final = (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 72_000)
JITTER: Final = 0.1
MOST_PAUSE: Final = 60 * SECOND  # of an endpoint that does not answer, before another of its deliveries is tried
LEASE: Final = 90 * SECOND  # longer than a turn takes; a worker that dies holds it as long
GONE: Final = 410
MOST_REPLAYED: Final = 1000  # at once, the oldest first
KEPT: Final = timedelta(days=30)
DISABLED = Notice(
    "webhook_disabled",
    "Webhook Disabled",
    "{host} has not taken what we delivered and gets no more, until you enable it again",
    "webhook",
    email=True,
    push=False,
)


class Attempt(msgspec.Struct, frozen=True, rename="camel"):
    """One attempt: what was answered (no `status`: nothing), and how the answer begins."""

    at: datetime
    status: int | None
    error: str
    answer: str
    milliseconds: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_away(self) -> bool:
        """Whether the receiver would not have taken anything else either."""
        return self.status is None or self.status >= 500 or self.status == 429


class DeliveryRow(msgspec.Struct, frozen=True):
    id: UUID
    event: str
    created_at: datetime
    status: Status
    due_at: datetime | None
    attempts: list[object]


class Delivery(msgspec.Struct, frozen=True):
    """What is due; `data` is JSON."""

    id: UUID
    event: str
    data: str
    created_at: datetime
    tries: int


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint that a worker delivers to; `former_secret` while it signs, too."""

    id: UUID
    market: str
    user_id: UUID
    url: str
    secret: str
    former_secret: str | None


class Hearing(msgspec.Struct, frozen=True):
    """An endpoint that is told of an event."""

    id: UUID


# Locked, so that it is not deleted before its delivery is stored.
HEARING = Many(
    Hearing,
    f"""
    select e.id from webhook_endpoints e join users u on u.id = e.user_id
    where e.disabled_at is null and $2 = any (e.events) and u.deleted_at is null and {IS_ACTIVE}
        and (e.user_id = any ($3::uuid[]) or e.market = $1 and e.hears_all and u.role = any ($4::text[]))
    order by e.id for key share of e""",  # noqa: S608
)
INSERT = Run(
    """
    insert into webhook_deliveries (id, endpoint_id, event, data, created_at, due_at)
    select t.id, t.endpoint_id, $3, $4, $5, $5 from unnest($1::uuid[], $2::uuid[]) as t (id, endpoint_id)"""
)
# Lease endpoints for which something is due ($1: now, $2: until when), at most $3, of these marketplaces ($4), of these ids ($5)
# or of all: first those that work, each when it has waited longest. Not `exists`, which may read all that is due.
TAKE = Many(
    Endpoint,
    f"""
    update webhook_endpoints set leased_until = $2 where id in (
        select e.id from webhook_endpoints e join users u on u.id = e.user_id
        where e.disabled_at is null and e.market = any ($4::text[]) and ($5::uuid[] is null or e.id = any ($5))
            and coalesce(e.leased_until <= $1, true) and coalesce(e.paused_until <= $1, true)
            and u.deleted_at is null and {IS_ACTIVE}
            and (select true from webhook_deliveries d where d.endpoint_id = e.id and d.due_at <= $1 limit 1)
        order by e.failing_since is not null, e.leased_until nulls first limit $3 for no key update of e skip locked
    )
    returning id, market, user_id, url, secret, case when former_until > $1 then former_secret end as former_secret""",  # noqa: S608
)
RELEASE = Run("update webhook_endpoints set leased_until = $2 where id = $1")
NEXT = One(
    Delivery,
    """
    select d.id, d.event, d.data::text as data, d.created_at, d.tries
    from webhook_deliveries d join webhook_endpoints e on e.id = d.endpoint_id
    where d.endpoint_id = $1 and d.due_at <= $2 and e.disabled_at is null order by d.created_at, d.id limit 1""",
)
RECORD = Run(
    """
    update webhook_deliveries set status = $2, due_at = $3, tries = tries + 1,
        attempts = jsonb_path_query_array(attempts || $4::jsonb, '$[last - 29 to last]')
    where id = $1 and due_at is not null"""
)
NOTE_SUCCESS = Run("update webhook_endpoints set failing_since = null, paused_until = null where id = $1")
NOTE_FAILURE = Run(
    """
    update webhook_endpoints set failing_since = coalesce(failing_since, $2), paused_until = $3 where id = $1"""
)
# For one that has said so, or since nothing has been delivered for so long ($4).
DISABLE = Scalar(
    UUID,
    """
    update webhook_endpoints set disabled_at = $2, disabled_for = $3
    where id = $1 and disabled_at is null and ($3 = 'gone' or failing_since <= $4) returning user_id""",
)
FAIL_PENDING = Run(
    "update webhook_deliveries set status = 'failed', due_at = null where endpoint_id = $1 and due_at is not null"
)
PAGE = Many(
    DeliveryRow,
    """
    select id, event, created_at, status, due_at, attempts from webhook_deliveries
    where endpoint_id = $1 and (created_at, id) < ($3, $4) and ($5::text is null or status = $5)
    order by created_at desc, id desc limit $2""",
)
# One delivery ($3), or those that have failed since a time ($4).
REPLAY = Run(
    """
    update webhook_deliveries set status = 'pending', due_at = $2, tries = 0 where id in (
        select id from webhook_deliveries
        where endpoint_id = $1 and (id = $3 or status = 'failed' and created_at >= $4)
        order by created_at, id limit $5 for update
    )"""
)
# Without what waits because its owner has disabled the endpoint, or is suspended.
LATE = Scalar(
    int,
    f"""
    select count(*) from webhook_deliveries d join webhook_endpoints e on e.id = d.endpoint_id
    join users u on u.id = e.user_id where d.due_at < $1 and e.disabled_at is null and {IS_ACTIVE}""",  # noqa: S608
)
FORGET = Run(
    """
    delete from webhook_deliveries where id in (
        select id from webhook_deliveries where created_at < $1 order by created_at limit $2
    )"""
)

PERSONAL_DATA = PersonalData(
    "what webhooks are told",
    frozenset({"webhook_deliveries"}),
    rows_of(
        """
        select d.event, d.data, d.created_at, d.status from webhook_deliveries d
        join webhook_endpoints e on e.id = d.endpoint_id where e.user_id = $1 order by d.created_at, d.id"""
    ),
    (
        Run(
            """
            delete from webhook_deliveries where endpoint_id in (
                select id from webhook_endpoints where user_id = $1
            )"""
        ),
    ),
    kept="For a month, in what others' webhooks were told: ids without names.",
)


async def send(work: UnitOfWork, event: str, user_ids: Sequence[UUID], data: msgspec.Struct) -> None:
    """Deliver an event that concerns these users to their endpoints, after the commit; `data` is as the rules say.

    Nothing happens in a marketplace that does not have the event.
    """
    rules, market = work.ctx.policy.webhooks, work.ctx.policy.name
    if rules is None or event not in rules.events:
        return
    hearing = await HEARING(work.db, market, event, list(user_ids), list(rules.hear_all))
    await _store(work, [one.id for one in hearing], event, data)


async def send_test(ctx: Ctx, endpoint_id: UUID) -> None:
    """Deliver a test event to one of the caller's endpoints; raises WEBHOOK_NOT_FOUND, WEBHOOK_DISABLED, RATE_LIMITED."""
    await _require_enabled(ctx, endpoint_id)
    async with unit_of_work(ctx) as work:
        await _store(work, [endpoint_id], TEST_EVENT, Tested())


async def page(ctx: Ctx, endpoint_id: UUID, query: AfterQuery, status: Status | None) -> Rows[DeliveryRow]:
    """Return what was delivered to one of the caller's endpoints, the latest first; raises WEBHOOK_NOT_FOUND."""
    await endpoints.get(ctx, endpoint_id)
    rows = await PAGE(ctx.db, endpoint_id, query.limit + 1, query.after.at, query.after.id, status)
    return page_of(query, rows, lambda row: Position(row.created_at, row.id))


async def replay(ctx: Ctx, endpoint_id: UUID, delivery_id: UUID | None, since: datetime | None) -> int:
    """Deliver again: one delivery, or those that have failed since a time; return how many.

    Raises as `send_test`; WEBHOOK_NOT_FOUND: or there is no such delivery.
    """
    await _require_enabled(ctx, endpoint_id)
    async with unit_of_work(ctx) as work:
        count = await REPLAY(work.db, endpoint_id, clock.now(), delivery_id, since, MOST_REPLAYED)
        if delivery_id and not count:
            raise endpoints.NOT_FOUND.error()
        work.enqueue(SendWebhooks([str(endpoint_id)]))
    return count


async def record(ctx: Ctx, endpoint: Endpoint, delivery: Delivery, attempt: Attempt) -> Status:
    """Store an attempt, and what follows from it; return what became of the delivery."""
    now = clock.now()
    status, due_at = outcome(delivery.tries, attempt, now)
    pause = min(due_at, now + MOST_PAUSE) if due_at and attempt.is_away else None
    async with unit_of_work(ctx) as work:
        # The endpoint first, as when it is deleted with its deliveries. Both may be gone by now.
        if attempt.is_success:
            await NOTE_SUCCESS(work.db, endpoint.id)
        else:
            await NOTE_FAILURE(work.db, endpoint.id, now, pause)
        await RECORD(work.db, delivery.id, status, due_at, [attempt])
        if status == "failed":
            await _disable(work, endpoint, "gone" if attempt.status == GONE else "failing", now)
    return status


def outcome(tries: int, attempt: Attempt, now: datetime) -> tuple[Status, datetime | None]:
    """Return what becomes of a delivery after an attempt that so many others came before, and when the next one is due."""
    if attempt.is_success:
        return "delivered", None
    if attempt.status == GONE or tries >= len(SCHEDULE):
        return "failed", None
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
    return "pending", now + SCHEDULE[tries] * jitter * SECOND


async def _disable(work: UnitOfWork, endpoint: Endpoint, reason: str, now: datetime) -> None:
    long_ago = now - sum(SCHEDULE) * (1 - JITTER) * SECOND
    if user_id := await DISABLE(work.db, endpoint.id, now, reason, long_ago):
        await FAIL_PENDING(work.db, endpoint.id)
        await work.notify(DISABLED, [user_id], endpoint.id, host=urlsplit(endpoint.url).hostname)
        await work.record("webhook.disable", endpoint.id, by=user_id, reason=reason)


async def _store(work: UnitOfWork, endpoint_ids: list[UUID], event: str, data: msgspec.Struct) -> None:
    if endpoint_ids:
        ids = [work.new_id() for _ in endpoint_ids]
        await INSERT(work.db, ids, endpoint_ids, event, data, clock.now())
        work.enqueue(SendWebhooks([str(id) for id in endpoint_ids]))


async def _require_enabled(ctx: Ctx, endpoint_id: UUID) -> None:
    if (await endpoints.get(ctx, endpoint_id)).disabled_at:
        raise errors.WEBHOOK_DISABLED.error()
    await limits.take(ctx, required(ctx.policy.webhooks).tests, str(ctx.user.id))
