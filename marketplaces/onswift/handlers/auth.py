"""Signing up; all else of accounts is core's."""

from uuid import UUID

from core.accounts import signup
from core.accounts.signup import NewAccount
from core.base import errors
from core.market.endpoints import auth
from core.market.endpoints.account_structs import LoggedIn, logged_in
from core.market.traits import like
from core.platform.db import Connection
from core.work.context import Ctx
from marketplaces.onswift import rules
from marketplaces.onswift.queries import users as queries
from marketplaces.onswift.structs.auth import SignUp


@like(auth.sign_up)
async def sign_up(ctx: Ctx, body: SignUp) -> LoggedIn:
    """Register a new user (creator or talent)"""
    if body.company_name and body.user_type != rules.CREATOR:
        raise errors.invalid("companyName", "Only creators have a company")

    async def store_company(db: Connection, user_id: UUID) -> None:
        if body.company_name:
            await queries.INSERT_COMPANY(db, user_id, body.company_name)

    new = NewAccount(body.email, body.password, body.name, body.user_type)
    return logged_in(*await signup.sign_up(ctx, new, store_company))
