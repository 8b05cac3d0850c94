"""The wallet over HTTP: one's own balances, and statements whose pages hold each entry once while new ones arrive."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from core.base import cursors
from core.base.ids import BigintIds
from core.work.context import User
from tests.bazaar.people import BazaarApi
from tests.flow.api.conftest import Caller, serving
from tests.flow.conftest import Environment
from tests.flow.ledger.conftest import PROVIDER, Books, moved, wallet


class Anywhere(msgspec.Struct, array_like=True):
    """A cursor of somebody else's making."""

    seq: int


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[BazaarApi]:
    async with serving(env, kind=BazaarApi) as api:
        assert isinstance(api, BazaarApi)
        yield api


async def owner(api: BazaarApi, env: Environment) -> tuple[Caller, Any]:
    """Return someone new, and her id as the tables have it."""
    caller = await api.signed_up("seller", "Ida")
    return caller, BigintIds("bazaar").uuid(int(caller.id))


async def test_the_wallet_shows_ones_own_balances_only(
    api: BazaarApi, env: Environment, books: Books, ann: User
) -> None:
    ida, id = await owner(api, env)
    assert (await ida.get("/wallet")).body["data"] == {"balances": []}
    await books.pay_in(wallet(ann), 7)
    await books.pay_in(wallet(id), 100)
    await books.pay_in(wallet(id, currency="KWD"), 1_500)
    await books.transfer("hold", moved(wallet(id), wallet(ann), 30), pending=True)
    shown = (await ida.get("/wallet")).body["data"]["balances"]
    base = {"kind": "available"}
    assert shown == [
        base | {"currency": "KWD", "posted": 1_500, "reserved": 0, "available": 1_500, "decimals": 3},
        base | {"currency": "USD", "posted": 100, "reserved": 30, "available": 70, "decimals": 2},
    ]


async def test_a_statement_is_read_by_pages_latest_first_with_the_running_balance(
    api: BazaarApi, env: Environment, books: Books
) -> None:
    ida, id = await owner(api, env)
    made = [await books.transfer(f"{n}", moved(PROVIDER, wallet(id), n)) for n in range(1, 6)]
    await books.reverse("r", made[4], 2)
    await books.pay_in(wallet(id, "held"), 9)  # is not on this statement
    query: dict[str, Any] = {"currency": "USD", "limit": 2}
    seen = []
    for _ in range(3):
        page = (await ida.get("/wallet/entries", **query)).body["data"]
        seen += [(one["amount"], one["balance"]) for one in page["entries"]]
        query["cursor"] = page["next_cursor"]
        await books.pay_in(wallet(id), 1_000 + len(seen))  # shifts nothing
    assert seen == [(-2, 13), (5, 15), (4, 10), (3, 6), (2, 3), (1, 1)]
    assert query["cursor"] is None
    first = (await ida.get("/wallet/entries", currency="USD", kind="held")).body["data"]["entries"][0]
    assert (first["kind"], first["amount"], first["reverses_id"]) == ("payment", 9, None)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"currency": "usd"},
        {"currency": "USDT"},
        {"currency": "USD", "kind": "A"},
        {"currency": "USD", "cursor": "x"},
        {"currency": "USD", "cursor": cursors.encode(Anywhere(2**63))},
        {"currency": "USD", "cursor": cursors.encode(Anywhere(-1))},
    ],
    ids=str,
)
async def test_what_names_no_account_or_page_is_refused(
    api: BazaarApi, env: Environment, query: dict[str, str]
) -> None:
    ida, _ = await owner(api, env)
    assert (await ida.get("/wallet/entries", **query)).status in (400, 422)


async def test_an_account_that_was_never_used_has_no_entries(api: BazaarApi, env: Environment) -> None:
    ida, _ = await owner(api, env)
    reply = await ida.get("/wallet/entries", currency="USD")
    assert (reply.status, reply.body["data"]) == (200, {"entries": [], "next_cursor": None})
