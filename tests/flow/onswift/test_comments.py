"""Comments on tasks, and who is told of them."""

from typing import Any

import pytest

from tests.flow.api.conftest import Caller
from tests.flow.conftest import House
from tests.flow.onswift.conftest import NOWHERE, Cast
from tests.flow.onswift.test_tasks import add, ear, task_of


async def comments_of(cast: Cast) -> str:
    return f"{cast.path}/tasks/{(await task_of(cast))['id']}/comments"


async def told(caller: Caller) -> list[str]:
    return [one["type"] for one in (await caller.get("/notifications")).body["notifications"]]


async def test_the_people_of_a_project_talk_under_a_task(cast: Cast) -> None:
    path = await comments_of(cast)
    first = await cast.talent.post(path, content="Which format?")
    assert first.status == 201
    assert (first.body["author"]["name"], first.body["content"], first.body["mentions"]) == ("Bob", "Which format?", [])
    second = (await cast.creator.post(path, content="<b>4:3</b>")).body
    assert second["content"] == "<b>4:3</b>", "as it was given"
    for caller in (cast.creator, cast.talent):
        page = (await caller.get(path)).body
        assert (page["comments"], page["pagination"]["total"]) == ([first.body, second], 2)
    assert [one["id"] for one in (await cast.talent.get(path, limit=1, page=2)).body["comments"]] == [second["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"), ({"content": " \n"}, "content"), ({"content": "x" * 10_001}, "content"), ({"content": "a\0"}, "content"),
        ({"content": "x", "mentions": ["Bob"]}, "mentions"), ({"content": "x", "mentions": [NOWHERE]}, "mentions"),
    ],
)  # fmt: skip
async def test_a_comment_that_makes_no_sense_is_refused(cast: Cast, body: dict[str, Any], field: str) -> None:
    path = await comments_of(cast)
    refused = await cast.talent.post(path, **body)
    assert (refused.status, refused.fields) == (400, [field])
    assert (await cast.talent.get(path)).body["comments"] == []


async def test_strangers_read_and_write_no_comments(cast: Cast) -> None:
    path = await comments_of(cast)
    comment = (await cast.talent.post(path, content="hello")).body["id"]
    for caller in cast.strangers:
        assert (await caller.get(path)).status == 403
        assert (await caller.post(path, content="hello")).status == 403
        assert (await caller.delete(f"{path}/{comment}")).status == 403
    elsewhere = f"{cast.path}/tasks/{NOWHERE}/comments"
    assert (await cast.creator.get(elsewhere)).code == "TASK_NOT_FOUND"
    assert (await cast.creator.post(elsewhere, content="hello")).code == "TASK_NOT_FOUND"


async def test_one_deletes_ones_own_comments_only(cast: Cast) -> None:
    path = await comments_of(cast)
    comment = (await cast.talent.post(path, content="hello")).body["id"]
    assert (await cast.creator.delete(f"{path}/{comment}")).status == 403
    assert (await cast.talent.delete(f"{path}/{comment}")).status == 204
    assert (await cast.talent.delete(f"{path}/{comment}")).code == "COMMENT_NOT_FOUND"
    assert (await cast.talent.get(path)).body["comments"] == []


async def test_only_people_of_the_project_are_mentioned(cast: Cast) -> None:
    path = await comments_of(cast)
    assert (await cast.creator.post(path, content="hi", mentions=[cast.other_talent.id])).fields == ["mentions"]
    await add(cast, cast.other_talent)
    mentions = [cast.other_talent.id, cast.other_talent.id]
    assert (await cast.creator.post(path, content="hi", mentions=mentions)).body["mentions"] == mentions[:1]
    await cast.creator.delete(f"{cast.path}/team/{cast.other_talent.id}")
    assert (await cast.creator.post(path, content="hi", mentions=mentions)).fields == ["mentions"]


async def test_creator_and_assignee_are_notified_and_who_is_mentioned_so_and_nobody_twice(cast: Cast) -> None:
    for one in (cast.creator, cast.talent, cast.other_talent):
        await one.want("task_commented", "mentioned")
    path = await comments_of(cast)
    await add(cast, cast.other_talent)
    await cast.other_talent.post(path, content="hi", mentions=[cast.creator.id])
    assert await told(cast.creator) == ["mentioned"]
    assert await told(cast.talent) == ["task_commented", "task_assigned"]
    assert await told(cast.other_talent) == []
    await cast.talent.post(path, content="hello", mentions=[cast.talent.id, cast.other_talent.id])
    assert await told(cast.creator) == ["task_commented", "mentioned"]
    assert await told(cast.talent) == ["task_commented", "task_assigned"], "she wrote it herself"
    (notice,) = (await cast.other_talent.get("/notifications")).body["notifications"]
    assert notice["message"] == "Bob mentioned you on 'Create storyboard' in Film project"
    assert path == f"{cast.path}/tasks/{notice['entityId']}/comments"


async def test_an_assignee_who_has_left_is_told_nothing_more(cast: Cast) -> None:
    path = await comments_of(cast)
    await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")
    await cast.creator.post(path, content="gone?")
    assert await told(cast.talent) == ["task_assigned"]


async def test_comments_are_heard_by_creator_and_team(house: House, hub: str, cast: Cast) -> None:
    path = await comments_of(cast)
    ann, bob = await ear(house, hub, cast.creator), await ear(house, hub, cast.talent)
    comment = (await cast.talent.post(path, content="hello")).body
    await cast.talent.delete(f"{path}/{comment['id']}")
    for one in (ann, bob):
        assert await one.heard.next("task:commented") == {
            "comment": comment, "taskId": comment["taskId"], "projectId": cast.project,
        }  # fmt: skip
        assert (await one.heard.next("task:comment_deleted"))["commentId"] == comment["id"]


async def test_comments_go_with_their_task(cast: Cast) -> None:
    path = await comments_of(cast)
    await cast.talent.post(path, content="hello")
    assert (await cast.creator.delete(path.removesuffix("/comments"))).status == 204
    assert (await cast.talent.get(path)).code == "TASK_NOT_FOUND"
