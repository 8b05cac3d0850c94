"""The REST application on a real port, and people who call it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiohttp import ClientResponse, DummyCookieJar
from aiohttp.abc import AbstractCookieJar
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDictProxy

from api.app import build_app
from config.settings import Settings
from core.limits.shared_limits import SharedLimits
from realtime.operations.admin_client import open_admin_client
from tests.flow.conftest import Environment

PASSWORD = "Correct-horse-7"
SECRET = "an-operator-of-tests-whom-nobody-guesses"


@dataclass
class Reply:
    """An answer of the API, read."""

    status: int
    body: Any
    headers: CIMultiDictProxy[str]

    @property
    def code(self) -> str:
        """The code of the error that it is."""
        code: str = self.error["code"]
        return code

    @property
    def fields(self) -> list[str]:
        """The fields that the error complains of."""
        return [detail["field"] for detail in self.error["details"]]

    @property
    def error(self) -> dict[str, Any]:
        """The error that it is, with an envelope or without."""
        error: dict[str, Any] = self.body.get("error", self.body)
        return error


@dataclass
class Caller:
    """Someone who calls the API, with a login or without."""

    client: TestClient[Any, Any]
    prefix: str = "/api"
    id: str = ""
    email: str = ""
    access_token: str = ""
    refresh_token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **query: str | int) -> Reply:
        return await self.call("GET", path, params={name: str(value) for name, value in query.items()})

    async def post(self, path: str, **body: Any) -> Reply:
        return await self.call("POST", path, json=body)

    async def put(self, path: str, **body: Any) -> Reply:
        return await self.call("PUT", path, json=body or None)

    async def delete(self, path: str) -> Reply:
        return await self.call("DELETE", path)

    async def want(self, *types: str) -> None:
        """Ask for types of notifications that are off otherwise."""
        wanted = [{"type": type, "inApp": True} for type in types]
        assert (await self.put("/notifications/preferences", preferences=wanted)).status == 200

    async def accept_all(self) -> None:
        """Accept all invitations."""
        for one in (await self.get("/invitations")).body["invitations"]:
            reply = await self.post(f"/invitations/{one['id']}/accept")
            assert reply.status == 200, reply

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        headers = self.headers | options.pop("headers", {})
        if self.access_token:
            headers.setdefault("Authorization", f"Bearer {self.access_token}")
        async with self.client.request(method, self.prefix + path, headers=headers, **options) as response:
            return await read(response)


async def read(response: ClientResponse) -> Reply:
    """Read an answer: JSON, another text, or nothing."""
    raw = await response.read()
    body = None if not raw else await response.json() if "json" in response.content_type else raw.decode()
    return Reply(response.status, body, response.headers)


@dataclass
class Api:
    """The API under test."""

    client: TestClient[Any, Any]

    @property
    def anyone(self) -> Caller:
        """Someone without a login."""
        return Caller(self.client)

    async def signed_up(self, user_type: str = "creator", name: str = "Ann Example") -> Caller:
        """Return someone new."""
        email = f"{uuid4()}@example.com"
        reply = await self.anyone.post("/auth/signup", email=email, password=PASSWORD, name=name, userType=user_type)
        assert reply.status == 201, reply
        return self.logged_in(reply)

    async def log_in(self, email: str, password: str = PASSWORD) -> Reply:
        return await self.anyone.post("/auth/login", email=email, password=password)

    def logged_in(self, reply: Reply) -> Caller:
        """Return the caller that a login has made."""
        user, body = reply.body["user"], reply.body
        return Caller(self.client, "/api", user["id"], user["email"], body["accessToken"], body["refreshToken"])


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[Api]:
    """Return the API of a env, for clients that keep no cookies."""
    from tests.bazaar.people import BazaarApi

    async with serving(env, DummyCookieJar(), BazaarApi if env.market == "bazaar" else Api) as api:
        yield api


@asynccontextmanager
async def serving(
    env: Environment, cookies: AbstractCookieJar | None = None, kind: type[Api] = Api
) -> AsyncIterator[Api]:
    """Serve the API of a env; its clients share one jar of cookies."""
    app = build_app(env.settings, env.resources, env.publisher)
    async with TestClient(TestServer(app), cookie_jar=cookies) as client:
        yield kind(client)


@pytest.fixture
def generous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody do a thousand times as much as the rates allow."""
    monkeypatch.setattr(SharedLimits, "factor", lambda _limits, _subject: 1000)


@pytest.fixture
async def operator(env: Environment) -> AsyncIterator[Caller]:
    """Return the operator Olga."""
    async with operating(env) as operator:
        yield operator


@asynccontextmanager
async def operating(env: Environment) -> AsyncIterator[Caller]:
    """Yield the operator Olga of a env."""
    settings = with_operators(env.settings)
    async with open_admin_client(settings, env.resources) as hubs:
        app = build_app(settings, replace(env.resources, settings=settings), env.publisher, hubs)
        async with TestClient(TestServer(app)) as client:
            yield Caller(client, "/ops", access_token=SECRET)


def with_operators(settings: Settings) -> Settings:
    """Return the settings of a env that has the operators Olga and Omar."""
    return msgspec.structs.replace(settings, operator_tokens=(f"olga:{SECRET}", f"omar:{SECRET[::-1]}"))


async def audited(env: Environment) -> list[tuple[str, UUID | None, dict[str, Any]]]:
    """Return the actions in the audit log, of which entities, and their facts."""
    rows = await env.resources.db.fetch("select action, entity_id, facts from audit_log order by id")
    return [(row["action"], row["entity_id"], row["facts"]) for row in rows]


def id_of(env: Environment, place: int) -> str:
    """Return the id of a hub."""
    return env.hubs[place]._bus.origin.hex()
