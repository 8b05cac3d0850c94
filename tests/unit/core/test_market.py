"""Rows of a marketplace's table: what a call of core says of itself, and what the marketplace says of it."""

from core.base.errors import FORBIDDEN, USER_NOT_FOUND
from core.limits import weights
from core.market.market import Marketplace, create, get, post, put
from core.market.personal_data import CORE
from core.market.traits import call, like
from core.work.context import Ctx
from core.work.policy import Policy
from tests.policies import with_policy

ROLES = frozenset({"guest"})


@call(USER_NOT_FOUND, statuses=(201, 200), weight=weights.MESSAGE, ends_login=True)
async def wave(_ctx: Ctx) -> str:
    return "hello"


@like(wave)
async def wave_politely(ctx: Ctx) -> str:
    return f"{await wave(ctx)}, please"


@call(searches_messages=True)
async def find(_ctx: Ctx) -> None: ...


async def plain(_ctx: Ctx) -> None: ...


def test_traits_of_a_call_hold_in_every_table() -> None:
    route = post("/wave", wave, ROLES)
    assert (route.errors, route.statuses) == ((USER_NOT_FOUND,), (201, 200))
    assert (route.weight, route.ends_login) == (weights.MESSAGE, True)


def test_a_table_adds_errors_and_may_have_another_weight() -> None:
    route = put("/wave", wave, ROLES, FORBIDDEN, weight=weights.NOTICE)
    assert (route.errors, route.weight) == ((USER_NOT_FOUND, FORBIDDEN), weights.NOTICE)


def test_a_call_around_another_one_is_like_it() -> None:
    route = post("/wave", wave_politely, ROLES)
    assert (route.errors, route.statuses, route.ends_login) == ((USER_NOT_FOUND,), (201, 200), True)


def test_the_verb_says_what_a_call_does_not() -> None:
    assert [make("/", plain, ROLES).statuses for make in (get, create, put)] == [(200,), (201,), (200,)]
    assert [make("/", plain, ROLES).keeps_answer for make in (get, create, put)] == [False, True, False]


def test_a_market_whose_messages_are_sealed_has_no_call_that_searches_them() -> None:
    market = Marketplace(Policy(name="fair", title="Fair"), (get("/find", find, ROLES), get("/plain", plain, ROLES)))
    sealed = with_policy(market, seals_messages=True)
    assert [route.path for route in market.routes] == ["/find", "/plain"]
    assert [route.path for route in sealed.routes] == ["/plain"]


def test_what_cores_tables_know_is_registered_once_and_the_account_is_erased_last() -> None:
    names, tables = [one.name for one in CORE], [table for one in CORE for table in one.tables]
    assert len(set(names)) == len(names)
    assert len(set(tables)) == len(tables)
    assert names[-1] == "account"
