"""Answers that are the same for everybody who asks in one language, or has one role."""

import msgspec

from core.market.market import PUBLIC, Route, cached, get
from core.platform.db import Scalar
from core.work.context import Ctx
from tests.bazaar import queries
from tests.bazaar.policy import CUSTOMERS

WORDS = {"en": "Things for sale", "ar": "معروضات"}
ADVICE = {"seller": "Show pictures", "buyer": "Ask before you pay"}
SOLD = Scalar(int, "select count(*) from bazaar.listings where sold_at is not null")


class Statistics(msgspec.Struct, frozen=True):
    title: str
    listings: int
    sold: int


class Advice(msgspec.Struct, frozen=True):
    text: str


async def get_statistics(ctx: Ctx) -> Statistics:
    """Get how much is for sale"""
    return Statistics(WORDS[ctx.language], await queries.COUNT(ctx.db) or 0, await SOLD(ctx.db) or 0)


async def get_advice(ctx: Ctx) -> Advice:
    """Get advice for sellers, or for buyers"""
    return Advice(ADVICE[ctx.role])


ROUTES: tuple[Route, ...] = (
    cached(get("/statistics", get_statistics, PUBLIC), 300, "listings", languages=tuple(WORDS)),
    cached(get("/advice", get_advice, CUSTOMERS), 3600, by_role=True),
)
