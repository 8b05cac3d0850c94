"""Tasks of the bazaar about nothing in particular, and people who decide about them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import msgspec
import pytest

import marketplaces
from config.settings import Settings
from core.base.errors import AppError
from core.base.ids import uuid7
from core.review_queue import kinds, queue
from core.review_queue.kinds import Reviewer, Subject
from core.work.context import Ctx
from core.work.policy import Policy
from core.work.unit_of_work import unit_of_work
from tests import bazaar
from tests.bazaar.capabilities.review_kinds import LISTING
from tests.bazaar.people import BazaarApi, with_bazaar
from tests.flow.api.conftest import Caller, operating, serving
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import Environment, open_environment

QUEUES = ["bazaar/listing"]


@pytest.fixture
async def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    """Return an environment that serves the bazaar."""
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    await with_bazaar(settings)
    async with open_environment(msgspec.structs.replace(settings, marketplaces=("bazaar",)), "bazaar") as env:
        yield env


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[BazaarApi]:
    async with serving(env, kind=BazaarApi) as api:
        assert isinstance(api, BazaarApi)
        yield api


@pytest.fixture
async def operator(env: Environment) -> AsyncIterator[Caller]:
    async with operating(env) as operator:
        yield operator


@dataclass
class Queue:
    """The queue of the bazaar."""

    env: Environment

    @property
    def policy(self) -> Policy:
        return bazaar.MARKETPLACE.policy

    @property
    def ctx(self) -> Ctx:
        return Ctx(self.env.resources, self.env.publisher, self.policy, "test")

    def reviewer(self, name: str, *roles: str) -> Reviewer:
        return kinds.operator(name, frozenset(roles or {"moderator"}), [self.policy])

    async def ask(
        self,
        *,
        subject: UUID | None = None,
        user_id: UUID | None = None,
        priority: int = 0,
        title: str = "Lamp",
        raises: bool = False,
    ) -> UUID:
        """Have somebody decide about a listing."""
        async with unit_of_work(self.ctx) as work:
            about = Subject("listing", subject or uuid7(), user_id)
            return await queue.request(work, LISTING, about, "new", {"Title": title}, priority=priority, raises=raises)

    async def let_leases_end(self) -> None:
        """Have all leases be over."""
        await self.env.resources.db.execute("update review_tasks set held_until = now() where held_until is not null")


@pytest.fixture
def tasks(env: Environment) -> Queue:
    return Queue(env)


def code_of(caught: pytest.ExceptionInfo[AppError]) -> str:
    """Return the code of an error."""
    return caught.value.kind.code
