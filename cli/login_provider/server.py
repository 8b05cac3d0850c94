"""The calls of the local provider, under /google, /apple and /facebook."""

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from cli.login_provider import pages
from cli.login_provider.grants import Grants
from cli.login_provider.people import PEOPLE, Person, somebody
from core.accounts.oauth.providers import DISCOVERY, LOCAL_IDS, LOCAL_SECRET


class LoginProvider:
    """The server. Tests make it late (`answering`), or answer otherwise (`answers`, by the path of a call), and see its calls."""

    def __init__(self) -> None:
        self.url = ""
        self.grants = Grants()
        self.answering = asyncio.Event()
        self.answering.set()
        self.answers: dict[str, Callable[[], web.Response]] = {}
        self.calls: list[str] = []
        self.asked = asyncio.Event()  # set at the first call

    def routes(self) -> list[web.RouteDef]:
        """Return the calls."""
        calls = [
            ("GET", DISCOVERY, self._discovery),
            ("GET", "/keys", self._keys),
            ("GET", "/authorize", self._choose),
            ("POST", "/authorize", self._chosen),
            ("POST", "/token", self._token),
            ("POST", "/oauth/access_token", self._access_token),
            ("GET", "/debug_token", self._debug_token),
            ("GET", "/me", self._me),
        ]
        return [
            web.route(method, "/{provider:google|apple|facebook}" + path, self._call(do)) for method, path, do in calls
        ]

    def id_token(self, provider: str, person: Person, nonce: str, client_id: str = LOCAL_IDS[1]) -> str:
        """Return what the SDK of an app gets."""
        return self.grants.id_token(f"{self.url}/{provider}", provider, person, nonce, client_id)

    def _call(self, do: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.calls.append(request.path)
            self.asked.set()
            await self.answering.wait()
            if prepared := self.answers.get(request.path):
                return prepared()
            return await do(request)

        return answer

    async def _discovery(self, request: web.Request) -> web.Response:
        issuer = f"{self.url}/{request.match_info['provider']}"
        return _json(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        return _json(self.grants.keys())

    async def _choose(self, request: web.Request) -> web.Response:
        return web.Response(text=pages.choose(request.match_info["provider"], request.query), content_type="text/html")

    async def _chosen(self, request: web.Request) -> web.Response:
        provider, form = request.match_info["provider"], _texts(await request.post())
        person = somebody(form["name"], form["email"]) if form["person"] == "other" else PEOPLE.get(form["person"])
        back = {"state": form["state"]}
        if person is None:
            back["error"] = "user_cancelled_authorize" if provider == "apple" else "access_denied"
        else:
            back["code"] = self.grants.code(provider, person, form)
        if form.get("response_mode") != "form_post":
            return web.Response(status=303, headers={"Location": f"{form['redirect_uri']}?{urlencode(back)}"})
        if person and self.grants.is_first(provider, person):
            first, _, last = person.name.partition(" ")
            user = {"name": {"firstName": first, "lastName": last}, "email": person.email}
            back["user"] = msgspec.json.encode(user).decode()
        return web.Response(text=pages.post_back(form["redirect_uri"], back), content_type="text/html")

    async def _token(self, request: web.Request) -> web.Response:
        provider, form = request.match_info["provider"], _texts(await request.post())
        if form.get("client_secret") != LOCAL_SECRET:
            return _json({"error": "invalid_client"}, 401)
        grant = self.grants.use(provider, form)
        if grant is None or form.get("grant_type") != "authorization_code":
            return _json({"error": "invalid_grant"}, 400)
        issuer = f"{self.url}/{provider}"
        token = self.grants.id_token(issuer, provider, grant.person, grant.nonce, grant.client_id)
        access = self.grants.access_token(grant)
        return _json({"access_token": access, "token_type": "Bearer", "expires_in": 600, "id_token": token})

    async def _access_token(self, request: web.Request) -> web.Response:
        form = _texts(await request.post())
        grant = self.grants.use("facebook", form) if form.get("client_secret") == LOCAL_SECRET else None
        if grant is None:
            return _refused("Invalid verification code format.")
        return _json({"access_token": self.grants.access_token(grant), "token_type": "bearer", "expires_in": 5184000})

    async def _debug_token(self, request: web.Request) -> web.Response:
        if request.query.get("access_token") != f"{LOCAL_IDS[0]}|{LOCAL_SECRET}":
            return _refused("Invalid OAuth access token.")
        grant = self.grants.of_token(request.query.get("input_token", ""))
        if grant is None:
            return _json({"data": {"is_valid": False, "error": {"code": 190}}})
        facts = {
            "is_valid": True,
            "app_id": grant.client_id,
            "type": "USER",
            "user_id": grant.person.subject("facebook"),
        }
        return _json({"data": {**facts, **self.grants.claims}})

    async def _me(self, request: web.Request) -> web.Response:
        grant = self.grants.of_token(request.query.get("access_token", ""))
        if grant is None or not request.query.get("appsecret_proof"):
            return _refused("Invalid OAuth access token.")
        return _json({"id": grant.person.subject("facebook"), "name": grant.person.name})


def _texts(form: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in form.items()}


def _json(value: object, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", headers=headers
    )


def _refused(message: str) -> web.Response:
    """Return an error as Facebook says it."""
    return _json({"error": {"message": message, "type": "OAuthException", "code": 190}}, 400)
