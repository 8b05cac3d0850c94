"""How much somebody may still do."""

import msgspec

from core.limits import quotas
from core.limits.quotas import Balance
from core.market.market import Route, get
from core.work.context import Ctx
from tests.bazaar.policy import ROLES


class Quotas(msgspec.Struct, frozen=True):
    quotas: list[Balance]


async def list_quotas(ctx: Ctx) -> Quotas:
    """Get what is left of one's quotas"""
    return Quotas([await quotas.balance(ctx.db, ctx.policy.name, one, ctx.user.id) for one in ctx.policy.quotas])


ROUTES: tuple[Route, ...] = (get("/quotas", list_quotas, ROLES),)
