"""Tokens in cookies, which scripts of web pages cannot read. Clients ask for them with `X-Token-Transport: cookie`; in some
marketplaces they are the default, unless a client asks for `body`.

Browsers also send cookies with forged cross-site requests (CSRF). So a request that is authenticated by a cookie alone and is
not a read must carry the session's CSRF token in a header; it is in a cookie as well ("signed double submit"). Getting tokens and
refreshing by cookie requires the header above, which other sites cannot set unless they are listed as CORS origins.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from api.calls.signature import signature_of
from api.shown import Shown
from core.accounts import csrf, known_devices
from core.accounts.csrf import CsrfToken
from core.accounts.sessions import Tokens
from core.base import errors
from core.base.answers import JSON, Answer, FlowCookie
from core.market.market import PUBLIC, Marketplace
from core.work.context import Resources

TRANSPORT = "X-Token-Transport"
CSRF = "X-CSRF-Token"
DEVICE = "X-Device-Token"
SAFE = (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS)


@dataclass(frozen=True, slots=True)
class Credential:
    """The credentials of a request."""

    token: str
    is_cookie: bool


class Cookies:
    """The cookies of one marketplace. The prefixes make browsers require Secure, and for `__Host-` this host and all paths."""

    def __init__(self, market: Marketplace, resources: Resources) -> None:
        secure = resources.settings.public_url.startswith("https:")
        host, anywhere = ("__Host-", "__Secure-") if secure else ("", "")
        self._access, self._csrf = f"{host}{market.name}-access", f"{host}{market.name}-csrf"
        self._refresh, self._device = f"{anywhere}{market.name}-refresh", f"{anywhere}{market.name}-device"
        self._flow = f"{host}{market.name}-oauth"
        self._keys = resources.keys
        self._secure = secure
        self._lifetime = market.policy.refresh_lifetime
        self._usual = market.dialect.keeps_cookies
        self._refreshes = _folder_of_refresh(market)

    def wanted(self, request: web.Request) -> bool:
        """Return whether a client wants its tokens in cookies, by its header or by the default of the marketplace.

        In the latter case the body must be JSON, which another site cannot send without a CORS preflight.
        """
        asked = request.headers.get(TRANSPORT, "").lower()
        return asked == "cookie" or (self._usual and asked != "body" and request.content_type == JSON)

    def credential(self, request: web.Request) -> Credential:
        """Return the Bearer token, else the cookie's, else nothing."""
        if token := bearer_token(request):
            return Credential(token, is_cookie=False)
        return Credential(request.cookies.get(self._access, ""), is_cookie=True)

    def device(self, request: web.Request) -> str:
        """Return the device token of a browser or app that was logged in before; see core/accounts/known_devices.py."""
        return request.headers.get(DEVICE) or request.cookies.get(self._device, "")

    def flow_secret(self, request: web.Request) -> str:
        """Return the secret of a browser that logs in by a provider; "" if it has none."""
        return request.cookies.get(self._flow, "")

    def check_csrf(self, request: web.Request, session_id: UUID) -> None:
        """Raise CSRF_TOKEN_INVALID unless a request that changes something carries the CSRF token of its session."""
        if request.method in SAFE:
            return
        given, cookie = request.headers.get(CSRF, ""), request.cookies.get(self._csrf, "")
        same = hmac.compare_digest(given.encode(errors="replace"), cookie.encode(errors="replace"))
        if not same or self._keys.csrf(given).session_id != session_id:
            raise errors.CSRF_TOKEN_INVALID.error()

    def with_refresh_token(self, request: web.Request, raw: bytes, field: str) -> bytes:
        """Add the refresh token from the cookie to a body that has none."""
        token = request.cookies.get(self._refresh)
        if not token or not self.wanted(request):
            return raw
        try:
            fields = msgspec.json.decode(raw or b"{}", type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return raw  # its decoder reports the error
        return msgspec.json.encode({field: token} | fields)

    def give(self, request: web.Request, response: web.Response, result: object) -> None:
        """Set a client's cookies: its tokens, if it wants them there, and the CSRF token."""
        if isinstance(result, CsrfToken):
            self._set(response, self._csrf, result.csrf_token, script=True)
        elif isinstance(result, Answer) and result.device_of:
            self._give_device(request, response, result.device_of)
        elif isinstance(result, Answer) and result.flow:
            self._give_flow(response, result.flow)
        elif isinstance(result, Tokens):
            access = self._keys.access(result.access_token)
            self._give_device(request, response, access.user_id)
            if self.wanted(request):
                self._set(response, self._access, result.access_token)
                self._set(response, self._refresh, result.refresh_token, path=self._folder(request))
                self._set(
                    response,
                    self._csrf,
                    csrf.issue(self._keys, self._lifetime, access.session_id).csrf_token,
                    script=True,
                )

    def take(self, request: web.Request, response: web.Response) -> None:
        """Delete a client's cookies after the end of its session."""
        for name, path in ((self._access, "/"), (self._csrf, "/"), (self._refresh, self._folder(request))):
            if name in request.cookies:
                response.del_cookie(name, path=path, secure=self._secure, samesite="Strict")

    def _give_device(self, request: web.Request, response: web.Response, user_id: UUID) -> None:
        """Give a client its device token: in a cookie, or in the header if the client uses that."""
        token = known_devices.renewed(self._keys, self.device(request), user_id)
        if DEVICE in request.headers:
            response.headers[DEVICE] = token
        else:
            self._set(response, self._device, token, path=self._folder(request), age=known_devices.LIFETIME)

    def _folder(self, request: web.Request) -> str:
        """Return where the calls of a login are: the refresh token goes there, also from a folder in it, and nowhere else."""
        before, folder, _ = request.path.partition(f"{self._refreshes}/") if self._refreshes else ("", "", "")
        return (before + folder if folder else request.path.rpartition("/")[0]).rstrip("/") or "/"

    def _give_flow(self, response: web.Response, flow: FlowCookie) -> None:
        # Sent along when the provider sends the browser back, which is another site: not Strict.
        response.set_cookie(
            self._flow,
            flow.secret,
            max_age=flow.max_age,
            httponly=True,
            secure=self._secure,
            samesite=flow.same_site,
        )

    def _set(
        self,
        response: web.Response,
        name: str,
        value: str,
        *,
        path: str = "/",
        script: bool = False,
        age: timedelta | None = None,
    ) -> None:
        # Kept as long as the session can be, also that of the access token: an expired one asks for a refresh, none for a login.
        seconds = int((age or self._lifetime).total_seconds())
        response.set_cookie(
            name, value, path=path, max_age=seconds, httponly=not script, secure=self._secure, samesite="Strict"
        )


def shown_by(request: web.BaseRequest) -> Shown:
    """Return the tokens of a request, of any marketplace, except those in its body."""
    of = {name.rpartition("-")[2]: value for name, value in request.cookies.items()}
    device = request.headers.get(DEVICE) or of.get("device", "")
    return Shown(bearer_token(request) or of.get("access", ""), of.get("refresh", ""), device)


def bearer_token(request: web.BaseRequest) -> str:
    """Return the token of the Authorization header; "" if it has none."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def without_tokens(result: Tokens) -> dict[str, object]:
    """Return an answer without its tokens."""
    hidden = {field.encode_name for field in msgspec.structs.fields(Tokens)}
    fields: dict[str, object] = msgspec.to_builtins(result)
    return {name: value for name, value in fields.items() if name not in hidden}


def _folder_of_refresh(market: Marketplace) -> str:
    """Return where the call is that takes a refresh token; "" if there is none."""
    paths = (one.path for one in market.routes if one.who is PUBLIC and signature_of(one).refresh_token)
    return next(paths, "").rpartition("/")[0]
