"""What is for sale near a place, the nearest first."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base import cursors
from core.base.paging import Cursor, Limit
from core.market.market import Route, get
from core.platform.db import Many
from core.search.geo import NEAREST, Lat, Lon, Nearer, Place, cover
from core.work.context import Ctx
from tests.bazaar.policy import ROLES


class NearQuery(msgspec.Struct, frozen=True):
    """Within `radius` metres of a place; `cursor` is the one of the page before."""

    lat: Lat
    lon: Lon
    radius: Annotated[float, Meta(gt=0, le=200_000)] = 10_000
    cursor: Cursor | None = None
    limit: Limit = 20


class NearListing(msgspec.Struct, frozen=True):
    id: UUID
    title: str
    metres: float


class NearPage(msgspec.Struct, frozen=True, rename="camel"):
    listings: list[NearListing]
    next_cursor: str | None


NEAR = Many(
    NearListing,
    """
    select id, title, metres from (
        select l.id, l.title, geo_distance(l.lat, l.lon, $1, $2) as metres
        from unnest($4::bigint[], $5::bigint[]) r (low, high)
        join bazaar.listings l on geo_cell(l.lat, l.lon) between r.low and r.high and l.sold_at is null and l.deleted_at is null
    ) n where metres <= $3 and (metres, id) > ($6, $7) order by metres, id limit $8""",
)


async def list_near(ctx: Ctx, query: NearQuery) -> NearPage:
    """Get what is for sale near a place: it lies somewhere within a kilometre of where it is said to be"""
    place = Place(query.lat, query.lon)
    after = cursors.decode(query.cursor, Nearer) if query.cursor else NEAREST
    ranges = cover(place, query.radius)
    rows = await NEAR(ctx.db, place.lat, place.lon, query.radius, *ranges, after.metres, after.id, query.limit + 1)
    shown = rows[: query.limit]
    more = cursors.encode(Nearer(shown[-1].metres, shown[-1].id)) if len(rows) > query.limit else None
    return NearPage(shown, more)


ROUTES: tuple[Route, ...] = (get("/nearby", list_near, ROLES),)
