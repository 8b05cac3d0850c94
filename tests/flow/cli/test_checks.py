"""What is wrong with a marketplace is said before anything is served."""

from dataclasses import replace

import msgspec
import pytest

import marketplaces
from cli.checks import check_settings
from cli.errors import CommandError
from config.settings import Settings
from core.market.endpoints import users
from core.market.market import get
from tests import bazaar
from tests.bazaar.people import with_bazaar


async def test_a_marketplace_whose_tables_no_migration_has_made_is_not_served(
    settings: Settings, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    settings = msgspec.structs.replace(settings, database_url=fresh_database_url, marketplaces=("bazaar",))
    with pytest.raises(CommandError, match=r"The database lacks bazaar\.ids, bazaar\.\w+, .*: a file of migrations/"):
        await check_settings(settings)
    await with_bazaar(settings)
    await check_settings(settings)


async def test_a_marketplace_whose_manifest_is_wrong_is_not_served(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tuple(get(path, users.export_me, frozenset({"nobody"})) for path in ("/one", "/two"))
    monkeypatch.setitem(marketplaces.ALL, "bazaar", replace(bazaar.MARKETPLACE, routes=wrong))
    settings = msgspec.structs.replace(settings, marketplaces=("bazaar",))
    with pytest.raises(CommandError, match=r"manifest is wrong:\n  bazaar: GET /one .*nobody.*\n  bazaar: GET /two "):
        await check_settings(settings)
