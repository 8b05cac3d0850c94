"""The SQL of the bazaar's own tables."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, One, Run, Scalar


class ListingRow(msgspec.Struct, frozen=True):
    id: UUID
    seller_id: UUID
    seller_name: str
    seller_avatar_url: str | None
    title: str
    price_cents: int
    description: str
    created_at: datetime
    sold_at: datetime | None


_LISTING = """
    select l.id, l.seller_id, u.name as seller_name, u.avatar_url as seller_avatar_url, l.title, l.price_cents,
        l.description, l.created_at, l.sold_at
    from bazaar.listings l join users u on u.id = l.seller_id where l.deleted_at is null"""
PAGE = Many(
    ListingRow,
    _LISTING + " and (l.created_at, l.id) < ($3, $4) order by l.created_at desc, l.id desc limit $1 offset $2",
)
COUNT = Scalar(int, "select count(*) from bazaar.listings where deleted_at is null")
LISTING = One(ListingRow, _LISTING + " and l.id = $1")
INSERT = Run(
    """
    insert into bazaar.listings (id, seller_id, title, price_cents, description, created_at, lat, lon)
    values ($1, $2, $3, $4, $5, $6, $7, $8)"""
)
UPDATE = Run("update bazaar.listings set title = $2, price_cents = $3, description = $4 where id = $1")
SELL = Scalar(
    UUID,
    "update bazaar.listings set sold_at = $2 where id = $1 and sold_at is null returning id",
)
DELETE = Run("update bazaar.listings set deleted_at = $2 where id = $1 and deleted_at is null")
JOIN = Run("insert into bazaar.members (user_id) values ($1)")
MOTTO = Scalar(str, "select motto from bazaar.members where user_id = $1")
SET_MOTTO = Run("update bazaar.members set motto = $2 where user_id = $1")
