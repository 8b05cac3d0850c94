"""Accounts and sessions."""

from datetime import timedelta
from uuid import UUID

from core.accounts.email_changes import CANCEL, NEW, OLD
from core.accounts.identity import RESET, VERIFY
from core.accounts.one_time import tokens
from core.base.clock import now
from tests.contract.story.telling import Story
from tests.flow.api.conftest import PASSWORD, Caller


async def tell(story: Story) -> None:
    """Sign up, log in, set a new password, log out."""
    anyone = story.api.anyone
    email = "new@example.com"
    await story.make(anyone, "POST", "/api/auth/signup", email=email, password=PASSWORD, name="New", userType="creator")
    body = await story.make(anyone, "POST", "/api/auth/login", email=email, password=PASSWORD)
    await story.make(anyone, "POST", "/api/auth/refresh", refreshToken=body["refreshToken"])
    await story.make(anyone, "POST", "/api/auth/forgot-password", email=email)
    expires, user_id = now() + timedelta(hours=1), UUID(body["user"]["id"])
    for purpose in (RESET, VERIFY):
        await tokens.INSERT(story.env.resources.db, tokens.digest(purpose), user_id, purpose, expires)
    await story.make(anyone, "POST", "/api/auth/reset-password", token=RESET, newPassword=PASSWORD)
    await story.make(anyone, "POST", "/api/auth/resend-verification", email=email)
    await story.make(anyone, "POST", "/api/auth/verify-email", token=VERIFY)
    ann = story.api.logged_in(await story.api.log_in(email))
    passwords = {"currentPassword": PASSWORD, "newPassword": PASSWORD}
    await story.make(ann, "POST", "/api/auth/change-password", **passwords)
    other = story.api.logged_in(await story.api.log_in(email))
    sessions = (await story.make(other, "GET", "/api/auth/sessions"))["sessions"]
    await story.make(other, "DELETE", "/api/auth/sessions/{sessionId}", sessions[1]["id"])
    await story.make(other, "DELETE", "/api/auth/sessions")
    ann = story.api.logged_in(await story.api.log_in(email))
    await change_email(story, ann)
    await story.make(ann, "GET", "/api/auth/csrf")
    await story.make(ann, "POST", "/api/auth/logout")


async def change_email(story: Story, ann: Caller) -> None:
    """Ask for another address and think better of it, ask and cancel it by mail, ask and confirm it by both mails."""
    path = "/api/auth/change-email"
    await story.make(ann, "POST", path, newEmail="other@example.com", password=PASSWORD)
    await story.make(ann, "DELETE", path)
    for purposes in ((CANCEL,), (OLD, NEW)):
        await story.make(ann, "POST", path, newEmail="newer@example.com")
        expires = now() + timedelta(hours=1)
        for purpose in purposes:
            await tokens.INSERT(story.env.resources.db, tokens.digest(purpose), UUID(ann.id), purpose, expires)
            last = "cancel" if purpose == CANCEL else "confirm"
            await story.make(story.api.anyone, "POST", f"{path}/{last}", token=purpose)
