"""Calls that bring their files as multipart/form-data."""

import asyncio
import io
import random
from typing import Any

import pytest
from aiohttp import FormData

from api.files import form_parts
from api.files.multipart import MAX_PARTS
from config.settings import Settings
from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import Environment, without_limits
from tests.flow.onswift.conftest import People
from tests.flow.onswift.uploading import check, get, image, send_avatar

MB = 1024 * 1024
PDF = b"%PDF-1.7\n" + b"x" * 100


async def send(caller: Caller, body: bytes, boundary: str = "b", path: str = "/users/me/avatar") -> Reply:
    """Send bytes as a form."""
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return await caller.call("POST", path, data=body, headers=headers)


def part(name: str, content: bytes, *more: str) -> bytes:
    head = "\r\n".join((f'Content-Disposition: form-data; name="{name}"{more[0] if more else ""}', *more[1:]))
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


async def rows(env: Environment) -> int:
    count: int = await env.resources.db.fetchval("select count(*) from files")
    return count


async def test_an_avatar_is_sent_as_a_form(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    sent = await send_avatar(ann, image("JPEG"), "C:\\fakepath\\me.JPG", "image/jpeg")
    assert sent.status == 200, sent
    url = sent.body["avatarUrl"]
    assert url.endswith("/me.JPG")
    assert (await ann.get("/users/me")).body["avatarUrl"] == url
    await check(env, url.split("/")[-2])
    status, content, headers = await get(api.anyone, url)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("content", "name", "mime_type", "status", "fields"),
    [
        (b"<svg/>", "me.svg", "image/svg+xml", 400, ["mimeType"]), (b"<html>", "me.html", "text/html", 400, ["mimeType"]),
        (image(), "me.exe", "image/png", 400, ["fileName"]), (image(), "me.jpg", "image/png", 400, ["fileName"]),
        (image(), "m" * 300 + ".png", "image/png", 400, ["fileName"]),
        (b"", "me.png", "image/png", 400, ["fileSize"]), (bytes(5 * MB + 1), "me.png", "image/png", 400, []),
    ],
)  # fmt: skip
async def test_a_form_is_checked_like_an_announcement(
    api: Api, env: Environment, content: bytes, name: str, mime_type: str, status: int, fields: list[str]
) -> None:
    ann = await api.signed_up()
    refused = await send_avatar(ann, content, name, mime_type)
    assert (refused.status, refused.fields) == (status, fields)
    assert await rows(env) == 0
    assert (await ann.get("/users/me")).body["avatarUrl"] is None


async def test_a_form_without_its_file_is_refused(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    for body in (
        part("avatar", b"just text"), part("other", image(), '; filename="me.png"', "Content-Type: image/png"),
        part("avatar", b"", '; filename=""', "Content-Type: application/octet-stream"), b"",
    ):  # fmt: skip
        refused = await send(ann, body + b"--b--\r\n")
        assert refused.status == 400, body
    assert await rows(env) == 0


async def test_two_avatars_in_one_form_are_refused(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    one = part("avatar", image(), '; filename="me.png"', "Content-Type: image/png")
    assert (await send(ann, one + one + b"--b--\r\n")).fields == ["avatar"]
    assert await rows(env) == 0


async def test_a_type_that_a_form_does_not_tell_is_that_of_the_extension(api: Api) -> None:
    ann = await api.signed_up()
    for more in (["Content-Type: application/octet-stream"], []):
        body = part("avatar", image(), '; filename="me.png"', *more) + b"--b--\r\n"
        assert (await send(ann, body)).status == 200


async def test_ten_files_an_hour_by_forms_too(api: Api) -> None:
    ann = await api.signed_up()
    assert [(await send_avatar(ann, image())).status for _ in range(11)] == [200] * 10 + [429]


async def test_a_call_that_takes_no_files_takes_no_forms(api: Api) -> None:
    ann = await api.signed_up()
    refused = await send(ann, part("name", b"x") + b"--b--\r\n", path="/projects")
    assert (refused.status, refused.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_form_that_breaks_off_leaves_nothing(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    reader, writer = await asyncio.open_connection(ann.client.host, ann.client.port)
    head = (
        "POST /api/users/me/avatar HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Authorization: Bearer {ann.access_token}\r\nContent-Length: 100000\r\n\r\n"
    )
    writer.write(head.encode() + part("avatar", image(), '; filename="me.png"', "Content-Type: image/png")[:-30])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    assert (await ann.get("/users/me")).body["avatarUrl"] is None
    assert await rows(env) == 0


class TestBroken:
    """Forms that are none: answered with 400 or 413, never with 5xx, and nothing is left."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return without_limits(settings)

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"--b", b"--b--", b"--b\r\n\r\n\r\n--b--", b"nothing", b"--c\r\n\r\nx\r\n--c--", b"\0" * 1000,
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
            b"--b\r\nContent-Disposition: attachment; filename=x\r\n\r\nx\r\n--b--\r\n",
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\nContent-Transfer-Encoding: base64\r\n\r\n===\r\n--b--\r\n',
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\xff\xfe\r\n--b--\r\n',
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"x" * 70_000 + b"\r\n--b--\r\n",
            b'--b\r\nContent-Disposition: form-data; name="' + b"x" * 70_000 + b'"\r\n\r\n\r\n--b--\r\n',
            b"--b\r\n" + b"X-Header: y\r\n" * 5000 + b"\r\nx\r\n--b--\r\n",
            b"".join(part(f"x{number}", b"y") for number in range(60)) + b"--b--\r\n",
        ],
    )  # fmt: skip
    async def test_what_is_no_form_is_refused(self, api: Api, env: Environment, body: bytes) -> None:
        ann = await api.signed_up()
        refused = await send(ann, body)
        assert refused.status in (400, 413), refused
        assert await rows(env) == 0
        assert (await send(ann, body, boundary="")).status in (400, 415)
        assert (await ann.get("/users/me")).status == 200

    @pytest.mark.filterwarnings(
        "ignore::aiohttp.BadContentDispositionHeader", "ignore::aiohttp.BadContentDispositionParam"
    )
    async def test_a_form_with_any_bytes_changed_is_taken_or_refused(self, api: Api, env: Environment) -> None:
        ann = await api.signed_up()
        chance = random.Random(7)
        whole = (
            part("text", b"x")
            + part("avatar", image(), '; filename="me.png"', "Content-Type: image/png")
            + b"--b--\r\n"
        )
        for _ in range(150):
            body = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                start = chance.randrange(len(body))
                body[start : start + chance.randint(0, 12)] = chance.randbytes(chance.randint(0, 12))
            reply = await send(ann, bytes(body))
            assert reply.status in (200, 400, 413), (reply, bytes(body))
        left = await env.resources.db.fetchval("select count(*) from files where entity_id is null")
        assert left == 0


@pytest.mark.parametrize(
    "one",
    [
        part("x", b""), part("avatar", b"", '; filename=""'), part("avatar", b"text"),
        part("other", b"", '; filename="a.png"'),
    ],
)  # fmt: skip
async def test_a_form_of_very_many_parts_is_refused_whatever_they_are(api: Api, env: Environment, one: bytes) -> None:
    ann = await api.signed_up()
    avatar = part("avatar", image(), '; filename="me.png"', "Content-Type: image/png")
    refused = await send(ann, one * MAX_PARTS + avatar + b"--b--\r\n")
    assert (refused.status, refused.code) == (413, "PAYLOAD_TOO_LARGE")
    assert await rows(env) == 0
    assert (await send(ann, one * (MAX_PARTS - 1) + avatar + b"--b--\r\n")).status in (200, 400)


async def test_all_texts_of_a_form_together_are_bounded(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_parts, "MAX_TEXT", 100)
    ann = await api.signed_up()
    avatar = part("avatar", image(), '; filename="me.png"', "Content-Type: image/png")
    refused = await send(ann, avatar + part("x", b"x" * 60) + part("x", b"x" * 60) + b"--b--\r\n")
    assert (refused.status, refused.code) == (413, "PAYLOAD_TOO_LARGE")
    assert await rows(env) == 0
    assert (await send(ann, avatar + part("x", b"x" * 60) + b"--b--\r\n")).status == 200


async def test_a_form_that_is_too_long_is_refused_before_it_is_read(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    reader, writer = await asyncio.open_connection(ann.client.host, ann.client.port)
    head = (
        "POST /api/users/me/avatar HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Authorization: Bearer {ann.access_token}\r\nContent-Length: {50 * MB}\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == b"400", "which OnSwift says of an avatar that is too large"
    writer.close()
    assert await rows(env) == 0


def deliverable(people: People, task: str, *contents: bytes) -> FormData:
    """Return the form that submits a deliverable."""
    form = FormData(default_to_multipart=True)
    for name, value in {"projectId": people.project, "taskId": task, "title": "Cut", "description": "First"}.items():
        form.add_field(name, value)
    for place, content in enumerate(contents):
        form.add_field("files[]", content, filename=f"{place}.pdf", content_type="application/pdf")
    return form


async def test_an_answer_that_is_repeated_uploads_nothing_again(people: People, env: Environment) -> None:
    new = {"name": "Cut", "assigneeId": people.talent.id, "dueDate": "2999-12-30"}
    task = (await people.creator.post(f"{people.path}/tasks", **new)).body["id"]

    async def submit(*contents: bytes) -> Reply:
        headers = {"Idempotency-Key": "once"}
        return await people.talent.call(
            "POST", "/deliverables", data=deliverable(people, task, *contents), headers=headers
        )

    first = await submit(PDF, PDF + b"y")
    assert first.status == 201, first
    assert len(first.body["files"]) == 2
    again = await submit(PDF, PDF + b"y")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await rows(env) == 2
    assert (await submit(PDF)).code == "IDEMPOTENCY_KEY_REUSED"
    assert await rows(env) == 2


async def test_files_of_a_refused_call_are_forgotten(people: People, env: Environment) -> None:
    new = {"name": "Cut", "assigneeId": people.talent.id, "dueDate": "2999-12-30"}
    task = (await people.creator.post(f"{people.path}/tasks", **new)).body["id"]
    form: Any = deliverable(people, task, PDF)
    assert (await people.other_talent.call("POST", "/deliverables", data=form)).status in (400, 403)
    assert await rows(env) == 0
    assert (await people.other_talent.call("POST", "/deliverables", data=deliverable(people, task))).status == 400


async def test_a_film_that_is_too_large_ends_the_call_that_brings_it(people: People, env: Environment) -> None:
    form = FormData()
    for name, value in {
        "projectId": people.project,
        "taskId": people.project,
        "title": "Cut",
        "description": "x",
    }.items():
        form.add_field(name, value)
    form.add_field("files[]", io.BytesIO(bytes(50 * MB + 1)), filename="a.pdf", content_type="application/pdf")
    refused = await people.talent.call("POST", "/deliverables", data=form)
    assert (refused.status, refused.code) == (413, "FILE_TOO_LARGE")
    assert await rows(env) == 0
