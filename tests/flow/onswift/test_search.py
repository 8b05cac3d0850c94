"""Creators search talents."""

from typing import Any

import pytest

from core.limits.budget import Rate
from marketplaces.onswift import rules
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Environment

MANY = """
insert into users (id, market, email, password_hash, name, role)
select gen_random_uuid(), 'onswift', n || '@example.com', '', 'Talent ' || n, 'talent' from generate_series(1, $1::int) n"""
EDITOR = {
    "professionalTitle": "Video Editor", "bio": "I cut documentaries.", "skills": ["Video Editing", "Color Grading"],
    "hourlyRate": 80, "availability": "available_now",
}  # fmt: skip
DESIGNER = {
    "professionalTitle": "UI/UX Designer", "bio": "Mobile apps; some video, too.", "skills": ["Figma", "UI Design"],
    "hourlyRate": 65.5, "availability": "available_1_2_weeks",
}  # fmt: skip


@pytest.fixture
async def ann(api: Api) -> Caller:
    """Return a creator among an editor, a designer and a talent who says nothing of himself."""
    for name, profile in (("Jane Smith", DESIGNER), ("John Miller", EDITOR), ("Nick Nobody", {})):
        talent = await api.signed_up("talent", name)
        assert (await talent.put("/users/me", name=name, **profile)).status == 200
    return await api.signed_up("creator", "Jane Creator")


async def names(ann: Caller, **query: str | int) -> list[str]:
    reply = await ann.get("/users/search", **query)
    assert reply.status == 200, reply.body
    return [user["name"] for user in reply.body["users"]]


async def rate(env: Environment, name: str, stars: int, reviews: int) -> None:
    sql = "insert into ratings (subject_id, rating_sum, rating_count) select id, $2, $3 from users where name = $1"
    await env.resources.db.execute(sql, name, stars, reviews)


async def test_without_a_query_all_talents_are_found_the_latest_first(ann: Caller) -> None:
    reply = await ann.get("/users/search")
    assert [user["name"] for user in reply.body["users"]] == ["Nick Nobody", "John Miller", "Jane Smith"]
    assert reply.body["users"][2] == {
        "id": reply.body["users"][2]["id"], "name": "Jane Smith", "professionalTitle": "UI/UX Designer",
        "avatarUrl": None, "skills": ["Figma", "UI Design"], "hourlyRate": 65.5, "availability": "available_1_2_weeks",
        "averageRating": 0.0, "totalReviews": 0,
    }  # fmt: skip
    assert reply.body["pagination"] == {
        "page": 1, "limit": 20, "total": 3, "totalPages": 1, "hasNext": False, "hasPrev": False,
    }  # fmt: skip
    assert reply.body["totalIsExact"] is True


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("Jane", ["Jane Smith"]), ("jane SMITH", ["Jane Smith"]), ("editors", ["John Miller"]),
        ("documentary", ["John Miller"]), ("video", ["John Miller", "Jane Smith"]), ("video designer", ["Jane Smith"]),
        ("", ["Nick Nobody", "John Miller", "Jane Smith"]), ("  ", ["Nick Nobody", "John Miller", "Jane Smith"]),
        ("John Designer", []), ("the", []), ("'; drop table users; --", []), ("!&|<->:*", []), ("a:* & b", []),
    ],
)  # fmt: skip
async def test_words_are_looked_for_in_name_title_and_bio_the_most_telling_place_first(
    ann: Caller, q: str, found: list[str]
) -> None:
    assert await names(ann, q=q) == found


async def test_a_name_with_a_typing_error_is_found(ann: Caller) -> None:
    assert await names(ann, q="John Miler") == ["John Miller"]
    assert await names(ann, q="Jane Smiht") == ["Jane Smith"]
    assert await names(ann, q="Jane Smiht", minRate=100) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("skills[]=Figma", ["Jane Smith"]), ("skills=figma", ["Jane Smith"]),
        ("skills[]=Figma&skills[]=UI Design", ["Jane Smith"]),
        ("skills[]=Figma&skills[]=Video Editing", []), ("skills[]=Witchcraft", []), ("skills[]=available_now", []),
        ("minRate=65.5", ["John Miller", "Jane Smith"]), ("minRate=66", ["John Miller"]), ("maxRate=65.5", ["Jane Smith"]),
        ("minRate=70&maxRate=80", ["John Miller"]), ("availability=available_now", ["John Miller"]),
        ("availability=not_available", []), ("minRating=1", ["John Miller"]), ("minRating=4.6", []),
        ("q=video&maxRate=70&skills[]=Figma&availability=available_1_2_weeks", ["Jane Smith"]),
    ],
)  # fmt: skip
async def test_filters_narrow_what_is_found(ann: Caller, env: Environment, query: str, found: list[str]) -> None:
    await rate(env, "John Miller", 9, 2)
    reply = await ann.call("GET", f"/users/search?{query}")
    assert (reply.status, [user["name"] for user in reply.body["users"]]) == (200, found)
    assert reply.body["pagination"]["total"] == len(found)


async def test_the_best_rated_come_first_and_ratings_have_one_decimal(ann: Caller, env: Environment) -> None:
    await rate(env, "Jane Smith", 14, 3)
    await rate(env, "John Miller", 9, 2)
    reply = await ann.get("/users/search")
    assert [(user["name"], user["averageRating"], user["totalReviews"]) for user in reply.body["users"]] == [
        ("Jane Smith", 4.7, 3), ("John Miller", 4.5, 2), ("Nick Nobody", 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=51", "limit"), ("page=0", "page"), ("minRating=6", "minRating"), ("minRate=-1", "minRate"),
        ("maxRate=x", "maxRate"),
        ("minRate=nan", "minRate"), ("minRate=inf", "minRate"), ("minRate=20&maxRate=10", "maxRate"),
        ("availability=soon", "availability"),
        ("q=" + "x" * 201, "q"), ("q=a%00b", "q"), ("skills[]=%00", "skills"), ("&".join(["skills[]=Figma"] * 11), "skills"),
    ],
)  # fmt: skip
async def test_a_wrong_query_is_refused_with_its_field(api: Api, query: str, field: str) -> None:
    ann = await api.signed_up("creator")
    refused = await ann.call("GET", f"/users/search?{query}")
    assert (refused.status, refused.fields) == (400, [field])


async def test_only_creators_search(api: Api) -> None:
    assert (await (await api.signed_up("talent")).get("/users/search")).code == "FORBIDDEN"
    assert (await api.anyone.get("/users/search")).status == 401


async def test_what_changes_is_found_at_once(api: Api, ann: Caller, env: Environment) -> None:
    talent = await api.signed_up("talent", "Old Name")
    await talent.put("/users/me", name="Newer Name", professionalTitle="Colorist")
    assert await names(ann, q="colorist") == await names(ann, q="newer") == ["Newer Name"]
    assert await names(ann, q="old") == []
    await env.resources.db.execute("update users set deleted_at = now() where name = 'Newer Name'")
    assert await names(ann, q="colorist") == []


async def test_pages_of_a_long_result_hold_each_talent_once_and_say_how_many_there_are(
    api: Api, env: Environment
) -> None:
    ann = await api.signed_up("creator")
    await env.resources.db.execute(MANY, rules.SEARCH_BLOCK + 30)
    await env.resources.db.execute("update users set name = 'Tálent' where name like 'Talent 1%'")
    seen: list[Any] = []
    totals, has_next = [], []
    for page in range(1, 7):
        body = (await ann.get("/users/search", q="talent", page=page, limit=40)).body
        seen += [user["id"] for user in body["users"]]
        totals.append((body["pagination"]["total"], body["totalIsExact"]))
        has_next.append(body["pagination"]["hasNext"])
    assert len(set(seen)) == len(seen) == rules.SEARCH_BLOCK + 30
    assert totals == [(230, True)] * 6
    assert has_next == [True] * 5 + [False]


@pytest.mark.parametrize("q", ["", "talent"])
async def test_every_match_is_reached_however_many_there_are(api: Api, env: Environment, q: str) -> None:
    ann = await api.signed_up("creator")
    count = rules.SEARCH_BLOCK * 6 + 7
    await env.resources.db.execute(MANY, count)
    seen: set[str] = set()
    for page in range(1, count // 50 + 2):
        body = (await ann.get("/users/search", q=q, page=page, limit=50)).body
        seen |= {user["id"] for user in body["users"]}
        assert body["pagination"]["total"] == count
    assert (len(seen), body["pagination"]["hasNext"]) == (count, False)
    assert (await ann.get("/users/search", q=q, page=10_000, limit=50)).body["users"] == []


async def test_far_pages_are_rationed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "DEEP_SEARCH", 40)
    monkeypatch.setattr(rules, "DEEP_PAGES", Rate("deep-pages", count=1, seconds=60))
    ann = await api.signed_up("creator")
    assert (await ann.get("/users/search", page=2, limit=50)).body["users"] == []
    assert (await ann.get("/users/search", page=2, limit=50)).code == "RATE_LIMITED"
    assert (await ann.get("/users/search", page=1, limit=50)).status == 200


async def test_nobody_finds_those_with_whom_there_is_a_block_and_the_total_leaves_them_out(
    api: Api, ann: Caller
) -> None:
    ids = {user["name"]: user["id"] for user in (await ann.get("/users/search")).body["users"]}
    blocked, blocker = ids["John Miller"], await api.signed_up("talent", "Ben Blocker")
    eve = await api.signed_up("creator", "Eve")
    assert (await ann.put(f"/users/me/blocks/{blocked}")).status == 204
    assert (await blocker.put(f"/users/me/blocks/{ann.id}")).status == 204
    page = (await ann.get("/users/search")).body
    assert [user["name"] for user in page["users"]] == ["Nick Nobody", "Jane Smith"]
    assert page["pagination"]["total"] == 2
    for q in ("John Miller", "Ben", "Ben Bloker", "Bxn Blocker"):
        assert await names(ann, q=q) == [], q
        assert await names(eve, q=q) != [], q
    assert len(await names(eve)) == 4
    assert (await ann.delete(f"/users/me/blocks/{blocked}")).status == 204
    assert await names(ann, q="John") == ["John Miller"]


async def test_the_total_of_a_broad_search_leaves_out_blocked_talents_at_once(ann: Caller, env: Environment) -> None:
    await env.resources.db.execute(MANY, 450)
    assert (await ann.get("/users/search", q="talent")).body["pagination"]["total"] == 450
    found = (await ann.get("/users/search", q="talent", page=2)).body["users"]
    for gone, user in enumerate(found[:2], start=1):
        assert (await ann.put(f"/users/me/blocks/{user['id']}")).status == 204
        first = (await ann.get("/users/search", q="talent")).body["pagination"]
        assert first["total"] == 450 - gone
        last = (await ann.get("/users/search", q="talent", page=first["totalPages"])).body
        assert (len(last["users"]), last["pagination"]["total"]) == (10 - gone, 450 - gone)


async def test_whom_a_talent_has_blocked_does_not_find_her_profile(api: Api, ann: Caller) -> None:
    tom = await api.signed_up("talent", "Tom")
    assert (await tom.put(f"/users/me/blocks/{ann.id}")).status == 204
    assert (await ann.get(f"/users/{tom.id}")).code == "USER_NOT_FOUND"
    assert (await tom.delete(f"/users/me/blocks/{ann.id}")).status == 204
    assert (await ann.get(f"/users/{tom.id}")).status == 200
    assert (await ann.put(f"/users/me/blocks/{tom.id}")).status == 204
    assert (await ann.get(f"/users/{tom.id}")).status == 200
