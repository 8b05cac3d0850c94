"""Accounts: signing up, describing oneself, choosing what to be notified of."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import FormData

from core.accounts.email_changes import CANCEL, NEW, OLD
from core.accounts.identity import RESET, VERIFY
from core.accounts.one_time import tokens
from core.base.clock import now
from tests.flow.api.conftest import PASSWORD, Api
from tests.flow.conftest import Environment
from tests.flow.onswift.uploading import check, image
from tests.flow.onswift.walk.marks import Marks
from tests.flow.onswift.walk.walker import Record, Walker


async def signed_up(api: Api, env: Environment, record: Record, role: str, prefix: str) -> Walker:
    """Sign someone up and do all that concerns an account, until she is logged in for the rest of the walk."""
    marks = Marks(prefix)
    walker = Walker(api, env, marks, record, role, api.anyone)
    walker.headers = {
        "User-Agent": marks.own("user agent"), "X-Key": marks.own("idempotency key"), "X-Request-Id": marks.own("request id"),
    }  # fmt: skip
    email = f"{marks.own('email')}@example.com"
    company = {"companyName": marks.passing("company, replaced")} if role == "creator" else {}
    name = marks.passing("name, replaced")
    new = {"email": email, "password": PASSWORD, "name": name, "userType": role, **company}
    body = await walker.make("POST", "/api/auth/signup", **new)
    await walker.make("POST", "/api/auth/forgot-password", email=email)
    await walker.make("POST", "/api/auth/resend-verification", email=email)
    for purpose in (RESET, VERIFY):
        await mailed(walker, body["user"]["id"], purpose)
    await walker.make("POST", "/api/auth/reset-password", token=RESET + prefix, newPassword=PASSWORD)
    await walker.make("POST", "/api/auth/verify-email", token=VERIFY + prefix)
    await walker.make("GET", "/api/auth/csrf")
    body = await log_in(walker, email)
    body = await walker.make("POST", "/api/auth/refresh", refreshToken=body["refreshToken"])
    walker.caller.access_token = body["accessToken"]
    await walker.make("POST", "/api/auth/change-password", currentPassword=PASSWORD, newPassword=PASSWORD)
    await log_in(walker, email)
    sessions = (await walker.make("GET", "/api/auth/sessions"))["sessions"]
    other = next(one["id"] for one in sessions if not one["current"])
    await walker.make("DELETE", "/api/auth/sessions/{sessionId}", other)
    await walker.make("DELETE", "/api/auth/sessions")
    await walker.make("POST", "/api/auth/logout")
    await log_in(walker, email)
    await change_email(walker)
    return walker


async def mailed(walker: Walker, user_id: str, purpose: str) -> str:
    """Return a code as if it had come by mail."""
    code, expires = purpose + walker.marks.prefix, now() + timedelta(hours=1)
    await tokens.INSERT(walker.env.resources.db, tokens.digest(code), UUID(user_id), purpose, expires)
    return code


async def change_email(walker: Walker) -> None:
    """Change the address, cancel a second change, and leave a third one pending."""
    marks, path = walker.marks, "/api/auth/change-email"
    await walker.make("POST", path, newEmail=f"{marks.own('new email')}@example.com")
    for purpose in (OLD, NEW):
        await walker.make("POST", f"{path}/confirm", token=await mailed(walker, walker.id, purpose))
    await walker.make("POST", path, newEmail=f"{marks.passing('cancelled email')}@example.com", password=PASSWORD)
    await walker.make("POST", f"{path}/cancel", token=await mailed(walker, walker.id, CANCEL))
    await walker.make("DELETE", path)
    await walker.make("POST", path, newEmail=f"{marks.own('pending email')}@example.com")


async def log_in(walker: Walker, email: str) -> Any:
    walker.caller.access_token = ""
    body = await walker.make("POST", "/api/auth/login", email=email, password=PASSWORD)
    caller = walker.caller
    caller.id, caller.email = body["user"]["id"], email
    caller.access_token, caller.refresh_token = body["accessToken"], body["refreshToken"]
    return body


async def profile(walker: Walker) -> None:
    """Describe oneself, with a picture."""
    marks = walker.marks
    texts: dict[str, Any] = {"name": f"{marks.own('name')} Somebody", "linkedinUrl": page_of(marks, "linkedin")}
    if walker.role == "creator":
        texts["companyName"] = marks.own("company")
    else:
        texts |= {"professionalTitle": marks.own("title"), "bio": marks.own("bio"), "skills": ["Figma"]}
        texts |= {f"{name}Url": page_of(marks, name) for name in ("twitter", "instagram", "youtube", "github")}
        texts["portfolioLinks"] = [page_of(marks, "portfolio")]
    await walker.make("PUT", "/api/users/me", **texts)
    await walker.make("GET", "/api/users/me")
    content = image() + marks.elsewhere("avatar").encode()
    first = await walker.upload("avatar", f"{marks.own('avatar name')}.png", "image/png", content)
    await checked(walker, first["fileId"])
    await walker.make("PUT", "/api/users/me", avatarUrl=first["fileUrl"])
    second = await walker.upload("avatar", f"{marks.own('second avatar')}.png", "image/png", image())
    await walker.make("POST", "/api/files/{fileId}/complete", second["fileId"])
    await walker.make("POST", "/api/users/me/avatar", fileUrl=second["fileUrl"])
    await check(walker.env, second["fileId"])
    form = FormData(quote_fields=False)
    form.add_field("avatar", image(), filename=f"{marks.own('form avatar')}.png", content_type="image/png")
    await walker.call("POST", "/api/users/me/avatar", data=form)
    unused = await walker.upload("avatar", f"{marks.own('unused')}.png", "image/png", image() + b"zq")
    await checked(walker, unused["fileId"])
    await walker.make("GET", "/api/files/{fileId}/download-url", unused["fileId"])
    bad = await walker.upload(
        "avatar", f"{marks.own('rejected')}.png", "image/png", marks.elsewhere("rejected").encode()
    )
    await checked(walker, bad["fileId"])


def page_of(marks: Marks, about: str) -> str:
    return f"https://example.com/{marks.own(about)}"


async def checked(walker: Walker, file_id: str) -> None:
    """Have a file checked."""
    await walker.make("POST", "/api/files/{fileId}/complete", file_id)
    await check(walker.env, file_id)


async def settings(walker: Walker) -> None:
    """Choose what to be notified of, and where; look at the calendar."""
    marks = walker.marks
    await walker.make("GET", "/api/notifications/preferences")
    await walker.make("PUT", "/api/notifications/preferences", preferences=[{"type": "mentioned", "email": True}])
    path = "/api/notifications/devices"
    await walker.make("POST", path, platform="fcm", token=marks.own("token of a device"))
    old = await walker.make("POST", path, platform="fcm", token=marks.passing("token of a removed device"))
    await walker.make("GET", path)
    await walker.make("DELETE", path + "/{deviceId}", old["id"])
    await walker.call("GET", "/api/calendar", params={"from": "2999-12-01"})
    await walker.make("GET", "/api/calendar/feed")
    feed = await walker.make("POST", "/api/calendar/feed")
    await walker.call("GET", "/api/calendar.ics", params={"token": urlsplit(feed["url"]).query.removeprefix("token=")})
    await walker.make("GET", "/api/skills")
    await walker.make("GET", "/api/health")
    await walker.make("GET", f"/api/analytics/{walker.role}")


async def read_notifications(walker: Walker) -> None:
    """Look at what one was told of."""
    page = await walker.make("GET", "/api/notifications")
    await walker.make("PUT", "/api/notifications/{notificationId}/read", page["notifications"][0]["id"])
    await walker.make("PUT", "/api/notifications/read-all")
