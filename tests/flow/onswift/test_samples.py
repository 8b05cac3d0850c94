"""Samples: what a project shall be like, as links and files."""

from typing import Any

import pytest
from aiohttp import FormData

from config.settings import Settings
from marketplaces.onswift import rules
from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import without_limits
from tests.flow.onswift.conftest import NOWHERE, Cast
from tests.flow.onswift.delivering import uploaded
from tests.flow.onswift.uploading import image

LINK = {"name": "Reference", "type": "link", "url": "https://example.com/ref", "description": "Like this"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that let a test upload as often as it likes."""
    return without_limits(settings)


async def add(cast: Cast, **change: Any) -> Reply:
    return await cast.creator.post(f"{cast.path}/samples", **LINK | change)


async def add_file(cast: Cast) -> Any:
    url = await uploaded(cast.creator, "sample")
    reply = await cast.creator.post(f"{cast.path}/samples", name="Guide", type="file", fileUrl=url)
    assert reply.status == 201, reply
    return reply.body


async def samples_of(cast: Cast, caller: Caller) -> Any:
    return (await caller.get(f"{cast.path}/samples")).body["samples"]


async def test_a_link_is_seen_by_the_creator_and_the_team(cast: Cast) -> None:
    made = await add(cast)
    assert made.status == 201
    assert {name: made.body[name] for name in LINK} == LINK
    assert (made.body["projectId"], made.body["file"]) == (cast.project, None)
    bare = await add(cast, description=None, name="Bare")
    assert (bare.status, bare.body["description"]) == (201, None)
    for caller in (cast.creator, cast.talent):
        assert await samples_of(cast, caller) == [made.body, bare.body], "in the order in which they were added"


async def test_a_file_has_its_address_and_can_be_read_by_the_team(cast: Cast) -> None:
    made = await add_file(cast)
    assert (made["type"], made["url"], made["description"]) == ("file", made["file"]["fileUrl"], None)
    assert await samples_of(cast, cast.talent) == [made]
    download = f"/files/{made['file']['id']}/download-url"
    for caller in (cast.creator, cast.talent):
        assert (await caller.get(download)).code == "FILE_NOT_READY", "they may, once it is checked"
    for caller in cast.strangers:
        assert (await caller.get(download)).status == 403
    await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")
    assert (await cast.talent.get(download)).status == 403


async def test_a_file_as_a_form(cast: Cast) -> None:
    form = FormData()
    form.add_field("name", "Guide")
    form.add_field("type", "file")
    form.add_field("file", image(), filename="guide.png", content_type="image/png")
    made = await cast.creator.call("POST", f"{cast.path}/samples", data=form)
    assert made.status == 201, made
    assert (made.body["name"], made.body["file"]["fileName"]) == ("Guide", "guide.png")
    without = FormData(default_to_multipart=True)
    without.add_field("name", "Guide")
    without.add_field("type", "file")
    refused = await cast.creator.call("POST", f"{cast.path}/samples", data=without)
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
async def test_a_sample_that_is_not_valid_is_not_stored(cast: Cast, change: dict[str, Any], field: str) -> None:
    refused = await add(cast, **change)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert await samples_of(cast, cast.creator) == []


async def test_a_project_has_some_samples_and_a_team_some_people(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_SAMPLES", 1)
    monkeypatch.setattr(rules, "MOST_IN_TEAM", 1)
    assert (await add(cast)).status == 201
    assert (await add(cast)).code == "TOO_MANY_SAMPLES"
    other = {"userId": cast.other_talent.id}
    assert (await cast.creator.post(f"{cast.path}/team", **other)).code == "TEAM_FULL"
    assert (await cast.creator.post(f"{cast.path}/team", userId=cast.talent.id)).code == "ALREADY_IN_TEAM"
    await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")
    assert (await cast.creator.post(f"{cast.path}/team", **other)).status == 201


async def test_only_the_creator_adds_and_deletes(cast: Cast) -> None:
    path = f"{cast.path}/samples"
    made = (await add(cast)).body
    for caller in (cast.talent, *cast.strangers):
        assert (await caller.post(path, **LINK)).status == 403
        assert (await caller.delete(f"{path}/{made['id']}")).status == 403
    for caller in cast.strangers:
        assert (await caller.get(path)).status == 403
    assert (await cast.creator.get(f"/projects/{NOWHERE}/samples")).code == "PROJECT_NOT_FOUND"
    assert await samples_of(cast, cast.creator) == [made]


async def test_a_deleted_sample_is_gone_with_its_file(cast: Cast, new_project: Any) -> None:
    made = await add_file(cast)
    elsewhere = await new_project(cast.creator)
    assert (await cast.creator.delete(f"/projects/{elsewhere}/samples/{made['id']}")).code == "SAMPLE_NOT_FOUND"
    path = f"{cast.path}/samples/{made['id']}"
    assert (await cast.creator.delete(path)).status == 204
    assert (await cast.creator.delete(path)).code == "SAMPLE_NOT_FOUND"
    assert await samples_of(cast, cast.creator) == []
    assert (await cast.creator.get(f"/files/{made['file']['id']}/download-url")).code == "FILE_NOT_FOUND"
