"""Health for deployment and monitoring."""

from core.work.context import Ctx
from marketplaces.onswift.queries import health as queries
from marketplaces.onswift.structs.health import Health


async def get_health(ctx: Ctx) -> Health:
    """Say that the API and its database answer"""
    await queries.ALIVE(ctx.db)
    return Health("ok")
