"""The API, for the tests that compare it with what is written about it, and each marketplace in turn."""

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from config.settings import Settings
from tests.contract.worlds import WORLDS, Served, World, serve
from tests.flow.api.conftest import api as api
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import env as env


@pytest.fixture(params=WORLDS, ids=str)
def world(request: pytest.FixtureRequest) -> World:
    """Return each marketplace in turn."""
    world: World = request.param
    return world


@pytest.fixture
def world_settings(world: World, settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Return settings with a database that may get the tables of the marketplace."""
    if not world.has_tables_of_tests:
        return settings
    return msgspec.structs.replace(settings, database_url=request.getfixturevalue("fresh_database_url"))


@pytest.fixture
async def served(world: World, world_settings: Settings, light_passwords: None) -> AsyncIterator[Served]:
    """Return a marketplace that is being served."""
    async with serve(world, world_settings) as served:
        yield served


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection to the database that a file of tests has filled."""
    connection = await asyncpg.connect(filled)
    yield connection
    await connection.close()
