"""Samples: what a project shall be like, as links and files."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import FormData

from config.settings import Settings
from core.base import clock
from marketplaces.onswift import rules
from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import Environment, without_limits
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.delivering import uploaded
from tests.flow.onswift.uploading import announce, check, get, image, put, upload

LINK = {"name": "Reference", "type": "link", "url": "https://example.com/ref", "description": "Like this"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that let a test upload as often as it likes."""
    return without_limits(settings)


async def add(people: People, **change: Any) -> Reply:
    return await people.creator.post(f"{people.path}/samples", **LINK | change)


async def add_file(people: People) -> Any:
    url = await uploaded(people.creator, "sample")
    reply = await people.creator.post(f"{people.path}/samples", name="Guide", type="file", fileUrl=url)
    assert reply.status == 201, reply
    return reply.body


async def samples_of(people: People, caller: Caller) -> Any:
    return (await caller.get(f"{people.path}/samples")).body["samples"]


async def test_a_link_is_seen_by_the_creator_and_the_team(people: People) -> None:
    made = await add(people)
    assert made.status == 201
    assert {name: made.body[name] for name in LINK} == LINK
    assert (made.body["projectId"], made.body["file"]) == (people.project, None)
    bare = await add(people, description=None, name="Bare")
    assert (bare.status, bare.body["description"]) == (201, None)
    for caller in (people.creator, people.talent):
        assert await samples_of(people, caller) == [made.body, bare.body], "in the order in which they were added"


async def test_a_file_has_its_address_and_can_be_read_by_the_team(people: People) -> None:
    made = await add_file(people)
    assert (made["type"], made["url"], made["description"]) == ("file", made["file"]["viewUrl"], None)
    (seen,) = await samples_of(people, people.talent)
    assert (seen["id"], seen["file"]["fileUrl"]) == (made["id"], made["file"]["fileUrl"])
    download = f"/files/{made['file']['id']}/download-url"
    for caller in (people.creator, people.talent):
        assert (await caller.get(download)).code == "FILE_NOT_READY", "they may, once it is checked"
    for caller in people.strangers:
        assert (await caller.get(download)).status == 403
    await people.creator.delete(f"{people.path}/team/{people.talent.id}")
    assert (await people.talent.get(download)).status == 403


async def test_a_file_as_a_form(people: People) -> None:
    form = FormData()
    form.add_field("name", "Guide")
    form.add_field("type", "file")
    form.add_field("file", image(), filename="guide.png", content_type="image/png")
    made = await people.creator.call("POST", f"{people.path}/samples", data=form)
    assert made.status == 201, made
    assert (made.body["name"], made.body["file"]["fileName"]) == ("Guide", "guide.png")
    without = FormData(default_to_multipart=True)
    without.add_field("name", "Guide")
    without.add_field("type", "file")
    refused = await people.creator.call("POST", f"{people.path}/samples", data=without)
    assert (refused.status, refused.fields) == (400, ["fileUrl"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"), ({"name": "x" * 256}, "name"), ({"type": "image"}, "type"), ({"url": None}, "url"),
        ({"url": "ref"}, "url"), ({"url": "javascript:alert(1)//a.b"}, "url"), ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://me:pw@example.com"}, "url"), ({"url": "https://db.internal/"}, "url"),
        ({"description": "a\0"}, "description"), ({"fileUrl": "/api/files/x/y"}, "fileUrl"),
        ({"type": "file", "url": None}, "fileUrl"), ({"type": "file", "url": None, "fileUrl": "/api/files/x/y"}, "fileUrl"),
        ({"type": "file", "url": None, "fileUrl": "https://example.com/a.png"}, "fileUrl"),
    ],
)  # fmt: skip
async def test_a_sample_that_is_not_valid_is_not_stored(people: People, change: dict[str, Any], field: str) -> None:
    refused = await add(people, **change)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert await samples_of(people, people.creator) == []


async def test_a_project_has_some_samples_and_a_team_some_people(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_SAMPLES", 1)
    monkeypatch.setattr(rules, "MOST_IN_TEAM", 1)
    assert (await add(people)).status == 201
    assert (await add(people)).code == "TOO_MANY_SAMPLES"
    other = {"userId": people.other_talent.id}
    assert (await people.creator.post(f"{people.path}/team", **other)).code == "TEAM_FULL"
    assert (await people.creator.post(f"{people.path}/team", userId=people.talent.id)).code == "ALREADY_IN_TEAM"
    await people.creator.delete(f"{people.path}/team/{people.talent.id}")
    assert (await people.creator.post(f"{people.path}/team", **other)).status == 201


async def test_only_the_creator_adds_and_deletes(people: People) -> None:
    path = f"{people.path}/samples"
    made = (await add(people)).body
    for caller in (people.talent, *people.strangers):
        assert (await caller.post(path, **LINK)).status == 403
        assert (await caller.delete(f"{path}/{made['id']}")).status == 403
    for caller in people.strangers:
        assert (await caller.get(path)).status == 403
    assert (await people.creator.get(f"/projects/{NOWHERE}/samples")).code == "PROJECT_NOT_FOUND"
    assert await samples_of(people, people.creator) == [made]


async def test_a_deleted_sample_is_gone_with_its_file(people: People, new_project: Any) -> None:
    made = await add_file(people)
    elsewhere = await new_project(people.creator)
    assert (await people.creator.delete(f"/projects/{elsewhere}/samples/{made['id']}")).code == "SAMPLE_NOT_FOUND"
    path = f"{people.path}/samples/{made['id']}"
    assert (await people.creator.delete(path)).status == 204
    assert (await people.creator.delete(path)).code == "SAMPLE_NOT_FOUND"
    assert await samples_of(people, people.creator) == []
    assert (await people.creator.get(f"/files/{made['file']['id']}/download-url")).code == "FILE_NOT_FOUND"


async def shown_sample(people: People, env: Environment) -> tuple[str, str]:
    """Return the address by which the talent's page shows a sample, and that of its thumbnail."""
    made = await add_file(people)
    await check(env, made["file"]["id"])
    (sample,) = await samples_of(people, people.talent)
    return sample["url"], sample["file"]["thumbnailUrl"]


async def test_the_address_of_a_sample_shows_it_in_a_page(people: People, env: Environment) -> None:
    """An <img> sends no header that says who asks."""
    anyone = people.strangers[0]
    url, thumbnail = await shown_sample(people, env)
    status, content, headers = await get(anyone, url)
    assert (status, content, headers["Content-Type"]) == (200, image(), "image/png")
    status, content, headers = await get(anyone, thumbnail)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")


async def test_a_page_need_not_get_a_sample_again_for_some_minutes(
    people: People, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = await shown_sample(people, env)
    _, _, headers = await get(people.talent, url)
    assert headers["Cache-Control"] == "private, max-age=300"
    link = env.resources.keys.file_link(url.rpartition("/")[2], "download")
    assert link.exp - link.iat == 900
    assert link.iat % 300 == 0
    at = datetime.fromtimestamp(link.iat, UTC)
    seen = []
    for second in (0, 299, 300):
        with monkeypatch.context() as later:
            later.setattr(clock, "now", lambda second=second: at + timedelta(seconds=second))
            seen.append((await samples_of(people, people.talent))[0]["url"])
    assert seen[0] == seen[1] == url
    assert seen[2] != url


async def test_the_address_of_a_sample_tells_no_other_site_what_it_is(people: People, env: Environment) -> None:
    url, _ = await shown_sample(people, env)
    _, _, headers = await get(people.talent, url)
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Disposition"].startswith("attachment;"), "it is never a page of ours"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_the_address_of_a_sample_ends_with_the_right_to_see_it(people: People, env: Environment) -> None:
    url, thumbnail = await shown_sample(people, env)
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    for address in (url, thumbnail):
        assert (await get(people.talent, address))[0] == 403


async def test_the_address_of_a_sample_ends_with_its_login(people: People, env: Environment) -> None:
    url, _ = await shown_sample(people, env)
    (own,) = await samples_of(people, people.creator)
    assert (await people.talent.post("/auth/logout", refreshToken=people.talent.refresh_token)).status == 204
    assert (await get(people.creator, url))[0] == 403
    assert (await get(people.talent, own["url"]))[0] == 200, "that of another one"


async def test_the_address_of_a_sample_ends_in_some_minutes(
    people: People, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = await shown_sample(people, env)
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await get(people.talent, url))[0] == 403


async def test_a_sample_that_is_still_checked_or_was_rejected_says_so_at_its_address(
    people: People, env: Environment
) -> None:
    bad = await upload(people.creator, b"no picture at all", fileName="b.png", uploadType="sample")
    made = await people.creator.post(f"{people.path}/samples", name="Guide", type="file", fileUrl=bad["fileUrl"])
    assert (await get(people.talent, made.body["url"]))[0] == 409
    await check(env, bad["fileId"])
    assert (await get(people.talent, made.body["url"]))[0] == 404
    assert (await samples_of(people, people.talent))[0]["file"]["status"] == "rejected"


@pytest.mark.parametrize(
    ("said", "name", "stored"),
    [
        ("application/octet-stream", "guide.png", "image/png"), ("IMAGE/PNG; x=y", "guide.PNG", "image/png"),
        ("", "guide.png", "image/png"), ("image/x-png", "guide.png", "image/png"),
    ],
)  # fmt: skip
async def test_a_file_is_put_with_the_type_that_its_browser_says(
    people: People, env: Environment, said: str, name: str, stored: str
) -> None:
    new = {"fileName": name, "mimeType": said, "uploadType": "sample"}
    announced = await announce(people.creator, image(), **new)
    assert announced.status == 200, announced
    assert (
        await put(people.creator, announced.body["uploadUrl"], image(), said or "application/octet-stream")
    ).status == 200
    sample = {"name": "Guide", "type": "file", "fileUrl": announced.body["fileUrl"]}
    made = await people.creator.post(f"{people.path}/samples", **sample)
    assert (made.status, made.body["file"]["mimeType"]) == (201, stored)
    await check(env, announced.body["fileId"])
    assert (await get(people.talent, made.body["url"]))[2]["Content-Type"] == stored
