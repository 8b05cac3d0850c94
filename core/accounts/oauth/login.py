"""Logging in by a provider.

A browser goes to the provider (`begin`, `begin_link`), comes back (`finish`), and ends on the marketplace's page with a code in
the fragment of its address, which never leaves the browser. The page exchanges that for tokens (`redeem`), which it gets by the
marketplace's own transport. An app asks its SDK for a token with a nonce of ours (`new_nonce`, `log_in_by_token`).
"""

import re
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from core.accounts import known_devices, sessions
from core.accounts.alerts import alert
from core.accounts.attempts import attempt
from core.accounts.contacts import email_of
from core.accounts.oauth import flows, links
from core.accounts.oauth.flows import Flow
from core.accounts.oauth.links import LOGIN
from core.accounts.oauth.profile import Asked, Profile, Provider
from core.accounts.oauth.providers import providers_of
from core.accounts.one_time import tokens
from core.accounts.sessions import Account, Tokens
from core.base import clock, errors
from core.base.errors import AppError
from core.platform.db import One
from core.work import rate_limits as limits
from core.work.context import Ctx, User
from core.work.rules import required
from core.work.rules.accounts import OAuthRules
from core.work.unit_of_work import unit_of_work

MOST_LETTERS = 4096  # of a provider's code
# A path of ours, maybe with a query: no other site (`//evil.example`), and no fragment, which is the answer's.
_PATH = re.compile(r"(?=.{1,512}$)/(?:[\w.~%?&=+:@,;-][\w.~%?&=+:@,;/-]*)?", re.ASCII)


class Begun(msgspec.Struct, frozen=True):
    """Where a browser goes, and the secret that it keeps in a cookie of these attributes until it has its tokens."""

    url: str
    secret: str
    same_site: str  # "None" where the provider posts a form back: browsers send no other cookie with that
    max_age: int


class Callback(msgspec.Struct, frozen=True):
    """What a browser comes back with, in the query or in a form."""

    state: str = ""
    code: str = ""
    error: str = ""
    user: str = ""


class LoginRow(msgspec.Struct, frozen=True):
    """Who logs in, whether she ever has before, and whether by the same browser or app at this address (`is_usual`)."""

    id: UUID
    email: str | None
    name: str
    role: str
    devices_forgotten_at: datetime | None
    has_been_here: bool
    is_usual: bool


LOGIN_OF = One(
    LoginRow,
    f"""
    select id, {email_of("u")} as email, name, role, devices_forgotten_at,
        exists (select from sessions where user_id = u.id) as has_been_here,
        exists (
            select from (select user_agent from sessions where user_id = u.id and remote = $2 limit 100) s
            where user_agent = $3
        ) as is_usual
    from users u where id = $1 and deleted_at is null""",  # noqa: S608
)


async def begin(ctx: Ctx, name: str, *, role: str = "", page: str = "", secret: str = "") -> Begun:
    """Begin a login in a browser; `secret` is that of its cookie, if it has one: of another tab, say.

    `role`: what she signs up as if she is new; "": not at all. `page`: the path of ours that she ends on.
    Raises NOT_FOUND, VALIDATION_ERROR, RATE_LIMITED, PROVIDER_UNAVAILABLE.
    """
    if role and role not in _rules(ctx).roles:
        raise errors.invalid("role", "Nobody signs up as this")
    return await _begin(ctx, name, secret, page, role=role)


async def begin_link(ctx: Ctx, name: str, *, page: str = "", secret: str = "") -> Begun:
    """Begin to link a provider to the caller, whose login must be a recent one: see identity.require_recent_login.

    Raises as `begin`, and EMAIL_NOT_VERIFIED.
    """
    await links.check_linkable(ctx)
    return await _begin(ctx, name, secret, page, user=ctx.user)


async def finish(ctx: Ctx, name: str, callback: Callback, secret: str) -> str:
    """Return where a browser goes that comes back from a provider: to the page, with one of these in the fragment.

    `oauth=CODE` for `redeem`, `oauth-linked=PROVIDER`, or `oauth-error=` and the code of an error. Raises NOT_FOUND.
    """
    rules, provider = _rules(ctx), _provider(ctx, name)
    page = rules.page
    try:
        async with attempt(ctx, (rules.failures, ctx.remote)):
            flow = flows.read(ctx.resources.keys, callback.state, ctx.policy.name, name, secret)
            page = flow.page
            await flows.use(ctx.db, flow.id)
            profile = await _profile(ctx, provider, callback, flow, secret)
            return _landing(ctx, page, await _arrived(ctx, flow, profile, secret))
    except AppError as error:
        return _landing(ctx, page, f"oauth-error={error.kind.code}")


async def redeem(ctx: Ctx, code: str, secret: str) -> tuple[Account, Tokens]:
    """Open a session for the code that a browser ended with.

    Raises OAUTH_STATE_INVALID, RATE_LIMITED, and as `sessions.start` does.
    """
    hash = flows.code_hash(code, secret)
    async with attempt(ctx, (_rules(ctx).failures, ctx.remote)):
        owner = await tokens.OWNER(ctx.db, hash, LOGIN, ctx.policy.name, clock.now())
        if owner is None:
            raise errors.OAUTH_STATE_INVALID.error()
        return await _open_session(ctx, owner.id, hash)


def new_nonce(ctx: Ctx) -> str:
    """Return the nonce that an app asks its SDK for a token with; good for ten minutes and one login."""
    return flows.new_nonce(ctx.resources.keys)


async def log_in_by_token(
    ctx: Ctx,
    name: str,
    token: str,
    nonce: str,
    *,
    role: str = "",
    given_name: str = "",
) -> tuple[Account, Tokens]:
    """Open a session for a token that an app has got from a provider; `given_name` is what Apple's SDK says beside it, once.

    Raises NOT_FOUND, OAUTH_STATE_INVALID, OAUTH_TOKEN_INVALID, PROVIDER_UNAVAILABLE, and as links.user_of and sessions.start.
    """
    provider = _provider(ctx, name)
    async with attempt(ctx, (_rules(ctx).failures, ctx.remote)):
        id, began_at = flows.read_nonce(ctx.resources.keys, nonce)
        profile = await provider.by_token(ctx.resources.outgoing, token, nonce, began_at)
        await flows.use(ctx.db, id)
    if not profile.name:
        profile = msgspec.structs.replace(profile, name=given_name)
    user_id = await links.user_of(ctx, profile, role)
    return await _open_session(ctx, user_id)


def _rules(ctx: Ctx) -> OAuthRules:
    return required(ctx.policy.oauth)


def _provider(ctx: Ctx, name: str) -> Provider:
    provider = providers_of(ctx.resources.settings).get(name) if name in _rules(ctx).providers else None
    if provider is None:
        raise errors.NOT_FOUND.error()
    return provider


async def _begin(ctx: Ctx, name: str, secret: str, page: str, *, role: str = "", user: User | None = None) -> Begun:
    rules, provider = _rules(ctx), _provider(ctx, name)
    secret = secret if len(secret) == flows.SECRET_LETTERS else flows.new_secret()
    flow = flows.begun(ctx.policy.name, name, secret, _page(page, rules), role=role, user=user)
    await limits.take(ctx, rules.begins, ctx.remote)
    url = await provider.authorize(ctx.resources.outgoing, _asked(ctx, flow, secret))
    is_posted = provider.posts_back and ctx.resources.settings.public_url.startswith("https:")
    return Begun(url, secret, "None" if is_posted else "Lax", int(flows.LIFETIME.total_seconds()))


def _asked(ctx: Ctx, flow: Flow, secret: str) -> Asked:
    settings, keys = ctx.resources.settings, ctx.resources.keys
    return Asked(
        redirect_uri=settings.public_url + _rules(ctx).callback.format(provider=flow.provider),
        state=flows.sign(keys, flow),
        nonce=flows.nonce(flow, secret),
        verifier=flows.verifier(flow, secret),
        challenge=flows.challenge(flow, secret),
        began_at=flow.began_at,
    )


async def _profile(ctx: Ctx, provider: Provider, callback: Callback, flow: Flow, secret: str) -> Profile:
    if callback.error or not 0 < len(callback.code) <= MOST_LETTERS:
        raise errors.OAUTH_DENIED.error()
    asked = _asked(ctx, flow, secret)
    return await provider.by_code(ctx.resources.outgoing, callback.code, asked, callback.user)


async def _arrived(ctx: Ctx, flow: Flow, profile: Profile, secret: str) -> str:
    """Link the provider, or make the code for whose account it is; return the fragment that says so."""
    if flow.user_id and flow.session_id:
        await links.link(ctx, profile, flow.user_id, flow.session_id)
        return f"oauth-linked={flow.provider}"
    code = secrets.token_urlsafe(32)
    await links.user_of(ctx, profile, flow.role, flows.code_hash(code, secret))
    return f"oauth={code}"


async def _open_session(ctx: Ctx, user_id: UUID, code_hash: bytes | None = None) -> tuple[Account, Tokens]:
    """Open a session, and use up the code that it is opened for."""
    gone = errors.OAUTH_STATE_INVALID.error()
    row = await LOGIN_OF(ctx.db, user_id, ctx.remote, sessions.storable(ctx.user_agent))
    if row is None:
        raise gone
    (row,) = ctx.resources.sealing.opened([row], "email")
    is_new = row.has_been_here and not row.is_usual and not _is_known(ctx, row)
    mail = await alert(ctx, row.id, row.email, "login") if is_new else None
    account = Account(row.id, row.email, row.name, row.role)
    async with unit_of_work(ctx) as work:
        # All that ends logins locks the user first: it ends this one, or has ended the code.
        if await sessions.LOCK_USER(work.db, row.id) is None:
            raise gone
        if code_hash and not await tokens.USE(work.db, code_hash, LOGIN, ctx.policy.name, clock.now()):
            raise gone
        if mail:
            work.enqueue(mail)
        await work.record("user.login", row.id, by=row.id, new_device=is_new, method="oauth")
        return account, await sessions.start(ctx, work.db, account)


def _is_known(ctx: Ctx, row: LoginRow) -> bool:
    return known_devices.is_known(ctx.resources.keys.device(ctx.device), row.id, row.devices_forgotten_at)


def _page(page: str, rules: OAuthRules) -> str:
    """Return where a browser ends; raises VALIDATION_ERROR."""
    if not page:
        return rules.page
    if not _PATH.fullmatch(page):
        raise errors.invalid("page", "Must be a path of this site")
    return page


def _landing(ctx: Ctx, page: str, fragment: str) -> str:
    return f"{ctx.resources.settings.public_url}{page}#{fragment}"
