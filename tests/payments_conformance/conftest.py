"""The fixtures of the suite. A driver's file says which `double` it has."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from config.settings import Settings
from marketplaces import ALL
from tests import bazaar
from tests.bazaar.database import with_bazaar
from tests.flow.conftest import Environment, open_environment
from tests.flow.conftest import nothing_goes_wrong_unseen as nothing_goes_wrong_unseen
from tests.payments_conformance.double import Double
from tests.payments_conformance.shop import Shop, open_shop


@pytest.fixture
async def env(settings: Settings, double: Double, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    """Return the bazaar's environment."""
    monkeypatch.setitem(ALL, "bazaar", bazaar.MARKETPLACE)
    settings = msgspec.structs.replace(double.settings(settings), marketplaces=("bazaar",))
    await with_bazaar(settings)
    async with open_environment(settings, "bazaar") as env:
        yield env


@pytest.fixture
async def shop(env: Environment, double: Double, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    async with open_shop(env, double, monkeypatch) as shop:
        yield shop
