"""The bazaar, where people show who they are to a provider that misbehaves when it is told to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import msgspec
import pytest

import marketplaces
from config.settings import Settings
from core.base.answers import RawBody
from core.platform.outgoing import OutgoingError
from core.verification import requests
from core.verification.kinds import Asked, Kind, Outcome
from core.verification.local import SIGNATURE, LocalProvider, signature
from core.verification.requests import Verification
from core.work.context import Ctx, User
from tests import bazaar
from tests.bazaar.database import with_bazaar
from tests.bazaar.people import BazaarApi
from tests.bazaar.policy import IDENTITY, POLICY
from tests.flow.api.conftest import serving
from tests.flow.conftest import Environment, open_environment
from tests.policies import ChangePolicy

GOOD, REFUSED, SILENT, ANOTHER = "1000000001", "1000000008", "1000000007", "1000000009"


@pytest.fixture
async def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    monkeypatch.setattr(requests, "POLL_EVERY", requests.POLL_EVERY * 0)
    await with_bazaar(settings)
    settings = msgspec.structs.replace(settings, marketplaces=("bazaar",))
    async with open_environment(settings, "bazaar") as env:
        yield env


@dataclass
class Moody(LocalProvider):
    """One that may be away, and counts."""

    is_away: bool = False
    asked: list[str] = field(default_factory=list)
    polled: int = 0

    async def start(self, ctx: Ctx, id: UUID, person: str) -> Asked:
        self.asked.append(person)
        if self.is_away:
            raise OutgoingError("away")
        return await super().start(ctx, id, person)

    async def poll(self, ctx: Ctx, asked: Asked, person: str) -> Outcome | None:
        self.polled += 1
        if self.is_away:
            raise OutgoingError("away")
        return await super().poll(ctx, asked, person)


@pytest.fixture
def provider(change_policy: ChangePolicy) -> Moody:
    """Return the provider of the bazaar's identities."""
    moody = Moody()
    kinds = [replaced(one, moody) for one in POLICY.verifications if isinstance(one, Kind)]
    change_policy(verifications=tuple(kinds))
    return moody


def replaced(kind: Kind, provider: LocalProvider) -> Kind:
    return msgspec.structs.replace(kind, provider=provider) if kind.name == IDENTITY else kind


@dataclass
class Someone:
    """A user, and what she has."""

    env: Environment
    provider: Moody
    user: User

    @property
    def ctx(self) -> Ctx:
        return self.env.ctx(self.user)

    async def start(self, person: str = GOOD) -> Verification:
        return await requests.start(self.ctx, IDENTITY, person)

    async def look(self, one: Verification) -> Verification:
        return await requests.get(self.ctx, one.id)

    def ref(self, one: Verification) -> str:
        """Return the provider's name of a request."""
        (ref,) = [ref for ref, request in self.provider.requests.items() if request.id == one.id]
        return ref

    async def called(self, outcome: Outcome) -> None:
        """Have the provider call."""
        public, octets = replace(self.ctx, caller=None), msgspec.json.encode(outcome)
        await requests.called(public, IDENTITY, RawBody(octets, {SIGNATURE: signature(public, octets)}))

    async def states(self) -> list[str]:
        return [one.state for one in await requests.OF_USER(self.env.resources.db, self.user.id)]


@pytest.fixture
async def ann(env: Environment, provider: Moody) -> Someone:
    user, _ = await env.person("Ann", "seller")
    return Someone(env, provider, user)


@pytest.fixture
async def bob(env: Environment, provider: Moody) -> Someone:
    user, _ = await env.person("Bob", "buyer")
    return Someone(env, provider, user)


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[BazaarApi]:
    async with serving(env, kind=BazaarApi) as api:
        assert isinstance(api, BazaarApi)
        yield api
