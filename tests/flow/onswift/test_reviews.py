"""Creators review talents with whom they have completed a project."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import NOWHERE, People


@pytest.fixture
async def done(people: People) -> People:
    """Return the people after its project was completed."""
    assert (await people.creator.put(people.path, status="completed")).status == 200
    return people


async def review(people: People, **change: Any) -> Reply:
    return await people.creator.post(
        "/reviews", **{"talentId": people.talent.id, "projectId": people.project, "rating": 5, "text": "Great"} | change
    )


async def summary(people: People) -> Any:
    return (await people.talent.get(f"/users/{people.talent.id}/reviews")).body


async def stored_rating(env: Environment, talent: Caller) -> tuple[int, int] | None:
    sql = "select rating_sum, rating_count from ratings where subject_id = $1"
    row = await env.resources.db.fetchrow(sql, talent.id)
    return tuple(row) if row else None


async def test_a_review_is_seen_by_everybody_without_a_login(done: People) -> None:
    written = await review(done)
    assert written.status == 201
    assert written.body["creator"] == {"id": done.creator.id, "name": "Ann", "avatarUrl": None}
    assert (written.body["talentId"], written.body["projectId"]) == (done.talent.id, done.project)
    anyone = Caller(done.creator.client)
    page = (await anyone.get(f"/users/{done.talent.id}/reviews")).body
    assert page["reviews"] == [
        {name: written.body[name] for name in ("id", "creator", "rating", "text", "createdAt")}
    ], "and nobody learns of the project"
    assert page["pagination"]["total"] == page["totalReviews"] == 1


async def test_a_talent_without_reviews_has_an_empty_page_and_others_have_none(done: People) -> None:
    page = await summary(done)
    assert (page["averageRating"], page["totalReviews"], page["reviews"]) == (0, 0, [])
    assert page["reviewDistribution"] == {"5": 0, "4": 0, "3": 0, "2": 0, "1": 0}
    for id in (NOWHERE, done.creator.id):
        assert (await done.talent.get(f"/users/{id}/reviews")).code == "USER_NOT_FOUND"


async def test_ratings_add_up_to_an_average_with_one_decimal_and_a_distribution(
    done: People, env: Environment, new_project: Callable[[Caller], Awaitable[str]]
) -> None:
    ids = []
    for rating in (5, 4, 4, 4):
        project = await new_project(done.creator)
        assert (await done.creator.post(f"/projects/{project}/team", userId=done.talent.id)).status == 201
        await done.creator.put(f"/projects/{project}", status="completed")
        ids.append((await review(done, projectId=project, rating=rating)).body["id"])
    page = await summary(done)
    assert (page["averageRating"], page["totalReviews"]) == (4.3, 4), "4.25"
    assert page["reviewDistribution"] == {"5": 1, "4": 3, "3": 0, "2": 0, "1": 0}
    assert [one["id"] for one in page["reviews"]] == ids[::-1], "the latest first"
    second = (await done.talent.get(f"/users/{done.talent.id}/reviews", page=2, limit=3)).body
    assert [one["id"] for one in second["reviews"]] == ids[:1]
    assert await stored_rating(env, done.talent) == (17, 4)


async def test_a_changed_or_deleted_review_updates_the_summary(done: People, env: Environment) -> None:
    path = f"/reviews/{(await review(done)).body['id']}"
    changed = await done.creator.put(path, rating=2)
    assert (changed.status, changed.body["rating"], changed.body["text"]) == (200, 2, "Great")
    assert changed.body["updatedAt"] > changed.body["createdAt"]
    assert (await summary(done))["averageRating"] == 2
    assert await stored_rating(env, done.talent) == (2, 1)
    assert (await done.creator.put(path, text="Fine")).body["rating"] == 2
    assert (await done.creator.delete(path)).status == 204
    assert ((await summary(done))["totalReviews"], await stored_rating(env, done.talent)) == (0, (0, 0))
    for reply in (await done.creator.delete(path), await done.creator.put(path, rating=5)):
        assert reply.code == "REVIEW_NOT_FOUND"
    assert await stored_rating(env, done.talent) == (0, 0)
    assert (await review(done, rating=3)).status == 201, "its author may write another"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rating": 0}, "rating"), ({"rating": 6}, "rating"), ({"rating": 4.5}, "rating"), ({"rating": "5"}, "rating"),
        ({"text": " "}, "text"), ({"text": "a\0b"}, "text"), ({"text": "x" * 10_001}, "text"), ({"talentId": "Bob"}, "talentId"),
    ],
)  # fmt: skip
async def test_a_review_that_lacks_something_is_not_stored(done: People, change: dict[str, Any], field: str) -> None:
    refused = await review(done, **change)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await summary(done))["totalReviews"] == 0


async def test_a_change_that_is_not_valid_changes_nothing(done: People) -> None:
    path = f"/reviews/{(await review(done)).body['id']}"
    assert (await done.creator.put(path, rating=6, text="Bad")).fields == ["rating"]
    assert (await done.creator.put(path, text=None, rating=1)).fields == ["text"]
    (one,) = (await summary(done))["reviews"]
    assert (one["rating"], one["text"]) == (5, "Great")


async def test_only_a_completed_project_together_gives_the_right(
    people: People, new_project: Callable[[Caller], Awaitable[str]]
) -> None:
    assert (await review(people)).code == "NO_COMPLETED_PROJECT", "it is not completed"
    await people.creator.put(people.path, status="completed")
    alone = await new_project(people.creator)
    await people.creator.put(f"/projects/{alone}", status="completed")
    for change in (
        {"projectId": alone}, {"projectId": NOWHERE}, {"talentId": NOWHERE}, {"talentId": people.other_talent.id},
        {"talentId": people.creator.id}, {"talentId": people.other_creator.id, "projectId": None},
    ):  # fmt: skip
        refused = await review(people, **change)
        assert (refused.status, refused.code) == (400, "NO_COMPLETED_PROJECT"), change
    of_others = await people.other_creator.post(
        "/reviews", talentId=people.talent.id, projectId=people.project, rating=1, text="Bad"
    )
    assert of_others.code == "NO_COMPLETED_PROJECT"
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    assert (await review(people)).status == 201, "who was in the team has worked on it"


async def test_there_is_one_review_in_each_project_and_one_without(done: People) -> None:
    for context in ({}, {"projectId": None}):
        assert (await review(done, **context)).status == 201
        again = await review(done, **context, rating=1)
        assert (again.status, again.code) == (400, "ALREADY_REVIEWED")
        assert again.body["error"]["message"] == "Already reviewed this talent for this project"
    assert (await summary(done))["averageRating"] == 5


@pytest.mark.parametrize("context", [{}, {"projectId": None}])
async def test_of_reviews_written_at_once_one_is_kept(done: People, env: Environment, context: dict[str, None]) -> None:
    replies = await asyncio.gather(*(review(done, rating=rating, **context) for rating in (1, 2, 3, 4, 5)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400, 400]
    (kept,) = [reply.body["rating"] for reply in replies if reply.status == 201]
    assert await stored_rating(env, done.talent) == (kept, 1)


async def test_changes_and_deletions_at_once_add_up(done: People, env: Environment) -> None:
    for _ in range(5):
        path = f"/reviews/{(await review(done)).body['id']}"
        changes = [done.creator.put(path, rating=rating) for rating in (1, 2, 3)]
        replies = await asyncio.gather(*changes, *(done.creator.delete(path) for _ in range(2)))
        assert sorted(reply.status for reply in replies[3:]) == [204, 404]
        assert {reply.status for reply in replies[:3]} <= {200, 404}
        assert await stored_rating(env, done.talent) == (0, 0)


async def test_a_rating_shows_in_the_talents_profile_and_finds_him(done: People) -> None:
    id = (await review(done, rating=4)).body["id"]
    profile = (await done.creator.get(f"/users/{done.talent.id}")).body
    assert (profile["averageRating"], profile["totalReviews"]) == (4, 1)
    for min_rating, found in ((4, [done.talent.id]), (5, [])):
        users = (await done.creator.get("/users/search", minRating=min_rating)).body["users"]
        assert [user["id"] for user in users] == found
    await done.creator.delete(f"/reviews/{id}")
    assert (await done.creator.get(f"/users/{done.talent.id}")).body["totalReviews"] == 0


async def test_nobody_else_changes_a_review(done: People) -> None:
    path = f"/reviews/{(await review(done)).body['id']}"
    for caller in (done.other_creator, done.talent, done.other_talent):
        for reply in (await caller.put(path, rating=1), await caller.delete(path)):
            assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert (await done.other_creator.put(path, rating=1)).body["error"]["message"] == "Can only update own reviews"
    assert (await done.talent.post("/reviews", talentId=done.talent.id, rating=5, text="Me")).status == 403
    assert (await done.creator.put("/reviews/" + NOWHERE, rating=1)).status == 404
    assert (await summary(done))["averageRating"] == 5


async def test_the_talent_is_notified_of_a_review_and_of_the_project_if_it_names_one(done: People) -> None:
    await review(done, projectId=None, rating=4)
    await review(done)
    notices = (await done.talent.get("/notifications")).body["notifications"]
    told = [one for one in notices if one["type"] == "review_received"]
    assert [(one["entityType"], one["entityId"]) for one in told] == [("project", done.project), (None, None)]
    assert told[1]["message"] == "Ann gave you 4 of 5 stars"


async def test_a_review_repeated_with_its_key_is_written_once(done: People) -> None:
    body = {"talentId": done.talent.id, "projectId": done.project, "rating": 5, "text": "Great"}
    headers = {"Idempotency-Key": "1"}
    replies = await asyncio.gather(
        *(done.creator.call("POST", "/reviews", json=body, headers=headers) for _ in range(3))
    )
    assert [reply.status for reply in replies] == [201, 201, 201]
    assert len({reply.body["id"] for reply in replies}) == 1
