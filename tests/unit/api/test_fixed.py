"""Fields that a change does not take."""

from typing import cast

import msgspec
import pytest

from api.calls.fixed import Fixed
from core.base.errors import AppError
from core.market.market import PUBLIC, Marketplace, get, patch
from core.work.context import Ctx
from core.work.policy import Policy


class Lens(msgspec.Struct):
    """Chooses what is read."""

    scale: int


class Change(msgspec.Struct):
    name: str = ""


class Thing(msgspec.Struct):
    id: int
    name: str


async def read(_ctx: Ctx, query: Lens) -> Thing:
    """Read"""
    return Thing(query.scale, "")


async def change(_ctx: Ctx, body: Change) -> Thing:
    """Change"""
    return Thing(1, body.name)


async def test_a_fixed_field_is_refused_where_reading_takes_a_query_that_the_change_has_not() -> None:
    routes = (get("/thing", read, PUBLIC), patch("/thing", change, PUBLIC))
    fixed = Fixed(Marketplace(Policy(name="inn", title="Inn"), routes), routes[1])
    with pytest.raises(AppError) as refused:
        await fixed.check(cast("Ctx", None), {}, b'{"id": 1}')
    assert [one.field for one in refused.value.details] == ["id"]
