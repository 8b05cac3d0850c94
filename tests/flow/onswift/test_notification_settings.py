"""What users are notified of, where, and on which devices."""

import asyncio
from typing import Any

import pytest

from marketplaces.onswift import notices
from tests.flow.api.conftest import Api, Caller
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.test_tasks import task_of

PREFERENCES = "/notifications/preferences"
DEVICES = "/notifications/devices"


async def choices(caller: Caller) -> dict[str, Any]:
    """Return a user's preferences by type."""
    return {one["type"]: one for one in (await caller.get(PREFERENCES)).body["preferences"]}


async def test_every_type_has_a_preference_that_begins_as_the_notice_has_it(api: Api) -> None:
    ann = await api.signed_up("creator")
    shown = await choices(ann)
    assert set(shown) == {notice.type for notice in notices.ALL}
    for notice in notices.ALL:
        one = shown[notice.type]
        assert (one["inApp"], one["email"], one["push"]) == (notice.in_app, notice.email, notice.push)
    assert shown["message_received"] == {"type": "message_received", "inApp": True, "email": False, "push": True}


async def test_types_that_the_document_does_not_have_are_off_until_one_asks_for_them(people: People) -> None:
    document = {
        "task_assigned", "deliverable_submitted", "deliverable_approved", "revision_requested", "message_received",
        "review_received", "deadline_approaching", "project_status_changed",
    }  # fmt: skip
    for type, one in (await choices(people.creator)).items():
        assert (one["inApp"], one["push"], one["email"] and type not in document) == (*[type in document] * 2, False)
    path = f"{people.path}/tasks/{(await task_of(people))['id']}/comments"
    for content, expected in (("first", []), ("second", ["Bob commented on 'Create storyboard' in Film project"])):
        await people.talent.post(path, content=content)
        shown = (await people.creator.get("/notifications")).body["notifications"]
        assert [one["message"] for one in shown] == expected
        await people.creator.want("task_commented")


async def test_a_choice_stays_and_what_is_not_given_too(api: Api) -> None:
    ann = await api.signed_up("creator")
    await ann.put(PREFERENCES, preferences=[{"type": "message_received", "push": False}])
    answer = await ann.put(PREFERENCES, preferences=[{"type": "message_received", "email": True}])
    assert answer.status == 200
    assert answer.body["preferences"] == list((await choices(ann)).values())
    expected = {"type": "message_received", "inApp": True, "email": True, "push": False}
    assert (await choices(ann))["message_received"] == expected


async def test_two_choices_at_once_both_count(api: Api) -> None:
    ann = await api.signed_up("creator")
    both = [{"type": notice.type} for notice in notices.ALL]
    await asyncio.gather(
        *(ann.put(PREFERENCES, preferences=[one | {"email": True} for one in both]) for _ in range(3)),
        *(ann.put(PREFERENCES, preferences=[one | {"push": False} for one in reversed(both)]) for _ in range(3)),
    )
    assert {(one["email"], one["push"]) for one in (await choices(ann)).values()} == {(True, False)}


@pytest.mark.parametrize(
    "preferences",
    [
        [{"type": "message_received", "email": True}, {"type": "no_such"}],
        [{"type": "message_received", "email": True}, {"type": "a\0b"}],
        [{"type": "message_received", "email": "yes"}],
        [{"email": True}],
        [{"type": "message_received", "email": None}],
        "all",
    ],
)
async def test_a_choice_that_makes_no_sense_changes_nothing(api: Api, preferences: Any) -> None:
    ann = await api.signed_up("creator")
    refused = await ann.put(PREFERENCES, preferences=preferences)
    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert not (await choices(ann))["message_received"]["email"]


async def test_a_notice_that_was_switched_off_is_not_listed(people: People) -> None:
    await people.talent.put(
        PREFERENCES, preferences=[{"type": "project_status_changed", "inApp": False, "email": False}]
    )
    await people.creator.put(people.path, status="in-progress")
    types = [one["type"] for one in (await people.talent.get("/notifications")).body["notifications"]]
    assert "project_status_changed" not in types


async def test_devices_are_registered_listed_and_removed_by_their_user_alone(people: People) -> None:
    ann, bob = people.creator, people.talent
    added = await ann.post(DEVICES, platform="apns", token="token-of-ann")
    assert added.status == 201
    assert (await ann.get(DEVICES)).body["devices"] == [added.body]
    assert set(added.body) == {"id", "platform", "createdAt"}, "the token is not shown"
    assert (await bob.get(DEVICES)).body["devices"] == []
    refused = await bob.delete(f"{DEVICES}/{added.body['id']}")
    assert (refused.status, refused.code) == (404, "DEVICE_NOT_FOUND")
    assert (await ann.delete(f"{DEVICES}/{added.body['id']}")).status == 204
    assert (await ann.get(DEVICES)).body["devices"] == []
    assert (await ann.delete(f"{DEVICES}/{NOWHERE}")).status == 404


async def test_a_device_goes_with_its_session(api: Api) -> None:
    ann = await api.signed_up("creator")
    await ann.post(DEVICES, platform="fcm", token="token-1")
    again = api.logged_in(await api.log_in(ann.email))
    assert (await ann.post("/auth/logout")).status == 204
    assert (await again.get(DEVICES)).body["devices"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platform": "fax", "token": "x"}, "platform"), ({"platform": "fcm", "token": ""}, "token"),
        ({"platform": "fcm", "token": "a b"}, "token"), ({"platform": "fcm", "token": "x\0"}, "token"),
        ({"platform": "fcm", "token": "x" * 4097}, "token"), ({"platform": "fcm"}, "token"),
    ],
)  # fmt: skip
async def test_a_device_that_makes_no_sense_is_not_registered(api: Api, body: dict[str, str], field: str) -> None:
    ann = await api.signed_up("creator")
    refused = await ann.post(DEVICES, **body)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await ann.get(DEVICES)).body["devices"] == []
