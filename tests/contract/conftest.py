"""The API, for the tests that compare it with what is written about it, and each marketplace in turn."""

from collections.abc import AsyncIterator

import pytest

from config.settings import Settings
from tests.contract.worlds import WORLDS, Served, serve
from tests.flow.api.conftest import api as api
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import env as env


@pytest.fixture(params=WORLDS, ids=str)
async def served(request: pytest.FixtureRequest, settings: Settings, light_passwords: None) -> AsyncIterator[Served]:
    """Return a marketplace that is being served."""
    async with serve(request.param, settings) as served:
        yield served
