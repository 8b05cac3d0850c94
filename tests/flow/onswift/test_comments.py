"""Comments on tasks, and who is told of them."""

from typing import Any

import pytest

from tests.flow.api.conftest import Caller
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.test_tasks import add, ear, task_of


async def comments_of(people: People) -> str:
    return f"{people.path}/tasks/{(await task_of(people))['id']}/comments"


async def told(caller: Caller) -> list[str]:
    return [one["type"] for one in (await caller.get("/notifications")).body["notifications"]]


async def test_the_people_of_a_project_talk_under_a_task(people: People) -> None:
    path = await comments_of(people)
    first = await people.talent.post(path, content="Which format?")
    assert first.status == 201
    assert (first.body["author"]["name"], first.body["content"], first.body["mentions"]) == ("Bob", "Which format?", [])
    second = (await people.creator.post(path, content="<b>4:3</b>")).body
    assert second["content"] == "<b>4:3</b>", "as it was given"
    for caller in (people.creator, people.talent):
        page = (await caller.get(path)).body
        assert (page["comments"], page["pagination"]["total"]) == ([first.body, second], 2)
    assert [one["id"] for one in (await people.talent.get(path, limit=1, page=2)).body["comments"]] == [second["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"), ({"content": " \n"}, "content"), ({"content": "x" * 10_001}, "content"), ({"content": "a\0"}, "content"),
        ({"content": "x", "mentions": ["Bob"]}, "mentions"), ({"content": "x", "mentions": [NOWHERE]}, "mentions"),
    ],
)  # fmt: skip
async def test_a_comment_that_makes_no_sense_is_refused(people: People, body: dict[str, Any], field: str) -> None:
    path = await comments_of(people)
    refused = await people.talent.post(path, **body)
    assert (refused.status, refused.fields) == (400, [field])
    assert (await people.talent.get(path)).body["comments"] == []


async def test_strangers_read_and_write_no_comments(people: People) -> None:
    path = await comments_of(people)
    comment = (await people.talent.post(path, content="hello")).body["id"]
    for caller in people.strangers:
        assert (await caller.get(path)).status == 403
        assert (await caller.post(path, content="hello")).status == 403
        assert (await caller.delete(f"{path}/{comment}")).status == 403
    elsewhere = f"{people.path}/tasks/{NOWHERE}/comments"
    assert (await people.creator.get(elsewhere)).code == "TASK_NOT_FOUND"
    assert (await people.creator.post(elsewhere, content="hello")).code == "TASK_NOT_FOUND"


async def test_one_deletes_ones_own_comments_only(people: People) -> None:
    path = await comments_of(people)
    comment = (await people.talent.post(path, content="hello")).body["id"]
    assert (await people.creator.delete(f"{path}/{comment}")).status == 403
    assert (await people.talent.delete(f"{path}/{comment}")).status == 204
    assert (await people.talent.delete(f"{path}/{comment}")).code == "COMMENT_NOT_FOUND"
    assert (await people.talent.get(path)).body["comments"] == []


async def test_only_people_of_the_project_are_mentioned(people: People) -> None:
    path = await comments_of(people)
    assert (await people.creator.post(path, content="hi", mentions=[people.other_talent.id])).fields == ["mentions"]
    await add(people, people.other_talent)
    mentions = [people.other_talent.id, people.other_talent.id]
    assert (await people.creator.post(path, content="hi", mentions=mentions)).body["mentions"] == mentions[:1]
    await people.creator.delete(f"{people.path}/team/{people.other_talent.id}")
    assert (await people.creator.post(path, content="hi", mentions=mentions)).fields == ["mentions"]


async def test_creator_and_assignee_are_notified_and_who_is_mentioned_so_and_nobody_twice(people: People) -> None:
    for one in (people.creator, people.talent, people.other_talent):
        await one.want("task_commented", "mentioned")
    path = await comments_of(people)
    await add(people, people.other_talent)
    await people.other_talent.post(path, content="hi", mentions=[people.creator.id])
    assert await told(people.creator) == ["mentioned"]
    assert await told(people.talent) == ["task_commented", "task_assigned"]
    assert await told(people.other_talent) == []
    await people.talent.post(path, content="hello", mentions=[people.talent.id, people.other_talent.id])
    assert await told(people.creator) == ["task_commented", "mentioned"]
    assert await told(people.talent) == ["task_commented", "task_assigned"], "she wrote it herself"
    (notice,) = (await people.other_talent.get("/notifications")).body["notifications"]
    assert notice["message"] == "Bob mentioned you on 'Create storyboard' in Film project"
    assert path == f"{people.path}/tasks/{notice['entityId']}/comments"


async def test_an_assignee_who_has_left_is_told_nothing_more(people: People) -> None:
    path = await comments_of(people)
    await people.creator.delete(f"{people.path}/team/{people.talent.id}")
    await people.creator.post(path, content="gone?")
    assert await told(people.talent) == ["task_assigned"]


async def test_comments_are_heard_by_creator_and_team(env: Environment, hub: str, people: People) -> None:
    path = await comments_of(people)
    ann, bob = await ear(env, hub, people.creator), await ear(env, hub, people.talent)
    comment = (await people.talent.post(path, content="hello")).body
    await people.talent.delete(f"{path}/{comment['id']}")
    for one in (ann, bob):
        assert await one.heard.next("task:commented") == {
            "comment": comment, "taskId": comment["taskId"], "projectId": people.project,
        }  # fmt: skip
        assert (await one.heard.next("task:comment_deleted"))["commentId"] == comment["id"]


async def test_comments_go_with_their_task(people: People) -> None:
    path = await comments_of(people)
    await people.talent.post(path, content="hello")
    assert (await people.creator.delete(path.removesuffix("/comments"))).status == 204
    assert (await people.talent.get(path)).code == "TASK_NOT_FOUND"
