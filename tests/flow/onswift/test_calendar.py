"""The calendar: own deadlines by day, and the feed that calendar programs read."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from core import clock
from tests.flow.api.conftest import Caller, Reply
from tests.flow.onswift.conftest import NEW_PROJECT, NOWHERE, Cast


def day(offset: int) -> str:
    return (clock.today() + timedelta(days=offset)).isoformat()


async def give(cast: Cast, name: str, due: str, to: Caller | None = None) -> str:
    body = {"name": name, "dueDate": due, "assigneeId": (to or cast.talent).id}
    id: str = (await cast.creator.post(f"{cast.path}/tasks", **body)).body["id"]
    return id


def shown(reply: Reply) -> list[tuple[str, list[str], list[str]]]:
    assert reply.status == 200, reply
    return [
        (one["date"], [task["name"] for task in one["tasks"]], [project["name"] for project in one["projects"]])
        for one in reply.body["days"]
    ]


@pytest.fixture
async def busy(cast: Cast) -> Cast:
    """Return people with deadlines: today, in a week, and long ago."""
    await cast.creator.put(cast.path, dueDate=day(7))
    await cast.creator.post(f"{cast.path}/team", userId=cast.other_talent.id)
    await give(cast, "Cut", day(7))
    await give(cast, "Shoot", day(0))
    await give(cast, "Sound", day(7), cast.other_talent)
    await give(cast, "Old", day(-31))
    return cast


async def test_the_calendar_groups_own_deadlines_by_day(busy: Cast) -> None:
    assert shown(await busy.creator.get("/calendar")) == [
        (day(0), ["Shoot"], []), (day(7), ["Cut", "Sound"], ["Film"]),
    ]  # fmt: skip
    assert shown(await busy.talent.get("/calendar")) == [(day(0), ["Shoot"], []), (day(7), ["Cut"], ["Film"])]
    assert shown(await busy.other_creator.get("/calendar")) == []


async def test_a_task_in_the_calendar_is_the_task(busy: Cast) -> None:
    (first, *_) = (await busy.talent.get("/calendar")).body["days"]
    assert first["tasks"] == [(await busy.talent.get(f"{busy.path}/tasks/{first['tasks'][0]['id']}")).body]


async def test_the_calendar_shows_the_days_that_are_asked_for_both_ends_included(busy: Cast) -> None:
    async def names(**query: str) -> list[str]:
        return [name for _, tasks, _ in shown(await busy.talent.get("/calendar", **query)) for name in tasks]

    assert await names(**{"from": day(7), "to": day(7)}) == ["Cut"]
    assert await names(**{"from": day(-31)}) == ["Old", "Shoot", "Cut"]
    assert await names(**{"from": day(-140)}) == ["Old"], "120 days"
    assert await names(to=day(-31)) == ["Old"]
    assert await names(**{"from": day(-366), "to": day(0)}) == ["Old", "Shoot"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": day(1), "to": day(0)}, "to"), ({"from": day(0), "to": day(367)}, "to"), ({"from": "today"}, "from"),
        ({"from": "9999-12-31"}, "from"), ({"to": "0001-01-01"}, "from"), ({"projectId": "mine"}, "projectId"),
    ],
)  # fmt: skip
async def test_days_that_make_no_sense_are_refused(cast: Cast, query: dict[str, Any], field: str) -> None:
    refused = await cast.creator.get("/calendar", **query)
    assert (refused.status, refused.fields) == (400, [field])


async def test_the_calendar_of_one_project_is_for_its_people(busy: Cast) -> None:
    other = (await busy.creator.post("/projects", **NEW_PROJECT | {"dueDate": day(7)})).body["id"]
    assert shown(await busy.creator.get("/calendar", projectId=other)) == [(day(7), [], ["Film"])]
    assert (await busy.talent.get("/calendar", projectId=other)).status == 403
    assert (await busy.talent.get("/calendar", projectId=NOWHERE)).code == "PROJECT_NOT_FOUND"


async def test_who_has_left_the_team_has_no_deadlines_there(busy: Cast) -> None:
    await busy.creator.delete(f"{busy.path}/team/{busy.talent.id}")
    assert shown(await busy.talent.get("/calendar")) == []


async def read(caller: Caller, url: str | None) -> Reply:
    """Read a feed as a calendar does: by its address alone."""
    assert url
    parts = urlsplit(url)
    return await Caller(caller.client, "").call("GET", f"{parts.path}?{parts.query}")


async def test_a_calendar_program_reads_the_feed_without_a_login(busy: Cast) -> None:
    assert (await busy.talent.get("/calendar/feed")).body == {"url": None}
    url = (await busy.talent.post("/calendar/feed")).body["url"]
    assert (await busy.talent.get("/calendar/feed")).body == {"url": url}
    assert url.startswith("http")
    feed = await read(busy.talent, url)
    assert (feed.status, feed.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert "SUMMARY:Cut (Film)\r\n" in feed.body
    assert "SUMMARY:Film\r\n" in feed.body
    assert "Sound" not in feed.body, "another's"
    assert feed.body.count("BEGIN:VEVENT") == 3
    assert f"DTSTART;VALUE=DATE:{day(7).replace('-', '')}\r\n" in feed.body


async def test_a_feed_that_has_not_changed_is_not_sent_again(busy: Cast) -> None:
    url = (await busy.talent.post("/calendar/feed")).body["url"]
    feed = await read(busy.talent, url)
    parts = urlsplit(url)
    again = await Caller(busy.talent.client, "").call(
        "GET", f"{parts.path}?{parts.query}", headers={"If-None-Match": feed.headers["ETag"]}
    )
    assert again.status == 304


async def test_a_new_address_ends_the_old_one(busy: Cast) -> None:
    old = (await busy.talent.post("/calendar/feed")).body["url"]
    new = (await busy.talent.post("/calendar/feed")).body["url"]
    assert (await read(busy.talent, new)).status == 200
    refused = await read(busy.talent, old)
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=x", "?token=%00", "?token=%ff", "?token=%ED%A0%80", "?token=" + "x" * 5000]
)
async def test_nobody_reads_a_feed_by_guessing(busy: Cast, query: str) -> None:
    await busy.talent.post("/calendar/feed")
    assert (await Caller(busy.talent.client).call("GET", f"/calendar.ics{query}")).status in (400, 401)
