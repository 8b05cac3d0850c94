"""One way everywhere: what is unknown, empty, wrong or fixed in what a client sends."""

from typing import Any
from uuid import UUID

import pytest

from tests.flow.api.conftest import PASSWORD, Api
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import People
from tests.flow.onswift.test_tasks import task_of

PROFILE = {"professionalTitle": "Editor", "linkedinUrl": "https://linkedin.com/in/bob", "hourlyRate": 20}


async def test_all_problems_are_reported_together_and_nothing_changes(api: Api) -> None:
    bob = await api.signed_up("talent", "Bob")
    before = (await bob.get("/users/me")).body
    refused = await bob.put(
        "/users/me",
        name="\u200b",
        linkedinUrl="nowhere",
        hourlyRate=2,
        skills=["Witchcraft"],
        availability="soon",
        bio="x",
    )
    assert refused.status == 400
    assert {one["field"]: one["message"] for one in refused.body["error"]["details"]} == {
        "name": "Required",
        "linkedinUrl": "Must be a web address, as https://example.com",
        "hourlyRate": "Must be a number from 5 to 500",
        "skills": "Not all of them are in the list of skills",
        "availability": "Must be one of: available_1_2_weeks, available_2_4_weeks, available_now, not_available",
    }
    assert (await bob.get("/users/me")).body == before


async def test_an_empty_text_clears_what_may_be_empty(api: Api) -> None:
    bob = await api.signed_up("talent", "Bob")
    await bob.put("/users/me", **PROFILE)
    cleared = await bob.put("/users/me", **dict.fromkeys(PROFILE, ""))
    assert cleared.status == 200
    assert [cleared.body[name] for name in PROFILE] == [None, None, None]


async def test_fields_and_parameters_that_are_unknown_are_ignored(people: People) -> None:
    assert (await people.creator.put(people.path, name="Film 2", colour="red")).body["name"] == "Film 2"
    assert (await people.creator.get("/projects", utm_source="mail", status="", page="")).status == 200
    assert (await people.creator.get("/projects", status="shut", page="x")).fields == ["page", "status"]


@pytest.mark.parametrize(
    ("field", "value"), [("id", "x"), ("creatorId", None), ("createdAt", "2020-01-01"), ("taskCount", 5)]
)
async def test_a_field_that_cannot_be_changed_is_refused(people: People, field: str, value: Any) -> None:
    before = (await people.creator.get(people.path)).body
    refused = await people.creator.put(people.path, **{"name": "Other", field: value})
    assert (refused.status, refused.code, refused.fields) == (422, "FIELD_NOT_CHANGEABLE", [field])
    assert (await people.creator.get(people.path)).body == before


async def test_a_time_may_come_back_as_clients_keep_it(people: People) -> None:
    created = (await people.creator.get(people.path)).body["createdAt"]
    for kept in (created, created[:23] + "Z", created[:-1] + "+00:00"):
        assert (await people.creator.put(people.path, name="Film 2", createdAt=kept)).status == 200, kept
    refused = await people.creator.put(people.path, createdAt=created[:19] + "+01:00")
    assert (refused.status, refused.fields) == (422, ["createdAt"])


async def test_a_body_that_may_be_left_out_may_be_null(people: People) -> None:
    null = {"data": b"null", "headers": {"Content-Type": "application/json"}}
    absent = await people.talent.call("POST", f"/deliverables/{UUID(int=0)}/resubmit", **null)
    assert absent.code == "DELIVERABLE_NOT_FOUND"
    assert (await people.talent.call("POST", "/auth/logout", **null)).status == 204


async def test_what_was_read_may_be_sent_back_with_a_change(people: People) -> None:
    task = await task_of(people)
    path = f"{people.path}/tasks/{task['id']}"
    changed = await people.creator.put(path, **(task | {"name": "New"}))
    assert (changed.status, changed.body["name"]) == (200, "New")
    assert (await people.creator.put(path, **(changed.body | {"projectName": "Mine"}))).fields == ["projectName"]
    assert (await people.strangers[0].put(path, id="x")).status == 403, "who may not read it learns nothing of it"


async def test_names_are_one_visible_line_wherever_they_are_given(api: Api, env: Environment, people: People) -> None:
    spoofed, unseen, lines = " Ann\u202e\u200b\n", "\u3164\u200b\u2800", "Ann\nAdmin"
    path, task = people.path, await task_of(people)
    calls: tuple[tuple[Any, str, str, dict[str, Any]], ...] = (
        (people.creator.put, "/users/me", "name", {}),
        (people.creator.put, path, "name", {}),
        (people.creator.put, f"{path}/tasks/{task['id']}", "name", {}),
        (people.creator.post, "/conversations/groups", "title", {"participantIds": [people.talent.id]}),
        (people.creator.post, f"{path}/samples", "name", {"type": "link", "url": "https://example.com"}),
    )
    for call, where, field, more in calls:
        for wrong in (unseen, lines):
            refused = await call(where, **more, **{field: wrong})
            assert (refused.status, refused.fields) == (400, [field]), (where, wrong)
        assert (await call(where, **more, **{field: spoofed})).body[field] == "Ann"
    more = {"email": "new@example.com", "password": PASSWORD, "userType": "talent"}
    assert (await api.anyone.post("/auth/signup", name=unseen, **more)).fields == ["name"]
    assert (await api.anyone.post("/auth/signup", name=spoofed, **more)).body["user"]["name"] == "Ann"


async def test_problems_of_password_and_fields_are_reported_together(api: Api) -> None:
    refused = await api.anyone.post("/auth/signup", email="nobody", password="short", name="")
    assert set(refused.fields) == {"email", "password", "name", "userType"}
