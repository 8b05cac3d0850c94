"""A small site with logins by a provider, the local provider, and browsers that go to and fro between them."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec
from aiohttp import ClientSession, CookieJar, web

from api.cookies import Cookies, without_tokens
from cli.login_provider import login_provider
from cli.login_provider.server import LoginProvider
from core.accounts import logins
from core.accounts.oauth import links, login
from core.accounts.oauth.login import Callback
from core.base.errors import AppError
from core.work.context import Ctx, User
from core.work.rules.accounts import OAuthRules
from tests import bazaar
from tests.bazaar.people import BEARER
from tests.flow.conftest import Environment

RULES = OAuthRules(frozenset({"google", "apple", "facebook"}), roles=bazaar.MARKETPLACE.policy.roles)
COOKIE = "bazaar-oauth"


@dataclass
class Site:
    """The site. Its calls are those that a marketplace would have."""

    env: Environment
    provider: LoginProvider
    rules: OAuthRules = RULES

    @property
    def url(self) -> str:
        return self.env.settings.public_url

    def ctx(self, user: User | None = None, agent: str = "", market: str = "bazaar") -> Ctx:
        resources, publisher = self.env.resources, self.env.publisher
        policy = msgspec.structs.replace(bazaar.MARKETPLACE.policy, name=market, oauth=self.rules)
        return Ctx(resources, publisher, policy, "test", remote="192.0.2.1", user_agent=agent, caller=user)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._page),
            web.get("/oauth/{provider}", self._begin),
            web.get("/api/auth/oauth/{provider}/callback", self._query),
            web.post("/api/auth/oauth/{provider}/callback", self._form),
            web.post("/api/auth/redeem", self._redeem),
        ]

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="<!doctype html><title>The page</title>", content_type="text/html")

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        query, secret = request.query, request.cookies.get(COOKIE, "")
        name, role, page = request.match_info["provider"], query.get("role", ""), query.get("page", "")
        begun = await login.begin(self.ctx(), name, role=role, page=page, secret=secret)
        return went(begun)

    async def _query(self, request: web.Request) -> web.StreamResponse:
        return await self._finish(request, msgspec.convert(dict(request.query), Callback))

    async def _form(self, request: web.Request) -> web.StreamResponse:
        return await self._finish(request, msgspec.convert(dict(await request.post()), Callback))

    async def _finish(self, request: web.Request, callback: Callback) -> web.StreamResponse:
        name, secret = request.match_info["provider"], request.cookies.get(COOKIE, "")
        return to(await login.finish(self.ctx(), name, callback, secret))

    async def _redeem(self, request: web.Request) -> web.StreamResponse:
        code, secret = (await request.json())["code"], request.cookies.get(COOKIE, "")
        account, tokens = await login.redeem(self.ctx(agent="Firefox/1"), code, secret)
        cookies = Cookies(bazaar.MARKETPLACE, self.env.resources)
        shown = without_tokens(tokens) if cookies.wanted(request) else msgspec.to_builtins(tokens)
        response = web.json_response({"id": str(account.id), "name": account.name, **shown})
        cookies.give(request, response, tokens)
        return response


def went(begun: login.Begun) -> web.Response:
    """Return the answer that sends a browser to the provider."""
    response = to(begun.url)
    response.set_cookie(COOKIE, begun.secret, httponly=True, samesite=begun.same_site, max_age=begun.max_age)
    return response


def to(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})


@web.middleware
async def answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except AppError as error:
        return web.json_response({"code": error.kind.code}, status=error.kind.status)


@dataclass
class Return:
    """What a browser brings back from the provider: a GET with a query, or a form that is posted."""

    method: str
    url: str
    fields: dict[str, str]


@dataclass
class Browser:
    """A browser with its cookies. The steps are apart, so that something may come between them."""

    site: Site
    http: ClientSession

    async def begin(self, provider: str, role: str = "buyer", page: str = "") -> str:
        """Go to the provider's page, and return its address."""
        query = {"role": role, "page": page}
        async with self.http.get(f"{self.site.url}/oauth/{provider}", params=query) as response:
            assert response.status == 200, await response.text()
            return str(response.url)

    async def choose(self, page: str, person: str, **typed: str) -> Return:
        """Say at the provider who one is."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        form = query | typed | {"person": person}
        async with self.http.post(page.partition("?")[0], data=form, allow_redirects=False) as response:
            if response.status == 303:
                back = urlsplit(response.headers["Location"])
                fields = {name: values[0] for name, values in parse_qs(back.query).items()}
                return Return("GET", back._replace(query="").geturl(), fields)
            text = await response.text()
        found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text)
        action = re.findall(r'action="([^"]*)"', text)[0]
        return Return("POST", unescape(action), {name: unescape(value) for name, value in found})

    async def come_back(self, back: Return) -> dict[str, str]:
        """Return to the site, and return the fragment of the page that one ends on."""
        given: dict[str, Any] = {"params" if back.method == "GET" else "data": back.fields}
        async with self.http.request(back.method, back.url, allow_redirects=False, **given) as response:
            assert response.status == 303, await response.text()
            end = urlsplit(response.headers["Location"])
        assert not end.query, "a code or token in it would reach logs"
        name, _, value = end.fragment.partition("=")
        return {name: value, "path": end.path}

    async def end(self, provider: str, person: str, role: str = "buyer", **typed: str) -> dict[str, str]:
        """Go all the way, and return the fragment."""
        return await self.come_back(await self.choose(await self.begin(provider, role), person, **typed))

    async def redeem(self, code: str, **headers: str) -> dict[str, Any]:
        """Exchange the code that one ended with."""
        url = f"{self.site.url}/api/auth/redeem"
        async with self.http.post(url, json={"code": code}, headers=BEARER | headers) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    async def log_in(self, provider: str, person: str, role: str = "buyer", **typed: str) -> dict[str, Any]:
        """Log in, and return what the page gets."""
        fragment = await self.end(provider, person, role, **typed)
        assert "oauth" in fragment, fragment
        return await self.redeem(fragment["oauth"])


@asynccontextmanager
async def browser_of(site: Site) -> AsyncIterator[Browser]:
    """Open a browser."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        yield Browser(site, http)


@asynccontextmanager
async def serving(env: Environment) -> AsyncIterator[Site]:
    """Serve the site and its provider."""
    async with login_provider() as provider:
        settings = msgspec.structs.replace(env.settings, oauth_local_url=provider.url)
        env.settings, env.resources = settings, replace(env.resources, settings=settings)
        site = Site(env, provider)
        app = web.Application(middlewares=[answer_errors])
        app.add_routes(site.routes())
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", settings.port).start()
        yield site
        await runner.cleanup()


async def user_of(site: Site, answer: dict[str, Any]) -> User:
    """Return the caller with the session that a login has opened."""
    return await logins.authenticate(site.env.resources, "bazaar", answer["accessToken"])


async def providers_of(site: Site, user_id: str | UUID) -> list[str]:
    """Return the providers that a user has linked."""
    rows = await links.LIST_OF_USER(site.env.resources.db, UUID(str(user_id)))
    return [row.provider for row in rows]
