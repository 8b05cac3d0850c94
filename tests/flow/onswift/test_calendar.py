"""The calendar: own deadlines by day, and the feed that calendar programs read."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.base import clock
from core.work.policy import Policy
from marketplaces.onswift import rules
from marketplaces.onswift.handlers import calendar
from marketplaces.onswift.handlers.calendar import _file
from marketplaces.onswift.queries import calendar as queries
from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import PATIENCE
from tests.flow.onswift.conftest import NEW_PROJECT, NOWHERE, People


def day(offset: int) -> str:
    return (clock.today() + timedelta(days=offset)).isoformat()


async def give(people: People, name: str, due: str, to: Caller | None = None) -> str:
    body = {"name": name, "dueDate": due, "assigneeId": (to or people.talent).id}
    id: str = (await people.creator.post(f"{people.path}/tasks", **body)).body["id"]
    return id


def shown(reply: Reply) -> list[tuple[str, list[str], list[str]]]:
    assert reply.status == 200, reply
    return [
        (one["date"], [task["name"] for task in one["tasks"]], [project["name"] for project in one["projects"]])
        for one in reply.body["days"]
    ]


@pytest.fixture
async def busy(people: People) -> People:
    """Return people with deadlines: today, in a week, and long ago."""
    await people.creator.put(people.path, dueDate=day(7))
    await people.creator.post(f"{people.path}/team", userId=people.other_talent.id)
    await give(people, "Cut", day(7))
    await give(people, "Shoot", day(0))
    await give(people, "Sound", day(7), people.other_talent)
    await give(people, "Old", day(-31))
    return people


async def test_the_calendar_groups_own_deadlines_by_day(busy: People) -> None:
    assert shown(await busy.creator.get("/calendar")) == [
        (day(0), ["Shoot"], []), (day(7), ["Cut", "Sound"], ["Film"]),
    ]  # fmt: skip
    assert shown(await busy.talent.get("/calendar")) == [(day(0), ["Shoot"], []), (day(7), ["Cut"], ["Film"])]
    assert shown(await busy.other_creator.get("/calendar")) == []


async def test_a_task_in_the_calendar_is_the_task(busy: People) -> None:
    (first, *_) = (await busy.talent.get("/calendar")).body["days"]
    assert first["tasks"] == [(await busy.talent.get(f"{busy.path}/tasks/{first['tasks'][0]['id']}")).body]


async def test_the_calendar_shows_the_days_that_are_asked_for_both_ends_included(busy: People) -> None:
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
async def test_days_that_make_no_sense_are_refused(people: People, query: dict[str, Any], field: str) -> None:
    refused = await people.creator.get("/calendar", **query)
    assert (refused.status, refused.fields) == (400, [field])


async def test_the_calendar_of_one_project_is_for_its_people(busy: People) -> None:
    other = (await busy.creator.post("/projects", **NEW_PROJECT | {"dueDate": day(7)})).body["id"]
    assert shown(await busy.creator.get("/calendar", projectId=other)) == [(day(7), [], ["Film"])]
    assert (await busy.talent.get("/calendar", projectId=other)).status == 403
    assert (await busy.talent.get("/calendar", projectId=NOWHERE)).code == "PROJECT_NOT_FOUND"


async def test_who_has_left_the_team_has_no_deadlines_there(busy: People) -> None:
    await busy.creator.delete(f"{busy.path}/team/{busy.talent.id}")
    assert shown(await busy.talent.get("/calendar")) == []


async def read(caller: Caller, url: str | None, has: str = "") -> Reply:
    """Read a feed as a calendar does: by its address alone, and saying what it has already."""
    assert url
    parts = urlsplit(url)
    headers = {"If-None-Match": has} if has else {}
    return await Caller(caller.client, "").call("GET", f"{parts.path}?{parts.query}", headers=headers)


async def test_a_calendar_program_reads_the_feed_without_a_login(busy: People) -> None:
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


async def test_a_feed_that_has_not_changed_is_not_sent_again(busy: People) -> None:
    url = (await busy.talent.post("/calendar/feed")).body["url"]
    feed = await read(busy.talent, url)
    again = await read(busy.talent, url, feed.headers["ETag"])
    assert (again.status, again.headers["ETag"]) == (304, feed.headers["ETag"])


def count_of_builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many events each feed has had that was built."""
    built: list[int] = []

    def build(policy: Policy, rows: Any) -> Any:
        built.append(len(rows))
        return _file(policy, rows)

    monkeypatch.setattr(calendar, "_file", build)
    return built


async def test_a_feed_that_a_program_has_already_is_not_even_built(
    busy: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = count_of_builds(monkeypatch)
    url = (await busy.talent.post("/calendar/feed")).body["url"]
    tags = [(await read(busy.talent, url)).headers["ETag"]]
    assert (await read(busy.talent, url, tags[-1])).status == 304
    assert built == [3]

    async def changed() -> None:
        reply = await read(busy.talent, url, tags[-1])
        assert reply.status == 200
        tags.append(reply.headers["ETag"])

    task = await give(busy, "Mix", day(3))
    await changed()
    await busy.creator.put(f"{busy.path}/tasks/{task}", status="completed")
    await changed()
    await busy.creator.put(busy.path, name="Longer film")
    await changed()
    await busy.creator.delete(f"{busy.path}/tasks/{task}")
    await changed()
    await busy.creator.delete(f"{busy.path}/team/{busy.talent.id}")
    await changed()
    assert len(set(tags)) == len(tags) == len(built)


async def test_a_feed_that_has_not_changed_is_not_built_again_for_programs_that_do_not_say_what_they_have(
    busy: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = count_of_builds(monkeypatch)
    url = (await busy.talent.post("/calendar/feed")).body["url"]
    first = await read(busy.talent, url)
    again = await read(busy.talent, url)
    assert (again.status, again.body, built) == (200, first.body, [3])
    await give(busy, "Mix", day(3))
    assert "SUMMARY:Mix" in (await read(busy.talent, url)).body
    assert built == [3, 4]


async def test_concurrent_reads_build_a_feed_once(busy: People, monkeypatch: pytest.MonkeyPatch) -> None:
    built = count_of_builds(monkeypatch)
    url = (await busy.talent.post("/calendar/feed")).body["url"]
    turn, asked, version = asyncio.Event(), asyncio.Semaphore(0), queries.VERSION

    async def wait(*arguments: Any) -> Any:
        found = await version(*arguments)
        asked.release()
        await turn.wait()
        return found

    monkeypatch.setattr(queries, "VERSION", wait)
    readers = [
        asyncio.create_task(read(busy.talent, url)) for _ in range(3)
    ]  # as many as an address may have under way
    for _ in readers:
        await asyncio.wait_for(asked.acquire(), PATIENCE)
    turn.set()
    bodies = {reply.body for reply in await asyncio.gather(*readers)}
    assert (len(bodies), built) == (1, [3])


async def test_a_feed_has_the_deadlines_next_to_today_and_the_beginnings_of_their_texts(
    busy: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_IN_FEED", 2)
    monkeypatch.setattr(rules, "FEED_DESCRIPTION", 3)
    await give(busy, "Far", day(300))
    near = await give(busy, "Near", day(1))
    await busy.creator.put(f"{busy.path}/tasks/{near}", description="long")
    feed = await read(busy.talent, (await busy.talent.post("/calendar/feed")).body["url"])
    names = [line.partition(":")[2] for line in feed.body.split("\r\n") if line.startswith("SUMMARY")]
    assert names == ["Shoot (Film)", "Near (Film)"]
    assert "DESCRIPTION:lon…\r\n" in feed.body


async def test_a_calendar_of_very_much_is_cut_and_says_so(busy: People, monkeypatch: pytest.MonkeyPatch) -> None:
    await busy.creator.put(f"{busy.path}/tasks/{await give(busy, 'Mix', day(3))}", description="x" * 40)
    await busy.creator.put(f"{busy.path}/tasks/{await give(busy, 'Mux', day(4))}", description="é" * 30)

    async def seen() -> tuple[list[str], bool]:
        reply = await busy.talent.get("/calendar")
        return [name for _, tasks, _ in shown(reply) for name in tasks], reply.body["isCut"]

    assert await seen() == (["Shoot", "Mix", "Mux", "Cut"], False)
    monkeypatch.setattr(rules, "MOST_CALENDAR_OCTETS", 100)
    assert await seen() == (["Shoot", "Mix", "Mux", "Cut"], False)
    monkeypatch.setattr(rules, "MOST_CALENDAR_OCTETS", 99)
    assert await seen() == (["Shoot", "Mix"], True)
    monkeypatch.setattr(rules, "MOST_CALENDAR_OCTETS", 39)
    assert await seen() == (["Shoot"], True)
    monkeypatch.setattr(rules, "MOST_CALENDAR_OCTETS", 1000)
    monkeypatch.setattr(rules, "MOST_IN_CALENDAR", 4)
    assert (await seen())[1] is False
    monkeypatch.setattr(rules, "MOST_IN_CALENDAR", 3)
    assert await seen() == (["Shoot", "Mix", "Mux"], True)


async def test_a_new_address_ends_the_old_one(busy: People) -> None:
    old = (await busy.talent.post("/calendar/feed")).body["url"]
    new = (await busy.talent.post("/calendar/feed")).body["url"]
    assert (await read(busy.talent, new)).status == 200
    refused = await read(busy.talent, old)
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=x", "?token=%00", "?token=%ff", "?token=%ED%A0%80", "?token=" + "x" * 5000]
)
async def test_nobody_reads_a_feed_by_guessing(busy: People, query: str) -> None:
    await busy.talent.post("/calendar/feed")
    assert (await Caller(busy.talent.client).call("GET", f"/calendar.ics{query}")).status in (400, 401)
