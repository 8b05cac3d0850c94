"""What ends a login ends all that it has made; what ends all logins ends whatever else opens something for their user."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import pytest

from core.accounts import logins
from core.accounts.email_changes import NEW, OLD
from core.accounts.identity import RESET, VERIFY
from core.accounts.one_time import tokens
from core.base import clock, errors
from core.calendars import feeds
from core.files.links import LIFETIME
from core.files.tidying import tidy_files
from core.platform.db import transaction
from core.platform.tokens import KeyRing
from tests.flow.api.conftest import PASSWORD, Api, Caller, audited, operating
from tests.flow.conftest import Chatter, Environment
from tests.flow.onswift.test_calendar import read
from tests.flow.onswift.test_erasure import blocked
from tests.flow.onswift.test_files import PDF, uploaded_pdf
from tests.flow.onswift.uploading import announce, get, image, put, upload

NEW_PASSWORD = "Other-donkey-8"
DELIVERABLE = {"fileName": "a.pdf", "mimeType": "application/pdf", "uploadType": "deliverable"}
EVERYTHING = {"access token", "refresh token", "device", "upload", "download", "socket"}


@dataclass
class Login:
    """A login with one of everything that a login can have."""

    env: Environment
    caller: Caller
    id: UUID
    socket: Chatter
    device: str
    upload: str
    download: str

    async def opens(self) -> set[str]:
        """Say what still works, of both kinds: what one uses without a token is tried without one."""
        anyone = Caller(self.caller.client)
        refresh = {"refreshToken": self.caller.refresh_token}
        kept = "select exists (select from devices where id = $1)"  # asked of the table: nobody else may ask any more
        works = {
            "access token": (await self.caller.get("/users/me")).status == 200,
            "device": bool(await self.env.resources.db.fetchval(kept, UUID(self.device))),
            "upload": (await put(anyone, self.upload, PDF, "application/pdf")).status == 200,
            "download": (await get(anyone, self.download))[0] == 200,
            "socket": self.socket.socket.connected,
            "refresh token": (await anyone.post("/auth/refresh", **refresh)).status == 200,
        }
        return {name for name, is_open in works.items() if is_open}

    async def put_out(self) -> None:
        """Return when its socket has been closed."""
        assert await self.socket.heard.next("session:ended")
        await self.socket.heard.next("disconnect")


@dataclass
class Ann:
    """Someone who is logged in here and there, has a feed, and has been mailed codes."""

    api: Api
    env: Environment
    here: Login
    there: Login
    feed: str
    reset_code: str
    verify_code: str

    async def opens(self) -> set[str]:
        """Say what still works of what is no login's."""
        works = {
            "feed": (await read(self.api.anyone, self.feed)).status == 200,
            "reset code": await self._sets_password(),
        }
        return {name for name, is_open in works.items() if is_open}

    async def _sets_password(self) -> bool:
        new = {"token": self.reset_code, "newPassword": "Third-donkey-9"}
        return (await self.api.anyone.post("/auth/reset-password", **new)).status == 200


async def log_in(env: Environment, hub: str, caller: Caller) -> Login:
    user = await logins.authenticate(env.resources, "onswift", caller.access_token)
    socket = await Chatter(user, caller.access_token, hub).connect()
    env.stack.push_async_callback(socket.socket.disconnect)
    device = await caller.post("/notifications/devices", platform="fcm", token=secrets.token_hex())
    announced = await announce(caller, PDF, **DELIVERABLE)
    file = await uploaded_pdf(caller, env)
    link = (await caller.get(f"/files/{file['fileId']}/download-url")).body["downloadUrl"]
    return Login(env, caller, user.session_id, socket, device.body["id"], announced.body["uploadUrl"], link)


async def mailed(env: Environment, caller: Caller, purpose: str) -> str:
    """Return a code as if it had come by mail."""
    code = secrets.token_urlsafe()
    in_an_hour = clock.now() + timedelta(hours=1)
    await tokens.INSERT(env.resources.db, tokens.digest(code), UUID(caller.id), purpose, in_an_hour)
    return code


@pytest.fixture
async def ann(api: Api, env: Environment, two_hubs: tuple[str, str]) -> Ann:
    caller = await api.signed_up("talent")
    here = await log_in(env, two_hubs[0], caller)
    there = await log_in(env, two_hubs[1], api.logged_in(await api.log_in(caller.email)))
    feed = (await caller.post("/calendar/feed")).body["url"]
    codes = [await mailed(env, caller, purpose) for purpose in (RESET, VERIFY)]
    return Ann(api, env, here, there, feed, *codes)


async def change_password(ann: Ann) -> None:
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert (await ann.here.caller.post("/auth/change-password", **change)).status == 200


async def change_email(ann: Ann) -> None:
    assert (await ann.here.caller.post("/auth/change-email", newEmail="newer@example.com")).status == 200
    for purpose, is_last in ((OLD, False), (NEW, True)):
        code = await mailed(ann.env, ann.here.caller, purpose)
        reply = await ann.api.anyone.post("/auth/change-email/confirm", token=code)
        assert reply.body["changed"] == is_last


async def log_out_everywhere_else(ann: Ann) -> None:
    assert (await ann.here.caller.delete("/auth/sessions")).status == 204


async def reset_password(ann: Ann) -> None:
    code = await mailed(ann.env, ann.here.caller, RESET)
    assert (await ann.api.anyone.post("/auth/reset-password", token=code, newPassword=NEW_PASSWORD)).status == 200


async def delete_account(ann: Ann) -> None:
    assert (await ann.here.caller.delete("/users/me")).status == 204


async def log_out(ann: Ann) -> None:
    assert (await ann.there.caller.post("/auth/logout")).status == 204


async def end_from_the_list(ann: Ann) -> None:
    assert (await ann.here.caller.delete(f"/auth/sessions/{ann.there.id}")).status == 204


async def end_by_an_operator(ann: Ann) -> None:
    async with operating(ann.env) as olga:
        assert (await olga.post(f"/sessions/{ann.there.id}/end")).status == 200


async def reuse_a_refresh_token(ann: Ann) -> None:
    reply = await ann.api.anyone.post("/auth/refresh", refreshToken=ann.there.caller.refresh_token)
    stolen, ann.there.caller.refresh_token = ann.there.caller.refresh_token, reply.body["refreshToken"]
    ago = "update refresh_tokens set used_at = used_at - interval '1 minute' where used_at is not null"
    await ann.env.resources.db.execute(ago)
    assert (await ann.api.anyone.post("/auth/refresh", refreshToken=stolen)).status == 401


Do: TypeAlias = Callable[[Ann], Awaitable[None]]
OF_ONE: list[Do] = [log_out, end_from_the_list, end_by_an_operator, reuse_a_refresh_token]
OF_ALL_OTHERS: list[Do] = [change_password, change_email, log_out_everywhere_else]
OF_ALL: list[Do] = [reset_password, delete_account]


async def test_everything_opens_before(ann: Ann) -> None:
    assert await ann.here.opens() == await ann.there.opens() == EVERYTHING
    assert await ann.opens() == {"feed", "reset code"}


@pytest.mark.parametrize("end", OF_ONE)
async def test_the_end_of_one_login_ends_what_it_has_made_and_nothing_else(ann: Ann, end: Do) -> None:
    await end(ann)
    await ann.there.put_out()
    assert await ann.there.opens() == set()
    assert await ann.here.opens() == EVERYTHING
    assert await ann.opens() == {"feed", "reset code"}


@pytest.mark.parametrize("end", OF_ALL_OTHERS)
async def test_what_ends_all_other_logins_leaves_nothing_but_ones_own(ann: Ann, end: Do) -> None:
    await end(ann)
    await ann.there.put_out()
    assert await ann.there.opens() == set()
    assert await ann.here.opens() == EVERYTHING
    assert await ann.opens() == set()


@pytest.mark.parametrize("end", OF_ALL)
async def test_a_reset_password_and_a_deleted_account_leave_nothing_that_opens(ann: Ann, end: Do) -> None:
    await end(ann)
    for login in (ann.here, ann.there):
        await login.put_out()
        assert await login.opens() == set()
    assert await ann.opens() == set()


async def test_a_code_that_only_confirms_an_address_stays_good(ann: Ann) -> None:
    await change_password(ann)
    assert (await ann.api.anyone.post("/auth/verify-email", token=ann.verify_code)).status == 200


@pytest.mark.parametrize("end", OF_ONE)
async def test_the_end_of_a_login_is_in_the_audit_log(ann: Ann, end: Do) -> None:
    await end(ann)
    (row,) = [row for row in await audited(ann.env) if row[0] == "session.end"]
    assert row[1] == ann.there.id
    assert row[2]["user_id"] == ann.here.caller.id
    assert row[2]["reason"]


@pytest.mark.parametrize("end", [*OF_ALL_OTHERS, *OF_ALL])
async def test_the_end_of_all_logins_is_in_the_audit_log(ann: Ann, end: Do) -> None:
    await end(ann)
    (row,) = [row for row in await audited(ann.env) if row[0] == "session.end_all"]
    ended = {str(ann.there.id)} if end in OF_ALL_OTHERS else {str(ann.here.id), str(ann.there.id)}
    assert row[1] == UUID(ann.here.caller.id)
    assert (set(row[2]["sessions"]), bool(row[2]["reason"])) == (ended, True)


async def test_what_an_ended_login_has_uploaded_becomes_nothing_that_others_see(api: Api, env: Environment) -> None:
    ann = await api.signed_up("talent")
    thief = api.logged_in(await api.log_in(ann.email))
    picture = image()
    pending, arrived, other = (
        (await announce(thief, picture)).body,
        await upload(thief, picture),
        await upload(ann, picture),
    )
    assert (await thief.post("/auth/logout")).status == 204
    for file in (pending, arrived):
        assert (await put(api.anyone, file["uploadUrl"], picture)).code == "FORBIDDEN"
        assert (await ann.post(f"/files/{file['fileId']}/complete")).code == "FILE_NOT_FOUND"
        assert (await ann.post("/users/me/avatar", fileUrl=file["fileUrl"])).status == 400
    assert (await ann.post("/users/me/avatar", fileUrl=other["fileUrl"])).status == 200, "that of another login"


async def test_the_row_of_an_ended_upload_waits_for_what_its_link_to_s3_may_still_bring(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up("talent")
    file = (await announce(ann, PDF, **DELIVERABLE)).body
    await ann.post("/auth/logout")
    known = "select count(*) from files where id = $1"
    await tidy_files(env.resources)
    assert await env.resources.db.fetchval(known, UUID(file["fileId"])) == 1
    later = clock.now() + LIFETIME
    monkeypatch.setattr(clock, "now", lambda: later)
    await tidy_files(env.resources)
    assert await env.resources.db.fetchval(known, UUID(file["fileId"])) == 0


async def test_a_link_of_the_version_before_which_names_no_login_is_good_until_it_expires(ann: Ann) -> None:
    keys = ann.env.resources.keys
    link = keys.file_link(urlsplit(ann.here.download).path.rpartition("/")[2], "download")
    old = keys.sign(msgspec.structs.replace(link, session_id=None))
    assert (await get(ann.api.anyone, f"/api/files/blob/{old}"))[0] == 200
    assert link.exp - link.iat == 3600


async def test_the_address_of_a_feed_is_shown_again_but_the_table_opens_nothing(ann: Ann) -> None:
    assert (await ann.there.caller.get("/calendar/feed")).body == {"url": ann.feed}
    (row,) = await ann.env.resources.db.fetch("select * from feeds")
    token = urlsplit(ann.feed).query.removeprefix("token=")
    assert row["hash"] == tokens.digest(token)
    assert row["token"] is None
    assert token not in str(dict(row))
    for value in (row["hash"].hex(), row["nonce"].hex(), str(row["user_id"])):
        assert (await read(ann.api.anyone, f"/api/calendar.ics?token={value}")).status in (400, 401)


async def test_a_feed_outlives_the_key_that_its_address_was_made_by(ann: Ann) -> None:
    resources = ann.env.resources
    old = resources.settings.jwt_keys[0]
    new = "new:a-key-of-tests-that-came-later-and-is-long"
    caller = await logins.authenticate(resources, "onswift", ann.here.caller.access_token)
    ctx = ann.env.ctx(caller)
    for keys, shown in (((new, old), True), ((new,), False)):
        ring = KeyRing(msgspec.structs.replace(resources.settings, jwt_keys=keys))
        url = await feeds.address(replace(ctx, resources=replace(resources, keys=ring)))
        assert (url is not None) == shown
        assert url in (None, ann.feed)
        assert (await read(ann.api.anyone, ann.feed)).status == 200


async def test_of_two_versions_that_renew_a_feed_the_last_one_gives_the_only_address_that_works(ann: Ann) -> None:
    caller = ann.here.caller
    await ann.env.resources.db.execute("update feeds set token = 'of-the-version-before'")  # as its renewal does
    stored = (await caller.get("/calendar/feed")).body["url"]
    assert stored.endswith("?token=of-the-version-before")
    assert [(await read(ann.api.anyone, url)).status for url in (ann.feed, stored)] == [401, 200]
    renewed = (await caller.post("/calendar/feed")).body["url"]
    assert [(await read(ann.api.anyone, url)).status for url in (ann.feed, stored, renewed)] == [401, 401, 200]


async def test_a_login_that_ends_while_it_asks_for_a_feed_gets_none(ann: Ann) -> None:
    ctx = ann.env.ctx(await logins.authenticate(ann.env.resources, "onswift", ann.there.caller.access_token))
    await change_password(ann)
    with pytest.raises(errors.AppError) as refused:
        await feeds.renew(ctx)
    assert refused.value.kind is errors.SESSION_ENDED
    assert (await ann.here.caller.get("/calendar/feed")).body == {"url": None}


async def test_an_account_is_deleted_although_its_other_logins_are_busy(api: Api, env: Environment) -> None:
    for _ in range(4):
        ann = await api.signed_up("talent")
        others = [api.logged_in(await api.log_in(ann.email)) for _ in range(3)]
        codes = [await mailed(env, ann, purpose) for purpose in (RESET, VERIFY)]
        deleted, *replies = await asyncio.gather(
            ann.delete("/users/me"),
            *(other.post("/auth/refresh", refreshToken=other.refresh_token) for other in others),
            *(other.post("/notifications/devices", platform="fcm", token=secrets.token_hex()) for other in others),
            *(announce(other, PDF, **DELIVERABLE) for other in others),
            *(other.post("/calendar/feed") for other in others),
            *(other.delete("/auth/sessions") for other in others),
            api.anyone.post("/auth/reset-password", token=codes[0], newPassword=NEW_PASSWORD),
            api.anyone.post("/auth/verify-email", token=codes[1]),
        )
        statuses = {reply.status for reply in replies}
        assert (deleted.status in (204, 401), statuses - {200, 201, 204, 400, 401}) == (True, set()), replies


async def test_an_account_is_deleted_while_tokens_are_refreshed_and_devices_registered(
    api: Api, env: Environment
) -> None:
    for _ in range(4):
        ann = await api.signed_up("talent")
        others = [api.logged_in(await api.log_in(ann.email)) for _ in range(5)]
        deleted, *replies = await asyncio.gather(
            ann.delete("/users/me"),
            *(other.post("/auth/refresh", refreshToken=other.refresh_token) for other in others),
            *(other.post("/notifications/devices", platform="fcm", token=secrets.token_hex()) for other in others),
        )
        assert deleted.status == 204
        assert {reply.status for reply in replies} <= {200, 201, 401}, replies
        for table in ("sessions", "devices"):
            left = await env.resources.db.fetchval(f"select count(*) from {table} where user_id = $1", UUID(ann.id))
            assert left == 0, table


async def test_a_login_that_ends_while_it_makes_something_makes_nothing(api: Api, env: Environment) -> None:
    ann, db = await api.signed_up("talent"), env.resources.db
    other = api.logged_in(await api.log_in(ann.email))
    session = (await logins.authenticate(env.resources, "onswift", other.access_token)).session_id
    async with asyncio.TaskGroup() as group, transaction(db) as ending:
        await ending.execute("update sessions set ended_at = now() where id = $1", session)
        making = [
            group.create_task(other.post("/notifications/devices", platform="fcm", token=secrets.token_hex())),
            group.create_task(announce(other, PDF, **DELIVERABLE)),
        ]
        await blocked(env, len(making))
    assert [task.result().code for task in making] == ["SESSION_ENDED"] * 2
    for table in ("devices", "files"):
        assert await db.fetchval(f"select count(*) from {table}") == 0, table
