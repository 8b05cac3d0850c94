"""Texts that were sent, and what became of them: neither what they said nor, but for a keyed hash, to which number.

Providers tell of a delivery late, twice and in any order, so a state only ever follows one before it in STATES.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

import msgspec

from core.base import clock
from core.platform.db import Many, One, Run, Scalar, columns
from core.work.context import Resources
from core.work.personal_data import PersonalData, rows_of
from core.work.rules.accounts import Channel

# In the order in which they follow each other. What has failed may have arrived all the same, and is then delivered.
State: TypeAlias = Literal["queued", "accepted", "sent", "failed", "delivered", "read"]
STATES: Final[tuple[State, ...]] = get_args(State)
ARRIVED: Final = frozenset[State]({"delivered", "read"})
KEPT: Final = timedelta(days=30)
# For so long nobody else sends a text that is being sent: longer than a provider may take to answer.
CLAIMED: Final = timedelta(seconds=30)
MOST_CODE: Final = 2**31 - 1  # of an error: what an int of Postgres holds


class NewText(msgspec.Struct, frozen=True):
    """A text that is about to be sent. `number` is numbers.subject, `country` its calling code; `parts`: what is paid for."""

    id: UUID
    market: str
    user_id: UUID | None
    channel: Channel
    number: str
    country: int
    template: str
    parts: int


class Delivery(msgspec.Struct, frozen=True):
    """What is told of a text, known by our id or by its provider's. `category`: what the provider charges for it as."""

    id: UUID | None
    provider_id: str
    state: State
    error_code: int | None = None
    category: str = ""


class Told(msgspec.Struct, frozen=True):
    channel: str
    state: State


class Standing(msgspec.Struct, frozen=True):
    state: State
    created_at: datetime


_ORDER = f"array{list(STATES)}"
# For key share: an account that is being erased has been by then, or waits for us.
CLAIM = Scalar(
    bool,
    """
    insert into texts_sent (id, market, user_id, channel, number_hash, country, template, parts, created_at, claimed_until)
    values ($1, $2, (select id from users where id = $3 and deleted_at is null for key share), $4, $5, $6, $7, $8, $9, $10)
    on conflict (id) do update set claimed_until = excluded.claimed_until
    where texts_sent.state = 'queued' and texts_sent.claimed_until <= $9
    returning true""",
)
RELEASE = Run("update texts_sent set claimed_until = $2 where id = $1 and state = 'queued'")
STANDING = One(Standing, "select state, created_at from texts_sent where id = $1")
TELL = Many(
    Told,
    f"""
    update texts_sent t set state = n.state, error_code = n.error_code, changed_at = $6,
        provider_id = coalesce(t.provider_id, nullif(n.provider_id, '')),
        category = case when n.category = '' then t.category else n.category end
    from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[]) as n (id, provider_id, state, error_code, category)
    where (t.id = n.id or t.provider_id = n.provider_id)
        and array_position({_ORDER}, t.state) < array_position({_ORDER}, n.state)
    returning t.channel, t.state""",  # noqa: S608
)
FORGET = Run(
    """
    delete from texts_sent where id in (
        select id from texts_sent where created_at < $1 order by created_at limit $2 for update skip locked
    )"""
)
PERSONAL_DATA = PersonalData(
    "texts",
    frozenset({"texts_sent"}),
    rows_of(
        """
        select channel, template, state, created_at, changed_at from texts_sent
        where user_id = $1 order by created_at"""
    ),
    last=(Run("delete from texts_sent where user_id = $1"),),
    kept="For 30 days: that a code was texted to a number which had no account, by a keyed hash of the number.",
)


async def claim(resources: Resources, text: NewText) -> bool:
    """Store a text, or take it up again, before it is sent; False: it was sent, or somebody is sending it."""
    now = clock.now()
    return bool(await CLAIM(resources.db, *msgspec.structs.astuple(text), now, now + CLAIMED))


async def release(resources: Resources, id: UUID) -> None:
    """Let a text that could not be sent be tried again."""
    await RELEASE(resources.db, id, clock.now())


async def tell(resources: Resources, deliveries: Sequence[Delivery]) -> None:
    """Store what has become of texts; what is unknown, or no news, changes nothing."""
    # The one that is furthest of each text, since a statement changes a row once.
    furthest: dict[object, Delivery] = {}
    for one in sorted(deliveries, key=lambda one: STATES.index(one.state)):
        furthest[one.provider_id or one.id] = one
    rows = [
        (
            one.id,
            one.provider_id.replace("\0", ""),
            one.state,
            _storable(one.error_code),
            one.category.replace("\0", ""),
        )
        for one in furthest.values()
    ]
    for told in await TELL(resources.db, *columns(rows, 5), clock.now()) if rows else []:
        resources.metrics.texts.labels(told.channel, told.state).inc()


def _storable(code: int | None) -> int | None:
    """Return a code of a provider; None for one that the column cannot hold: the state counts all the same."""
    return code if code is not None and 0 <= code <= MOST_CODE else None
