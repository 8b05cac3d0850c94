"""Uploads and downloads by links: what is taken, what is refused, who may read."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec
import pytest
from yarl import URL

from cli.embedded.s3 import S3Server
from config.settings import Settings
from core.base import clock
from core.files import waiting
from core.files.kinds import media
from core.files.tidying import UNATTACHED, tidy_files
from core.platform.tokens import FileLink, expiry
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Chatter, Environment
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.uploading import announce, check, file_of, get, image, path_of, put, send_avatar, upload

MB = 1024 * 1024
PDF = b"%PDF-1.7\n" + b"x" * 100


async def released_avatar(env: Environment, caller: Caller, content: bytes | None = None) -> Any:
    """Return the upload of an avatar that is shown."""
    uploaded = await upload(caller, content or image())
    assert (await caller.post("/users/me/avatar", fileUrl=uploaded["fileUrl"])).status == 200
    await check(env, uploaded["fileId"])
    return uploaded


async def uploaded_pdf(caller: Caller, env: Environment | None = None) -> Any:
    """Return an uploaded deliverable; a checked one, if there is a env to check it."""
    uploaded = await upload(caller, PDF, fileName="a.pdf", mimeType="application/pdf", uploadType="deliverable")
    if env:
        assert (await caller.post(f"/files/{uploaded['fileId']}/complete")).status == 200
        await check(env, uploaded["fileId"])
    return uploaded


async def test_a_file_is_announced_put_used_checked_and_shown_to_everybody(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    uploaded = await upload(ann, image())
    avatar = await ann.post("/users/me/avatar", fileUrl=uploaded["fileUrl"])
    assert (avatar.status, avatar.body) == (200, {"avatarUrl": uploaded["fileUrl"]})
    assert (await ann.get("/users/me")).body["avatarUrl"] == uploaded["fileUrl"]
    assert (await get(api.anyone, avatar.body["avatarUrl"]))[0] == 200, "the address works at once"
    await check(env, uploaded["fileId"])
    status, content, headers = await get(api.anyone, uploaded["fileUrl"])
    assert (status, content) == (200, image())
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"] == "inline; filename*=UTF-8''me.png"
    assert "max-age" in headers["Cache-Control"]
    file = await file_of(env, uploaded["fileId"])
    assert file.key == f"avatars/{ann.id}/avatar.png"


async def test_what_someone_uploaded_is_never_active_content(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    _, _, headers = await get(api.anyone, (await released_avatar(env, ann))["fileUrl"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    private = await uploaded_pdf(ann, env)
    link = (await ann.get(f"/files/{private['fileId']}/download-url")).body["downloadUrl"]
    _, _, headers = await get(api.anyone, link)
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uploadType": "virus"}, "uploadType"), ({"mimeType": "text/html"}, "mimeType"),
        ({"mimeType": "image/svg+xml", "fileName": "me.svg"}, "mimeType"), ({"mimeType": "application/pdf"}, "mimeType"),
        ({"fileName": "me.jpg"}, "fileName"), ({"fileName": "me.png.exe"}, "fileName"), ({"fileName": "png"}, "fileName"),
        ({"fileName": ".png"}, "fileName"), ({"fileName": "../../me.png"}, "fileName"), ({"fileName": "..\\me.png"}, "fileName"),
        ({"fileName": "/etc/me.png"}, "fileName"), ({"fileName": "me\0.png"}, "fileName"), ({"fileName": "me\n.png"}, "fileName"),
        ({"fileName": "gnp.\u202eexe.png"}, "fileName"), ({"fileName": "m" * 252 + ".png"}, "fileName"),
        ({"fileName": ""}, "fileName"), ({"fileSize": 0}, "fileSize"), ({"fileSize": -1}, "fileSize"),
        ({"fileSize": "many"}, "fileSize"), ({"mimeType": "image/webp", "fileName": "me.webp"}, "mimeType"),
        ({"mimeType": "", "fileName": "me.exe"}, "mimeType"), ({"mimeType": "image/jpg"}, "fileName"),
    ],
)  # fmt: skip
async def test_what_may_not_be_uploaded_is_refused_when_it_is_announced(
    api: Api, env: Environment, change: dict[str, Any], field: str
) -> None:
    ann = await api.signed_up()
    refused = await announce(ann, image(), **change)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert await env.resources.db.fetchval("select count(*) from files") == 0


@pytest.mark.parametrize(
    ("kind", "name", "most"),
    [
        ("image/png", "a.png", 50), ("application/pdf", "a.pdf", 50), ("application/zip", "a.zip", 50),
        ("video/mp4", "a.mp4", 100), ("video/quicktime", "a.MOV", 100),
    ],
)  # fmt: skip
async def test_each_kind_has_its_greatest_size(api: Api, kind: str, name: str, most: int) -> None:
    ann = await api.signed_up("talent")
    new = {"fileName": name, "mimeType": kind, "uploadType": "deliverable"}
    assert (await announce(ann, b"", **new, fileSize=most * MB)).status == 200
    too_large = await announce(ann, b"", **new, fileSize=most * MB + 1)
    assert (too_large.status, too_large.code) == (413, "FILE_TOO_LARGE")
    assert (await announce(ann, b"", fileSize=5 * MB)).status == 200
    assert (await announce(ann, b"", fileSize=5 * MB + 1)).status == 413, "an avatar"


async def test_ten_uploads_an_hour_and_refused_ones_do_not_count(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    for _ in range(3):
        assert (await announce(ann, image(), mimeType="text/html")).status == 400
    for _ in range(10):
        assert (await announce(ann, image())).status == 200
    refused = await announce(ann, image())
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) > 0
    assert (await announce(bob, image())).status == 200


@pytest.mark.parametrize(
    "name", ["Lebenslauf für Änne.png", "写真.png", "👩‍👩‍👧.png", "a b+c&d=e?f#g%2f.png", "é" * 200 + ".png"]
)
async def test_a_name_in_any_language_survives(api: Api, env: Environment, name: str) -> None:
    ann = await api.signed_up()
    uploaded = await upload(ann, image(), fileName=name)
    view = (await ann.post(f"/files/{uploaded['fileId']}/complete")).body
    assert view["fileName"] == name
    assert (await ann.post("/users/me/avatar", fileUrl=uploaded["fileUrl"])).status == 200
    await check(env, uploaded["fileId"])
    assert (await get(api.anyone, uploaded["fileUrl"]))[0] == 200


async def test_what_is_put_must_be_what_was_announced(api: Api) -> None:
    ann = await api.signed_up()
    content = image()
    url = (await announce(ann, content)).body["uploadUrl"]
    assert (await put(ann, url, content + b"x")).fields == ["Content-Length"]
    assert (await put(ann, url, content[:-1])).fields == ["Content-Length"]
    assert (await put(ann, url, content, "text/html")).fields == ["Content-Type"]

    async def without_length() -> Any:
        yield content

    async with ann.client.put(path_of(url), data=without_length(), headers={"Content-Type": "image/png"}) as chunked:
        assert chunked.status == 400
    assert (await put(ann, url, content)).status == 200
    assert (await put(ann, url, content)).status == 200, "a repeat after a lost answer"


async def test_a_put_that_breaks_off_leaves_nothing_to_use(api: Api) -> None:
    ann = await api.signed_up()
    content = image(size=(400, 400))
    announced = (await announce(ann, content)).body
    host, port = ann.client.host, ann.client.port
    _, writer = await asyncio.open_connection(host, port)
    head = f"PUT {path_of(announced['uploadUrl'])} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:100])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    refused = await ann.post("/users/me/avatar", fileUrl=announced["fileUrl"])
    assert (refused.status, refused.fields) == (400, ["avatarUrl"])
    assert (await put(ann, announced["uploadUrl"], content)).status == 200
    assert (await ann.post("/users/me/avatar", fileUrl=announced["fileUrl"])).status == 200


async def test_an_upload_ends_when_the_file_is_used(api: Api) -> None:
    ann = await api.signed_up()
    content = image()
    uploaded = await upload(ann, content)
    assert (await ann.post(f"/files/{uploaded['fileId']}/complete")).body["status"] == "uploaded"
    assert (await put(ann, uploaded["uploadUrl"], content)).code == "FILE_ALREADY_UPLOADED"
    assert (await ann.post(f"/files/{uploaded['fileId']}/complete")).status == 200, "a repeat"


async def test_only_its_owner_completes_an_upload_and_only_a_whole_one(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    announced = (await announce(ann, image())).body
    path = f"/files/{announced['fileId']}/complete"
    assert (await ann.post(path)).fields == ["fileId"]
    assert (await bob.post(path)).status == 403
    assert (await ann.post(f"/files/{NOWHERE}/complete")).code == "FILE_NOT_FOUND"


async def test_only_ones_own_whole_unused_files_of_the_purpose_can_be_used(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    mine, announced = await upload(ann, image()), (await announce(ann, image())).body
    theirs, other = await upload(bob, image()), await uploaded_pdf(ann)
    for url in (
        announced["fileUrl"], theirs["fileUrl"], other["fileUrl"], mine["fileUrl"] + "/x", "https://example.com/me.png", "",
        mine["fileUrl"].replace(mine["fileId"], NOWHERE), mine["fileUrl"].replace("/onswift/", "/takeone/"),
        mine["fileUrl"].replace(mine["fileId"], "-" * 36),
    ):  # fmt: skip
        refused = await ann.post("/users/me/avatar", fileUrl=url)
        assert (refused.status, refused.fields) == (400, ["avatarUrl"]), url
    assert (await ann.get("/users/me")).body["avatarUrl"] is None
    assert (await ann.post("/users/me/avatar", fileUrl=mine["fileUrl"])).status == 200
    assert (await ann.post("/users/me/avatar", fileUrl=mine["fileUrl"])).status == 400, "it is in use"


async def test_one_file_used_twice_at_once_is_used_once(api: Api) -> None:
    ann = await api.signed_up()
    uploaded = await upload(ann, image())
    replies = await asyncio.gather(*(ann.post("/users/me/avatar", fileUrl=uploaded["fileUrl"]) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]


async def test_a_new_avatar_replaces_the_old_one_whose_file_goes(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    old = await released_avatar(env, ann)
    new = await released_avatar(env, ann, image(size=(80, 80)))
    assert (await ann.get("/users/me")).body["avatarUrl"] == new["fileUrl"]
    assert (await get(api.anyone, old["fileUrl"]))[0] == 404
    await tidy_files(env.resources)
    assert await file_of(env, new["fileId"])
    assert (await get(api.anyone, new["fileUrl"]))[:2] == (200, image(size=(80, 80)))
    assert await env.resources.storage.size_of(f"avatars/{ann.id}/avatar.png") is None, "the old one"


SCRIPT = b"<script>alert(1)</script>" + b" " * 50


async def test_an_avatar_that_is_not_good_is_refused_and_the_one_before_stays(
    api: Api, env: Environment, hub: str
) -> None:
    ann = await api.signed_up()
    assert (await ann.get("/users/me")).body["avatarUrl"] is None
    first = await upload(ann, SCRIPT)
    await ann.want("file_rejected")
    refused = await ann.post("/users/me/avatar", fileUrl=first["fileUrl"])
    assert (refused.status, refused.fields) == (400, ["avatarUrl"])
    assert refused.body["error"]["details"][0]["message"] == "The file was not accepted: It is no PNG"
    assert (await ann.get("/users/me")).body["avatarUrl"] is None
    good = await released_avatar(env, ann)
    for content in (SCRIPT, image()[:60], image(size=(8, 8)), image("JPEG")):
        bad = await upload(ann, content)
        for call in (
            ann.post("/users/me/avatar", fileUrl=bad["fileUrl"]),
            ann.put("/users/me", avatarUrl=bad["fileUrl"]),
        ):
            assert (await call).fields == ["avatarUrl"]
        assert (await send_avatar(ann, content)).fields == ["avatarUrl"]
        assert (await ann.get("/users/me")).body["avatarUrl"] == good["fileUrl"]
        assert (await get(api.anyone, good["fileUrl"]))[:2] == (200, image())
    notices = (await ann.get("/notifications")).body["notifications"]
    assert {notice["type"] for notice in notices} == {"file_rejected"}


async def test_the_address_of_an_avatar_works_as_soon_as_it_is_named(api: Api, env: Environment, hub: str) -> None:
    ann = await api.signed_up()
    chatter = Chatter(None, ann.access_token, hub)  # type: ignore[arg-type]  # the token says who she is
    env.stack.push_async_callback(chatter.socket.disconnect)
    heard = (await chatter.connect()).heard
    sent = await send_avatar(ann, image())
    assert (await get(api.anyone, sent.body["avatarUrl"]))[:2] == (200, image())
    assert (await heard.next("user:updated"))["user"]["avatarUrl"] == sent.body["avatarUrl"]
    new = await upload(ann, image(size=(90, 90)))
    changed = await ann.put("/users/me", avatarUrl=new["fileUrl"])
    assert changed.body["avatarUrl"] == new["fileUrl"]
    assert (await get(api.anyone, new["fileUrl"]))[:2] == (200, image(size=(90, 90)))
    assert (await ann.put("/users/me", avatarUrl=new["fileUrl"])).status == 200, "the same again"


async def test_too_many_checks_at_once_are_refused(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    new = await upload(ann, image())
    turns = env.resources.decoders
    async with AsyncExitStack() as stack:
        for user in range(waiting.WIDTH):
            await stack.enter_async_context(turns.turn(f"user {user}"))
        queued = [turns.queue.add(f"user {user}") for user in range(waiting.MOST_WAITING)]
        refused = await ann.post("/users/me/avatar", fileUrl=new["fileUrl"])
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "UNAVAILABLE", "1")
        for user, turn in enumerate(queued):
            turns.queue.remove(f"user {user}", turn)
    assert (await ann.post("/users/me/avatar", fileUrl=new["fileUrl"])).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/upload/presigned-url"), ("POST", f"/api/files/{NOWHERE}/complete"), ("POST", "/api/users/me/avatar"),
        ("GET", f"/api/files/{NOWHERE}/download-url"), ("POST", "/api/deliverables"),
        ("POST", f"/api/projects/{NOWHERE}/samples"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
async def test_every_call_about_files_refuses_without_a_login(api: Api, method: str, path: str, kind: str) -> None:
    async with api.anyone.client.request(method, path, headers={"Content-Type": kind}, data=b"{}") as response:
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_the_address_of_a_private_file_asks_who_is_not_logged_in_to_log_in(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    private, unused = await uploaded_pdf(ann, env), await upload(ann, image())
    for url in (private["fileUrl"], unused["fileUrl"]):
        status, _, headers = await get(api.anyone, url)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (await get(bob, url, Authorization=f"Bearer {bob.access_token}"))[0] == 403
        assert (await get(bob, url, Authorization="Bearer nonsense"))[0] == 401
    cookie = f"onswift-access={ann.access_token}"
    assert (await get(ann, private["fileUrl"], Cookie=cookie))[0] == 200, "a page whose login is in cookies"
    shown = await released_avatar(env, ann)
    assert (await get(ann, shown["fileUrl"], Cookie="onswift-access=old"))[0] == 200, "public is public"


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


async def test_a_heic_is_refused_with_a_word_on_what_to_do_where_it_cannot_be_converted(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "can_convert", lambda: False)
    ann = await api.signed_up()
    for said in ("image/heic", "image/heif", ""):
        refused = await announce(ann, HEIC, fileName="IMG_0001.HEIC", mimeType=said)
        assert (refused.status, refused.code, refused.fields) == (400, "HEIC_NOT_SUPPORTED", ["mimeType"])
        assert (
            await send_avatar(ann, HEIC, "IMG_0001.HEIC", said or "application/octet-stream")
        ).code == "HEIC_NOT_SUPPORTED"
    assert "send a JPEG" in refused.body["error"]["message"]
    named_otherwise = await upload(ann, HEIC, fileName="a.jpg", mimeType="image/jpeg")
    refused = await ann.post("/users/me/avatar", fileUrl=named_otherwise["fileUrl"])
    assert "send a JPEG" in refused.body["error"]["details"][0]["message"]


async def test_a_heic_is_announced_as_the_jpeg_that_it_becomes(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "can_convert", lambda: True)
    ann = await api.signed_up()
    uploaded = await upload(ann, HEIC, fileName="IMG_0001.HEIC", mimeType="image/heic")
    assert uploaded["fileUrl"].endswith("/IMG_0001.jpg")
    view = (await ann.post(f"/files/{uploaded['fileId']}/complete")).body
    assert (view["fileName"], view["mimeType"], view["fileSize"]) == ("IMG_0001.jpg", "image/jpeg", len(HEIC))
    assert (await announce(ann, HEIC, fileName="a.png", mimeType="image/heic")).fields == ["fileName"]


@pytest.mark.skipif(not media.can_convert(), reason="the extra heic is not installed")
async def test_a_heic_of_a_phone_is_shown_as_a_jpeg(api: Api, env: Environment) -> None:
    import_module("pillow_heif").register_heif_opener()
    ann = await api.signed_up()
    taken = image("HEIF", (300, 200))
    sent = await send_avatar(ann, taken, "IMG_0001.HEIC", "image/heic")
    assert sent.status == 200, sent
    status, content, headers = await get(api.anyone, sent.body["avatarUrl"])
    assert (status, headers["Content-Type"], content[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")


async def test_a_download_link_is_given_to_who_may_read_once_the_file_is_checked(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    uploaded = await uploaded_pdf(ann)
    path = f"/files/{uploaded['fileId']}/download-url"
    assert (await ann.get(path)).code == "FILE_NOT_READY"
    assert (await ann.post(f"/files/{uploaded['fileId']}/complete")).status == 200
    await check(env, uploaded["fileId"])
    given = await ann.get(path)
    assert (given.status, given.body["expiresIn"]) == (200, 3600)
    assert (await get(api.anyone, given.body["downloadUrl"]))[:2] == (200, PDF)
    assert (await bob.get(path)).status == 403
    assert (await ann.get(f"/files/{NOWHERE}/download-url")).code == "FILE_NOT_FOUND"
    assert (await ann.get(path, variant="thumbnail")).code == "FILE_NOT_FOUND"
    assert (await ann.get(path, variant="huge")).fields == ["variant"]
    assert (await get(ann, uploaded["fileUrl"], Authorization=f"Bearer {ann.access_token}"))[0] == 200
    assert (await get(bob, uploaded["fileUrl"], Authorization=f"Bearer {bob.access_token}"))[0] == 403
    assert (await get(api.anyone, uploaded["fileUrl"]))[0] == 401


async def test_a_part_of_a_file_can_be_read(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    uploaded = await uploaded_pdf(ann, env)
    link = (await ann.get(f"/files/{uploaded['fileId']}/download-url")).body["downloadUrl"]
    status, content, headers = await get(api.anyone, link, Range="bytes=0-3")
    assert (status, content) == (206, b"%PDF")
    assert headers["Content-Range"] == f"bytes 0-3/{len(PDF)}"


async def test_a_picture_has_a_thumbnail(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    uploaded = await released_avatar(env, ann, image(size=(1000, 500)))
    status, content, headers = await get(api.anyone, uploaded["fileUrl"] + "?variant=thumbnail")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert content.startswith(b"\xff\xd8\xff")


async def test_a_link_that_has_expired_or_is_made_up_opens_nothing(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    uploaded = await uploaded_pdf(ann, env)
    id, user, keys = UUID(uploaded["fileId"]), UUID(ann.id), env.resources.keys
    past = expiry(clock.now() - timedelta(hours=2), timedelta(hours=1))
    present = expiry(clock.now(), timedelta(hours=1))
    good = keys.sign(FileLink(id, user, **present, kind="download"))
    assert (await get(ann, f"/api/files/blob/{good}"))[0] == 200
    for token in (
        keys.sign(FileLink(id, user, **past, kind="download")),
        keys.sign(FileLink(id, user, **present, kind="upload")),
        good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), good.partition(".")[2], ann.access_token,
        ann.refresh_token, "x", "a.b.c",
    ):  # fmt: skip
        assert (await get(ann, f"/api/files/blob/{token}"))[0] == 403
        if token != keys.sign(FileLink(id, user, **present, kind="upload")):
            assert (await put(ann, f"/api/upload/blob/{token}", PDF, "application/pdf")).status == 403
    other = keys.sign(FileLink(id, UUID(NOWHERE), **present, kind="download"))
    assert (await get(ann, f"/api/files/blob/{other}"))[0] == 403, "whose link it is may not read it"


async def test_what_is_never_used_is_deleted_after_a_day(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    old, new, used = await upload(ann, image()), await upload(ann, image()), await released_avatar(env, ann)
    await env.resources.db.execute(
        "update files set created_at = created_at - $1::interval where id <> $2", UNATTACHED, UUID(new["fileId"])
    )
    await tidy_files(env.resources)
    ids = {row["id"] for row in await env.resources.db.fetch("select id from files")}
    assert ids == {UUID(new["fileId"]), UUID(used["fileId"])}
    assert await env.resources.storage.size_of(f"quarantine/{old['fileId']}") is None
    assert await env.resources.storage.size_of(f"quarantine/{new['fileId']}")
    assert (await get(api.anyone, used["fileUrl"]))[0] == 200


async def test_who_leaves_a_team_loses_its_files_at_once_also_by_links_in_hand(
    people: People, env: Environment
) -> None:
    uploaded = await upload(people.creator, PDF, fileName="a.pdf", mimeType="application/pdf", uploadType="sample")
    new = {"name": "Guide", "type": "file", "fileUrl": uploaded["fileUrl"]}
    assert (await people.creator.post(f"{people.path}/samples", **new)).status == 201
    await check(env, uploaded["fileId"])
    path = f"/files/{uploaded['fileId']}/download-url"
    link = (await people.talent.get(path)).body["downloadUrl"]
    assert (await get(people.talent, link))[:2] == (200, PDF)
    assert (await people.other_talent.get(path)).status == 403
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    assert (await get(people.talent, link))[0] == 403
    assert (await people.talent.get(path)).status == 403
    assert (await get(people.creator, (await people.creator.get(path)).body["downloadUrl"]))[0] == 200


class TestDirect:
    """A server whose clients talk to S3 themselves."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, s3_links="direct")

    async def test_files_go_to_s3_and_come_from_there_by_links(self, api: Api, env: Environment, s3: S3Server) -> None:
        ann = await api.signed_up()
        announced = (await announce(ann, image())).body
        assert announced["uploadUrl"].startswith(s3.url)
        assert "X-Amz-Expires=900" in announced["uploadUrl"]

        async def put_there(content: bytes, mime_type: str = "image/png") -> int:
            url, headers = URL(announced["uploadUrl"], encoded=True), {"Content-Type": mime_type}
            async with ann.client.session.put(url, data=content, headers=headers) as response:
                return response.status

        assert await put_there(image() + b"x") == 403
        assert await put_there(image(), "text/html") == 403
        assert await put_there(image()) == 200
        assert (await ann.post("/users/me/avatar", fileUrl=announced["fileUrl"])).status == 200
        await check(env, announced["fileId"])
        status, _, headers = await get(api.anyone, announced["fileUrl"])
        assert (status, headers["Cache-Control"]) == (302, "public, max-age=30")
        assert await given_by_s3(ann, headers["Location"]) == (
            200,
            image(),
            "image/png",
            "inline; filename*=UTF-8''me.png",
        )

    @pytest.mark.parametrize("said", ["image/x-png", "IMAGE/PNG", "application/octet-stream", ""])
    async def test_s3_takes_the_type_that_a_browser_says(self, api: Api, env: Environment, said: str) -> None:
        ann = await api.signed_up()
        announced = (await announce(ann, image(), mimeType=said)).body
        url, headers = URL(announced["uploadUrl"], encoded=True), {"Content-Type": said} if said else {}
        async with ann.client.session.put(url, data=image(), headers=headers) as response:
            assert response.status == 200
        assert (await ann.post("/users/me/avatar", fileUrl=announced["fileUrl"])).status == 200
        _, _, headers = await get(api.anyone, announced["fileUrl"])
        assert (await given_by_s3(ann, headers["Location"]))[2] == "image/png"

    async def test_private_files_are_one_short_lived_redirect_away(self, api: Api, env: Environment) -> None:
        ann = await api.signed_up()
        new = {"fileName": "a.pdf", "mimeType": "application/pdf", "uploadType": "deliverable"}
        announced = (await announce(ann, PDF, **new)).body
        await env.resources.storage.put(f"quarantine/{announced['fileId']}", PDF, "text/html")
        assert (await ann.post(f"/files/{announced['fileId']}/complete")).status == 200
        await check(env, announced["fileId"])
        link = (await ann.get(f"/files/{announced['fileId']}/download-url")).body["downloadUrl"]
        status, _, headers = await get(api.anyone, link)
        assert (status, headers["Cache-Control"]) == (302, "private, no-store")
        assert "X-Amz-Expires=60" in headers["Location"]
        given = await given_by_s3(ann, headers["Location"])
        assert given == (200, PDF, "application/pdf", "attachment; filename*=UTF-8''a.pdf")


async def given_by_s3(caller: Caller, url: str) -> tuple[int, bytes, str, str]:
    """Return what S3 answers to a signed link: status, content, type and disposition."""
    async with caller.client.session.get(URL(url, encoded=True)) as response:
        headers = response.headers
        return response.status, await response.read(), headers["Content-Type"], headers["Content-Disposition"]
