"""The marketplaces that the contract tests run over: how each is served, who is in it, and the story of all its calls."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import pytest
from aiohttp import DummyCookieJar

import marketplaces
from api.documents.openapi import document
from cli.login_provider import login_provider
from cli.sandbox_payments import sandbox_payments
from config.settings import Settings
from core.market.market import Marketplace
from marketplaces import onswift
from tests import bazaar
from tests.bazaar.people import FIRST_ID, BazaarApi, with_bazaar
from tests.bazaar.story import MATRIX as BAZAAR_MATRIX
from tests.bazaar.story import tell as tell_of_bazaar
from tests.contract.story import tell_story
from tests.contract.story.matrix import MATRIX
from tests.contract.story.telling import Story
from tests.flow.api.conftest import Api, serving
from tests.flow.conftest import Environment, open_environment


@dataclass(frozen=True)
class World:
    """One marketplace. `matrix`: who may make which call; `roles`: two, of which each may do what the other may not."""

    market: Marketplace
    api: type[Api]
    tell: Callable[..., Awaitable[Story]]
    matrix: Mapping[tuple[str, str], str]
    roles: tuple[str, str]

    def __str__(self) -> str:
        return self.market.name

    @property
    def has_tables_of_tests(self) -> bool:
        """Whether the migrations do not make its tables."""
        return self.market.name not in marketplaces.ALL

    @property
    def document(self) -> dict[str, Any]:
        return document(self.market, f"/{self.market.name}")


WORLDS = (
    World(onswift.MARKETPLACE, Api, tell_story, MATRIX, ("creator", "talent")),
    World(bazaar.MARKETPLACE, BazaarApi, tell_of_bazaar, BAZAAR_MATRIX, ("seller", "buyer")),
)


@dataclass
class Served:
    """A marketplace that is being served."""

    world: World
    api: Api
    env: Environment

    async def story(self, make: Callable[..., Story] = Story) -> Story:
        """Have its story told."""
        return await self.world.tell(self.api, self.env, make)


@asynccontextmanager
async def serve(world: World, settings: Settings) -> AsyncIterator[Served]:
    """Serve one marketplace, alone on its host."""
    with pytest.MonkeyPatch.context() as patch:
        if world.has_tables_of_tests:
            patch.setitem(marketplaces.ALL, world.market.name, world.market)
            await with_bazaar(settings)
        if world.market.dialect.bigint_ids:
            await with_large_ids(settings, world.market.name)
        async with login_provider() as provider, sandbox_payments() as payments:
            settings = msgspec.structs.replace(
                settings,
                marketplaces=(world.market.name,),
                oauth_local_url=provider.url,
                twilio_token="a token",
                whatsapp_app_secret="a secret",
                whatsapp_verify_token="typed",
                payments_sandbox_url=payments.url,
            )
            async with (
                open_environment(settings, world.market.name) as env,
                serving(env, DummyCookieJar(), world.api) as api,
            ):
                env.provider = provider
                yield Served(world, api, env)


async def with_large_ids(settings: Settings, market: str) -> None:
    """Let a marketplace's next bigint be a large one: nothing else in an answer looks like it."""
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("select setval($1::text::regclass, $2, false)", f"{market}.ids", FIRST_ID)
    await connection.close()
