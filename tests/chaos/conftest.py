"""The servers that chaos tests break: not those that other tests use."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from core.platform.migrate import migrate
from tests.chaos.servers import Servers, open_servers
from tests.chaos.stage import Stage, open_stage

SEED = 20261121


@pytest.fixture(scope="session")
def chaos_servers() -> Iterator[Servers]:
    """Return servers with a migrated database; each scenario leaves them running, with people of its own in them."""
    with open_servers() as servers:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(migrate(servers.postgres.url))
        yield servers


@pytest.fixture
async def stage(chaos_servers: Servers) -> AsyncIterator[Stage]:
    """Return a stage with two hubs."""
    async with open_stage(chaos_servers, SEED) as stage:
        yield stage
        stage.heal()
