"""Logins by a provider: browsers go there and come back, and the page that they end on exchanges a code for tokens."""

from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from core.accounts import identity
from core.accounts.oauth import links, login
from core.accounts.oauth.links import LinkView
from core.accounts.oauth.login import Begun, Callback
from core.base.answers import Answer, FlowCookie, RawBody
from core.base.errors import (
    EMAIL_NOT_VERIFIED,
    LAST_LOGIN_METHOD,
    MALFORMED_REQUEST,
    NOT_FOUND,
    OAUTH_NOT_LINKED,
    OAUTH_STATE_INVALID,
    PROVIDER_UNAVAILABLE,
    REAUTHENTICATION_REQUIRED,
)
from core.market.endpoints.account_structs import LoggedIn, logged_in
from core.market.traits import call
from core.text.fields import Short
from core.work.account_rules import OAuthRules
from core.work.context import Ctx

FORM_FIELDS = 20  # of which a provider posts four
# All of a query together must fit into the line of a request.
ProviderName = Annotated[str, Meta(max_length=32, pattern=r"^[^\x00]*$")]
Page = Annotated[str, Meta(max_length=400)]
State = Annotated[str, Meta(max_length=2048, pattern=r"^[A-Za-z0-9._~-]*$")]
Code = Annotated[str, Meta(max_length=1800, pattern=r"^[!-~]*$")]
Error = Annotated[str, Meta(max_length=64)]


class BeginQuery(msgspec.Struct, frozen=True, rename="camel"):
    """What somebody new signs up as (without it only those log in who have an account), and the page that she ends on."""

    user_type: ProviderName = ""
    page: Page = ""


class BeginLink(msgspec.Struct, frozen=True):
    """The password is needed unless the login is younger than five minutes. `page`: where the browser ends."""

    page: Page = ""
    password: Short | None = None


class LinkBegun(msgspec.Struct, frozen=True):
    """Where the browser goes now."""

    url: str


class LoginCode(msgspec.Struct, frozen=True):
    """The code in the fragment of the page that the browser ended on."""

    code: Short


class Links(msgspec.Struct, frozen=True):
    providers: list[LinkView]


class CameBack(msgspec.Struct, frozen=True):
    """What the provider sends along: `error` if the user did not agree."""

    state: State = ""
    code: Code = ""
    error: Error = ""


@call(NOT_FOUND, PROVIDER_UNAVAILABLE, statuses=(303,))
async def begin(ctx: Ctx, provider: ProviderName, query: BeginQuery) -> Answer[None]:
    """Send a browser to a provider, to log in by it"""
    begun = await login.begin(ctx, provider, _rules(ctx), role=query.user_type, page=query.page, secret=ctx.flow_secret)
    return Answer(303, None, location=begun.url, flow=_cookie(begun))


@call(NOT_FOUND, PROVIDER_UNAVAILABLE, REAUTHENTICATION_REQUIRED, EMAIL_NOT_VERIFIED)
async def begin_link(ctx: Ctx, provider: ProviderName, body: BeginLink) -> Answer[LinkBegun]:
    """Begin to link a provider to the user; her browser must go to the address in the answer"""
    await identity.require_recent_login(ctx, body.password)
    begun = await login.begin_link(ctx, provider, _rules(ctx), page=body.page, secret=ctx.flow_secret)
    return Answer(0, LinkBegun(begun.url), flow=_cookie(begun))


@call(NOT_FOUND, statuses=(303,))
async def come_back(ctx: Ctx, provider: ProviderName, query: CameBack) -> Answer[None]:
    """Take a browser that comes back from a provider, and send it to the page"""
    callback = Callback(query.state, query.code, query.error)
    return Answer(303, None, location=await login.finish(ctx, provider, callback, ctx.flow_secret, _rules(ctx)))


@call(NOT_FOUND, statuses=(303,))
async def come_back_by_form(ctx: Ctx, provider: ProviderName, raw: RawBody) -> Answer[None]:
    """Take a browser that comes back from a provider which has it post a form, and send it to the page"""
    back = await login.finish(ctx, provider, _callback(raw), ctx.flow_secret, _rules(ctx))
    return Answer(303, None, location=back)


@call(OAUTH_STATE_INVALID)
async def redeem(ctx: Ctx, body: LoginCode) -> LoggedIn:
    """Exchange the code that a browser ended with for tokens; only that browser can"""
    return logged_in(*await login.redeem(ctx, body.code, ctx.flow_secret, _rules(ctx)))


async def list_links(ctx: Ctx) -> Links:
    """Get the providers by which the user can log in"""
    return Links(await links.list_of_user(ctx))


@call(OAUTH_NOT_LINKED, LAST_LOGIN_METHOD)
async def unlink(ctx: Ctx, provider: ProviderName) -> None:
    """Unlink a provider, if there is another way to log in"""
    await links.unlink(ctx, provider)


def _rules(ctx: Ctx) -> OAuthRules:
    if ctx.policy.oauth is None:
        raise NOT_FOUND.error()
    return ctx.policy.oauth


def _cookie(begun: Begun) -> FlowCookie:
    return FlowCookie(begun.secret, begun.same_site, begun.max_age)


def _callback(raw: RawBody) -> Callback:
    try:
        fields = parse_qsl(raw.octets.decode(), max_num_fields=FORM_FIELDS)
    except ValueError:
        raise MALFORMED_REQUEST.error() from None
    return msgspec.convert(dict(fields), Callback)
