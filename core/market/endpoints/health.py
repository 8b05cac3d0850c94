"""Health for deployment and monitoring."""

from typing import Literal

import msgspec

from core.platform.db import Scalar
from core.work.context import Ctx

ALIVE = Scalar(bool, "select true")


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"]


async def get_health(ctx: Ctx) -> Health:
    """Say that the API and its database answer"""
    await ALIVE(ctx.db)
    return Health("ok")
