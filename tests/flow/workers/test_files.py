"""What becomes of an uploaded file: checked, released, rejected, held. A real worker, a scanner that speaks clamd."""

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from PIL import Image

import workers.files
from cli.embedded.s3 import S3Server
from config.settings import Settings
from core.files.checking import check_file
from core.files.tidying import tidy_files
from core.pictures.process import DecoderLostError
from core.platform.clamd import ScannerAwayError
from core.work.context import Ctx
from core.work.jobs import BusyError
from marketplaces.onswift.policy import POLICY
from marketplaces.onswift.purposes import DELIVERABLE
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, Chatter, Environment
from tests.flow.onswift.uploading import announce, check, file_of, get, image, put, upload
from tests.flow.workers.clamd import MALWARE, Scanner
from tests.flow.workers.conftest import Mailbox
from workers import running
from workers.app import Worker

PDF = b"%PDF-1.7\n" + b"x" * 100


@pytest.fixture
async def scanner() -> AsyncIterator[Scanner]:
    """Return a virus scanner."""
    scanner = Scanner()
    scanner.open.set()
    server = await asyncio.start_server(scanner.serve, "127.0.0.1", 0)
    scanner.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield scanner
    server.close()
    await server.wait_closed()


@pytest.fixture
def settings(settings: Settings, scanner: Scanner) -> Settings:
    return msgspec.structs.replace(settings, clamd_url=scanner.url)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try jobs again soon."""
    monkeypatch.setattr(running, "RETRY_SECONDS", (0.05,) * 100)


async def sent(caller: Caller, content: bytes, name: str = "a.pdf", mime_type: str = "application/pdf") -> str:
    """Upload a deliverable and say so; return its id."""
    uploaded = await upload(caller, content, fileName=name, mimeType=mime_type, uploadType="deliverable")
    assert (await caller.post(f"/files/{uploaded['fileId']}/complete")).status == 200
    id: str = uploaded["fileId"]
    return id


async def listening(env: Environment, hub: str, caller: Caller) -> Chatter:
    """Return a client that hears what the caller is told."""
    chatter = Chatter(None, caller.access_token, hub)  # type: ignore[arg-type]  # the token says who she is
    env.stack.push_async_callback(chatter.socket.disconnect)
    return await chatter.connect()


async def reason(env: Environment, id: str) -> str:
    """Return why a file was rejected."""
    why: str = await env.resources.db.fetchval("select reject_reason from files where id = $1::text::uuid", id)
    return why


async def test_the_owner_hears_at_once_what_becomes_of_a_file(
    api: Api, env: Environment, hub: str, worker: Worker
) -> None:
    ann = await api.signed_up("talent")
    chatter = await listening(env, hub, ann)
    good, bad = await sent(ann, PDF), await sent(ann, b"<html>" + PDF)
    released, rejected = await chatter.heard.next("file:released"), await chatter.heard.next("file:rejected")
    assert (released["file"]["id"], released["file"]["status"]) == (good, "released")
    assert rejected == {"fileId": bad, "fileName": "a.pdf", "reason": "It is no PDF"}


async def test_malware_is_rejected_and_deleted(api: Api, env: Environment, scanner: Scanner) -> None:
    ann = await api.signed_up("talent")
    id = await sent(ann, PDF + MALWARE)
    await check(env, id)
    assert (await file_of(env, id)).status == "rejected"
    assert await reason(env, id) == "It contains malware (Test.Malware)"
    assert await env.resources.storage.size_of(f"quarantine/{id}") is None
    assert (await ann.get(f"/files/{id}/download-url")).code == "FILE_REJECTED"
    assert scanner.scanned == [PDF + MALWARE]


async def test_a_file_is_held_while_the_scanner_is_away_and_released_when_it_is_back(
    api: Api, env: Environment, hub: str, worker: Worker, scanner: Scanner
) -> None:
    scanner.answers += [b"INSTREAM size limit exceeded. ERROR", b"", b"stream: maybe", b"\xff\xfe"]
    ann = await api.signed_up("talent")
    chatter = await listening(env, hub, ann)
    id = await sent(ann, PDF)
    assert (await chatter.heard.next("file:released"))["file"]["id"] == id
    assert (scanner.answers, len(scanner.scanned)) == ([], 5)


async def test_a_scanner_that_is_slow_or_gone_passes_nothing(
    api: Api, env: Environment, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up("talent")
    id = await sent(ann, PDF)
    scanner.open.clear()
    monkeypatch.setattr("core.platform.clamd.ANSWER_SECONDS", 0.2)
    with pytest.raises(ScannerAwayError):
        await check(env, id)
    away = msgspec.structs.replace(env.settings, clamd_url="tcp://127.0.0.1:1")
    monkeypatch.setattr(env, "resources", replaced(env, away))
    with pytest.raises(ScannerAwayError):
        await check(env, id)
    assert (await file_of(env, id)).status == "uploaded"
    assert (await ann.get(f"/files/{id}/download-url")).code == "FILE_NOT_READY"


def replaced(env: Environment, settings: Settings) -> Any:
    """Return the resources of a env with other settings."""
    return replace(env.resources, settings=settings)


async def test_an_avatar_that_cannot_be_checked_changes_nothing_until_it_can(
    api: Api, env: Environment, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    old, new = [(await upload(ann, image(size=(side, side))))["fileUrl"] for side in (50, 60)]
    assert (await ann.post("/users/me/avatar", fileUrl=old)).status == 200
    for broken in ("core.platform.clamd.CONNECT_SECONDS", "core.pictures.process.WALL_SECONDS"):
        with monkeypatch.context() as away:
            away.setattr(broken, 0)
            refused = await ann.post("/users/me/avatar", fileUrl=new)
        assert (refused.status, refused.code) == (503, "UNAVAILABLE")
        assert (await ann.get("/users/me")).body["avatarUrl"] == old
        assert (await get(api.anyone, old))[0] == 200
    scanner.answers.append(b"stream: Test.Malware FOUND")
    assert (await ann.post("/users/me/avatar", fileUrl=new)).fields == ["avatarUrl"]
    assert (await ann.get("/users/me")).body["avatarUrl"] == old


async def test_a_large_file_goes_to_the_scanner_whole(api: Api, env: Environment, scanner: Scanner) -> None:
    ann = await api.signed_up("talent")
    film = b"\0\0\0\x20ftypisom" + bytes(3_000_000)
    id = await sent(ann, film, "a.mp4", "video/mp4")
    await check(env, id)
    assert scanner.scanned == [film]
    assert (await file_of(env, id)).status == "released"


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """Return a PNG of a few bytes that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "name", "mime_type", "why"),
    [
        (bomb(), "a.png", "image/png", "each side must have 1 to 16384"),
        (bomb(16_000, 16_000), "a.png", "image/png", "at most 100 million are allowed"),
        (image()[:-30], "a.png", "image/png", "cannot be read as an image"),
        (image()[:40], "a.png", "image/png", "cannot be read as an image"),
        (image("JPEG")[:200], "a.jpg", "image/jpeg", "cannot be read as an image"),
        (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "a.png", "image/png", "cannot be read as an image"),
        (image("JPEG"), "a.png", "image/png", "It is no PNG"),
        (b"MZ\x90\0" + bytes(100), "a.zip", "application/zip", "It is no ZIP"),
        (b"<svg onload=alert(1)>", "a.gif", "image/gif", "It is no GIF"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "a.mp4", "video/mp4", "It is no MP4"),
    ],
)  # fmt: skip
async def test_what_is_not_what_it_says_is_rejected(
    api: Api, env: Environment, content: bytes, name: str, mime_type: str, why: str
) -> None:
    ann = await api.signed_up("talent")
    id = await sent(ann, content, name, mime_type)
    await check(env, id)
    assert (await file_of(env, id)).status == "rejected"
    assert why in await reason(env, id)


async def test_a_picture_too_costly_to_decode_is_rejected_reported_and_counted(
    api: Api, env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = msgspec.structs.replace(DELIVERABLE.images, cpu_seconds=0.01)
    ann = await api.signed_up("talent")
    chatter = await listening(env, hub, ann)
    id = await sent(ann, image("JPEG", (3000, 2000), progressive=True), "a.jpg", "image/jpeg")
    policy = msgspec.structs.replace(POLICY, purposes=(replace(DELIVERABLE, images=limits),))
    await check_file(Ctx(env.resources, env.publisher, policy, ""), UUID(id))
    assert await reason(env, id) == "It takes too long to decode"
    assert (await chatter.heard.next("file:rejected"))["reason"] == "It takes too long to decode"
    counted = env.resources.metrics.registry.get_sample_value
    assert counted("greenroom_pictures_total", {"outcome": "cpu"}) == 1
    for left in (f"quarantine/{id}", f"checked/{id}"):
        assert await env.resources.storage.size_of(left) is None


async def test_a_picture_whose_decoder_is_lost_is_held(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up("talent")
    id = await sent(ann, image(), "a.png", "image/png")
    with monkeypatch.context() as standing_still:
        standing_still.setattr("core.pictures.process.WALL_SECONDS", 0)
        with pytest.raises(DecoderLostError):
            await check(env, id)
    assert (await file_of(env, id)).status == "uploaded"
    await check(env, id)
    assert (await file_of(env, id)).status == "released"


async def test_one_file_of_each_user_is_checked_at_a_time_and_some_altogether(
    api: Api, env: Environment, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.files, "FILES_AT_ONCE", 2)
    ann, bob, eve = [await api.signed_up("talent") for _ in range(3)]
    first, second, his, hers = [await sent(one, PDF) for one in (ann, ann, bob, eve)]
    checks = workers.files.FileChecks(env.resources, env.publisher)
    scanner.open.clear()
    running = [asyncio.create_task(checks.check(UUID(first)))]
    await scanner.next_asked()
    with pytest.raises(BusyError) as ask_again:
        await checks.check(UUID(second))
    running.append(asyncio.create_task(checks.check(UUID(his))))
    await scanner.next_asked()
    with pytest.raises(BusyError) as ask_later:
        await checks.check(UUID(hers))
    assert 0 < ask_again.value.seconds < ask_later.value.seconds, "many who wait ask no more often than a few"
    scanner.open.set()
    await asyncio.gather(*running)
    await checks.check(UUID(second))
    await checks.check(UUID(hers))
    assert {(await file_of(env, id)).status for id in (first, second, his, hers)} == {"released"}


async def test_a_user_whose_files_are_slow_keeps_nobody_waiting(
    api: Api, env: Environment, hub: str, worker: Worker, scanner: Scanner, mailbox: Mailbox
) -> None:
    ann, bob = await api.signed_up("talent"), await api.signed_up("talent")
    chatter = await listening(env, hub, bob)
    scanner.open.clear()
    slow = [await sent(ann, PDF) for _ in range(10)]
    await scanner.next_asked()
    his = await sent(bob, image(), "a.png", "image/png")
    await scanner.next_asked()
    eve = await api.signed_up("talent")
    while (await mailbox.next_welcome())["To"] != eve.email:
        pass
    scanner.open.set()
    assert (await chatter.heard.next("file:released"))["file"]["id"] == his
    async with asyncio.timeout(PATIENCE):
        while {(await file_of(env, id)).status for id in slow} != {"released"}:  # noqa: ASYNC110 - a table does not tell
            await asyncio.sleep(0.05)


async def test_an_avatar_of_wrong_size_is_rejected(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    for size in ((16, 16), (9000, 40)):
        uploaded = await upload(ann, image(size=size))
        await ann.post(f"/files/{uploaded['fileId']}/complete")
        await check(env, uploaded["fileId"])
        assert "each side must have 32 to 8192" in await reason(env, uploaded["fileId"])


async def test_the_location_is_removed_from_pictures(api: Api, env: Environment) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "52.5200N 13.4050E", 6
    told = image("JPEG", (90, 30), exif=exif) + b"PK\x03\x04 a zip behind it"
    ann = await api.signed_up("talent")
    id = await sent(ann, told, "a.jpg", "image/jpeg")
    await check(env, id)
    link = (await ann.get(f"/files/{id}/download-url")).body["downloadUrl"]
    _, content, _ = await get(ann, link)
    assert b"52.5200N" in told
    assert b"52.5200N" not in content
    assert b"a zip" not in content
    file = await file_of(env, id)
    assert file.size == len(content)
    sides = await env.resources.db.fetchrow("select width, height from files where id = $1", file.id)
    assert tuple(sides) == (30, 90), "as it is seen"
    link = (await ann.get(f"/files/{id}/download-url", variant="thumbnail")).body["downloadUrl"]
    with Image.open(io.BytesIO((await get(ann, link))[1])) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (30, 90))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
async def test_pictures_of_every_kind_are_released(api: Api, env: Environment, mode: str) -> None:
    content = io.BytesIO()
    Image.new(mode, (400, 300)).save(content, "PNG")
    ann = await api.signed_up("talent")
    id = await sent(ann, content.getvalue(), "a.png", "image/png")
    await check(env, id)
    assert (await file_of(env, id)).status == "released"
    moving = io.BytesIO()
    frames = [Image.new("P", (40, 40), shade) for shade in range(5)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    id = await sent(ann, moving.getvalue(), "a.gif", "image/gif")
    await check(env, id)
    link = (await ann.get(f"/files/{id}/download-url")).body["downloadUrl"]
    assert (await get(ann, link))[1] == moving.getvalue()


async def test_what_is_put_after_the_check_reaches_nobody(api: Api, env: Environment, s3: S3Server) -> None:
    ann = await api.signed_up("talent")
    new = {"fileName": "a.pdf", "mimeType": "application/pdf", "uploadType": "deliverable"}
    announced = (await announce(ann, PDF, **new)).body
    id = announced["fileId"]
    direct = await env.resources.storage.link_to_put(f"quarantine/{id}", len(PDF), "application/pdf", 60)
    await put(ann, announced["uploadUrl"], PDF, "application/pdf")
    await ann.post(f"/files/{id}/complete")
    await check(env, id)
    evil = PDF[:-7] + b"MALWARE"
    async with ann.client.session.put(direct, data=evil, headers={"Content-Type": "application/pdf"}) as response:
        assert response.status == 200, "whoever has a link to S3 may still use it"
    link = (await ann.get(f"/files/{id}/download-url")).body["downloadUrl"]
    assert (await get(ann, link))[1] == PDF


async def test_a_file_of_another_size_than_announced_is_not_taken_from_s3_either(api: Api, env: Environment) -> None:
    ann = await api.signed_up("talent")
    id = await sent(ann, PDF)
    await env.resources.storage.put(f"quarantine/{id}", PDF + b"more", "application/pdf")
    await check(env, id)
    assert await reason(env, id) == "It is not as large as announced"


async def test_checks_of_one_file_at_once_release_it_once(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    uploaded = await upload(ann, image())
    id = uploaded["fileId"]
    await ann.post(f"/files/{id}/complete")
    await asyncio.gather(ann.post("/users/me/avatar", fileUrl=uploaded["fileUrl"]), *(check(env, id) for _ in range(5)))
    await check(env, id)
    assert (await file_of(env, id)).key == f"avatars/{ann.id}/avatar.png"
    assert (await get(api.anyone, uploaded["fileUrl"]))[:2] == (200, image())
    for left in ("quarantine", "checked"):
        assert await env.resources.storage.size_of(f"{left}/{id}") is None


async def test_a_file_that_was_checked_early_is_moved_when_it_is_used(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    uploaded = await upload(ann, image())
    await ann.post(f"/files/{uploaded['fileId']}/complete")
    await check(env, uploaded["fileId"])
    assert (await file_of(env, uploaded["fileId"])).key == f"checked/{uploaded['fileId']}"
    await ann.post("/users/me/avatar", fileUrl=uploaded["fileUrl"])
    assert (await get(api.anyone, uploaded["fileUrl"]))[0] == 200, "before the move"
    await check(env, uploaded["fileId"])
    assert (await file_of(env, uploaded["fileId"])).key == f"avatars/{ann.id}/avatar.png"
    assert (await get(api.anyone, uploaded["fileUrl"]))[0] == 200
    assert (await get(api.anyone, uploaded["fileUrl"] + "?variant=thumbnail"))[0] == 200


async def test_a_file_whose_check_was_lost_is_checked_later(
    api: Api, env: Environment, hub: str, worker: Worker
) -> None:
    ann = await api.signed_up("talent")
    chatter = await listening(env, hub, ann)
    uploaded = await upload(ann, PDF, fileName="a.pdf", mimeType="application/pdf", uploadType="deliverable")
    await env.resources.db.execute("update files set status = 'uploaded', uploaded_at = now() - interval '2 hours'")
    await tidy_files(env.resources)
    assert (await chatter.heard.next("file:released"))["file"]["id"] == uploaded["fileId"]
