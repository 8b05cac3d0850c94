"""One's own profile, and the public ones of talents."""

import asyncio
from typing import Any

import pytest

from tests.flow.api.conftest import Api
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.onswift.conftest import NOWHERE
from tests.flow.onswift.uploading import image, upload

WORK: dict[str, Any] = {
    "professionalTitle": "Senior Video Editor",
    "bio": "10 years of experience",
    "skills": ["Video Editing", "Color Grading"],
    "portfolioLinks": ["https://portfolio.com", "https://vimeo.com/user"],
    "hourlyRate": 80.25,
    "availability": "available_now",
}
LINKS = {
    f"{site}Url": f"https://{site}.com/in/bob" for site in ("linkedin", "twitter", "instagram", "youtube", "github")
}


async def test_a_talent_describes_himself_and_everybody_can_read_it(api: Api) -> None:
    bob, ann = await api.signed_up("talent", "Bob"), await api.signed_up("creator")
    before = (await bob.get("/users/me")).body
    changed = await bob.put("/users/me", name="  Bobby ", **WORK, **LINKS)
    assert changed.status == 200
    assert changed.body == before | WORK | LINKS | {
        "name": "Bobby", "updatedAt": changed.body["updatedAt"], "profileCompletionPercentage": 88,
    }  # fmt: skip
    assert changed.body["updatedAt"] > before["updatedAt"]
    assert (await bob.get("/users/me")).body == changed.body
    seen = await ann.get(f"/users/{bob.id}")
    assert seen.status == 200
    assert seen.body == WORK | LINKS | {
        "id": bob.id, "name": "Bobby", "userType": "talent", "avatarUrl": None, "averageRating": 0.0, "totalReviews": 0,
        "createdAt": before["createdAt"],
    }  # fmt: skip


async def test_what_is_not_given_stays_and_null_or_blanks_clear(api: Api) -> None:
    bob = await api.signed_up("talent", "Bob")
    full = (await bob.put("/users/me", **WORK, **LINKS)).body
    same = (await bob.put("/users/me", hourlyRate=5)).body
    assert same == full | {"hourlyRate": 5.0, "updatedAt": same["updatedAt"]}
    empty = (await bob.put("/users/me", **dict.fromkeys([*WORK, *LINKS]) | {"bio": " \n"})).body
    assert {name: empty[name] for name in WORK} == dict.fromkeys(WORK) | {"skills": [], "portfolioLinks": []}
    assert empty["linkedinUrl"] is None
    assert (empty["name"], empty["profileCompletionPercentage"]) == ("Bob", 11)


async def test_an_answer_can_be_sent_back_as_a_change(api: Api) -> None:
    for role in ("creator", "talent"):
        caller = await api.signed_up(role)
        me = (await caller.get("/users/me")).body
        sent_back = await caller.put("/users/me", **me)
        assert (sent_back.status, sent_back.body | {"updatedAt": ""}) == (200, me | {"updatedAt": ""})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", None), ("name", "x" * 256), ("name", "a\0b"), ("bio", "x" * 501), ("bio", "a\0b"),
        ("skills", ["Video Editing"] * 11), ("skills", ["Witchcraft"]), ("skills", "Video Editing"),
        ("portfolioLinks", [f"https://a.com/{n}" for n in range(6)]), ("portfolioLinks", ["portfolio.com"]),
        ("portfolioLinks", ["javascript:alert(1)"]), ("hourlyRate", 4.99), ("hourlyRate", 500.01), ("hourlyRate", 10.001),
        ("hourlyRate", "10"), ("availability", "soon"), ("linkedinUrl", "https://user:pw@linkedin.com"),
        ("githubUrl", "https://github.com/\n"), ("twitterUrl", " "), ("youtubeUrl", "https://x.com/" + "y" * 2048),
        ("companyName", "Acme"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named_and_nothing_changes(api: Api, field: str, value: Any) -> None:
    bob = await api.signed_up("talent", "Bob")
    before = (await bob.get("/users/me")).body
    refused = await bob.put("/users/me", **{"professionalTitle": "Editor"} | {field: value})
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await bob.get("/users/me")).body == before


async def test_what_describes_work_is_for_talents_and_the_company_for_creators(api: Api) -> None:
    ann = await api.signed_up("creator")
    refused = await ann.put("/users/me", **WORK)
    assert (refused.status, sorted(refused.fields)) == (400, sorted(WORK))
    changed = (await ann.put("/users/me", companyName="Acme", linkedinUrl="https://linkedin.com/in/ann")).body
    assert (changed["companyName"], changed["profileCompletionPercentage"]) == ("Acme", 75)


async def test_skills_are_kept_as_the_list_spells_them_each_once(api: Api) -> None:
    bob = await api.signed_up("talent")
    listed = (await api.anyone.get("/skills")).body["skills"]
    assert 60 <= len({skill["name"].casefold() for skill in listed}) == len(listed)
    assert {"name": "Figma", "category": "Design"} in listed
    changed = (await bob.put("/users/me", skills=["figma", "Figma", "ui design"])).body
    assert changed["skills"] == ["Figma", "UI Design"]


async def test_texts_are_stored_as_they_are_given(api: Api) -> None:
    bob = await api.signed_up("talent")
    bio = "<script>alert('x')</script> & 'quotes'; drop table users; --"
    assert (await bob.put("/users/me", bio=bio)).body["bio"] == bio


async def test_changes_at_once_all_remain(api: Api) -> None:
    bob = await api.signed_up("talent")
    await asyncio.gather(*(bob.put("/users/me", **{name: value}) for name, value in (WORK | LINKS).items()))
    me = (await bob.get("/users/me")).body
    assert {name: me[name] for name in WORK | LINKS} == WORK | LINKS


async def test_profiles_of_creators_are_nobody_elses_business(api: Api) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    for caller in (ann, bob):
        refused = await caller.get(f"/users/{ann.id}")
        assert (refused.status, refused.body["error"]["message"]) == (403, "Cannot view creator profiles (only talent)")
    assert (await bob.get(f"/users/{NOWHERE}")).code == "USER_NOT_FOUND"
    assert (await bob.get("/users/x")).fields == ["userId"]
    assert (await api.anyone.get(f"/users/{bob.id}")).status == 401


async def test_an_uploaded_file_becomes_the_avatar_and_null_takes_it_away(api: Api) -> None:
    bob, eve = await api.signed_up("talent"), await api.signed_up("talent")
    url = (await upload(bob, image()))["fileUrl"]
    for wrong in (url + "x/y", "https://elsewhere.com/me.png", (await upload(eve, image()))["fileUrl"]):
        refused = await bob.put("/users/me", avatarUrl=wrong, name="Robert")
        assert (refused.status, refused.fields) == (400, ["avatarUrl"]), wrong
    before = (await bob.get("/users/me")).body
    changed = (await bob.put("/users/me", avatarUrl=url)).body
    assert changed == before | {
        "avatarUrl": url, "profileCompletionPercentage": 22, "updatedAt": changed["updatedAt"],
    }  # fmt: skip
    assert (await bob.put("/users/me", **changed)).status == 200, "the same again is no change"
    assert (await bob.put("/users/me", avatarUrl=None)).body["avatarUrl"] is None
    assert (await bob.put("/users/me", avatarUrl=url)).status == 400, "it was taken off and is deleted"


async def test_a_new_name_is_sent_to_the_users_sockets_and_used_in_later_messages(
    api: Api, env: Environment, two_hubs: tuple[str, str]
) -> None:
    eve, bob = await env.chatter("Eve", two_hubs[0]), await env.chatter("Bob", two_hubs[1], "talent")
    room = await env.group(eve.user, bob.user)
    for chatter in (eve, bob):
        await chatter.connect()
        await chatter.join(room)
    caller = api.anyone
    caller.access_token = bob.token
    assert (await caller.put("/users/me", name="Robert")).status == 200
    told = await bob.heard.next("user:updated")
    assert told == {"user": {"id": str(bob.user.id), "name": "Robert", "avatarUrl": None}}
    async with asyncio.timeout(PATIENCE):  # the hub looks the new name up meanwhile
        name = ""
        while name != "Robert":
            await bob.send(room, "hello")
            name = (await eve.heard.next("message:received"))["message"]["sender"]["name"]
