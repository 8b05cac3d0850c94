"""Lists that change while one reads them page by page show nothing twice, and nothing is left out."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from core.notifications.notifications import notify_members
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import People
from tests.flow.onswift.conftest import people as people
from tests.flow.onswift.test_tasks import task_of

COUNT = 5
Change = Callable[[], Awaitable[None]]
Grow = Callable[[Api, Environment, Caller], Awaitable[None]]


async def talk(api: Api, env: Environment, to: Caller) -> None:
    """Have someone new write to a user, and her notified."""
    creator = await api.signed_up("creator")
    room = (await creator.post("/conversations", participantId=to.id)).body["id"]
    await creator.post(f"/conversations/{room}/messages", content="hello")
    await notify_members(env.resources, env.publisher, [UUID(room)])


async def invite(api: Api, _house: Environment, to: Caller) -> None:
    creator = await api.signed_up("creator")
    await creator.post("/conversations/groups", title="Team", participantIds=[to.id])


async def found_project(_api: Api, _house: Environment, creator: Caller) -> None:
    await creator.post("/projects", name="Film", description="A short one", dueDate="2999-12-31")


LISTS = [
    ("conversations", "talent", talk),
    ("notifications", "talent", talk),
    ("invitations", "talent", invite),
    ("projects", "creator", found_project),
]


@pytest.mark.parametrize(("name", "role", "grow"), LISTS, ids=[name for name, *_ in LISTS])
async def test_what_a_list_held_is_shown_once_each_while_it_grows(
    api: Api, env: Environment, name: str, role: str, grow: Grow
) -> None:
    bob = await api.signed_up(role)
    for _ in range(COUNT):
        await grow(api, env, bob)
    held = [one["id"] for one in (await bob.get(f"/{name}")).body[name]]
    page = (await bob.get(f"/{name}", limit=2)).body
    shown = [one["id"] for one in page[name]]
    while cursor := page["pagination"]["nextCursor"]:
        assert page["pagination"]["hasNext"]
        await grow(api, env, bob)
        page = (await bob.get(f"/{name}", limit=2, cursor=cursor)).body
        shown += [one["id"] for one in page[name]]
    assert shown == held
    assert not page["pagination"]["hasNext"]


@pytest.mark.parametrize("cursor", ["x", "!", "é", "kgEC"])
@pytest.mark.parametrize("name", [*(name for name, *_ in LISTS), "deliverables"])
async def test_what_is_no_cursor_is_refused(api: Api, name: str, cursor: str) -> None:
    bob = await api.signed_up("talent")
    refused = await bob.get(f"/{name}", cursor=cursor)
    assert (refused.status, refused.fields) == (400, ["cursor"])


async def signed_up(api: Api, count: int, role: str = "talent") -> list[Caller]:
    return [await api.signed_up(role, f"P{place}") for place in range(count)]


async def read_on(caller: Caller, path: str, name: str, between: Change, **query: str) -> list[str]:
    """Read a list by cursors, two at a time, while it changes; return what was shown, as texts that tell entries apart."""
    page = (await caller.get(path, limit=2, **query)).body
    shown = [told_apart(one) for one in page[name]]
    while cursor := page["pagination"]["nextCursor"]:
        await between()
        page = (await caller.get(path, limit=2, cursor=cursor, **query)).body
        shown += [told_apart(one) for one in page[name]]
    assert not page["pagination"]["hasNext"]
    return shown


def told_apart(one: Any) -> str:
    return str(one.get("id") or one["user"]["id"])


@pytest.mark.usefixtures("generous")
@pytest.mark.parametrize("name", ["blocks", "mutes"])
async def test_what_one_has_blocked_or_muted_is_shown_once_each_while_that_changes(api: Api, name: str) -> None:
    ann = await api.signed_up()
    path = {"blocks": "/users/me/blocks/{}", "mutes": "/users/{}/mute"}[name]
    others = await signed_up(api, 8)
    for one in others[:6]:
        assert (await ann.put(path.format(one.id))).status == 204
    coming, going = others[6:], [others[5], others[0]]  # one that is shown first, and one that is shown last

    async def change() -> None:
        if coming:
            await ann.put(path.format(coming.pop().id))
            await ann.delete(path.format(going.pop(0).id))

    shown = await read_on(ann, f"/users/me/{name}", name, change)
    assert shown == [one.id for one in others[5:0:-1]]


@pytest.mark.usefixtures("generous")
async def test_who_is_invited_is_shown_once_each_while_others_are_and_answer(api: Api) -> None:
    ann = await api.signed_up()
    first, *others = await signed_up(api, 8)
    ids = [one.id for one in others[:5]]
    group = (await ann.post("/conversations/groups", title="Team", participantIds=[first.id, *ids])).body["id"]
    coming = others[5:]

    async def change() -> None:
        if coming:
            await ann.post(f"/conversations/{group}/members", userIds=[coming.pop().id])
            await first.accept_all()

    held = [told_apart(one) for one in (await ann.get(f"/conversations/{group}/invitations")).body["invitations"]]
    shown = await read_on(ann, f"/conversations/{group}/invitations", "invitations", change)
    assert [one for one in shown if one != first.id] == [one for one in held if one != first.id]
    assert len(shown) == len(set(shown))


@pytest.mark.usefixtures("generous")
async def test_comments_are_shown_once_each_while_some_come_and_go(people: People) -> None:
    task = await task_of(people)
    path = f"{people.path}/tasks/{task['id']}/comments"

    async def write() -> str:
        return str((await people.creator.post(path, content="x")).body["id"])

    held = [await write() for _ in range(6)]
    going = [held[0], held[1]]

    async def change() -> None:
        if going:
            await people.creator.delete(f"{path}/{going.pop()}")
            await write()

    shown = await read_on(people.talent, path, "comments", change)
    assert shown[:6] == held
    assert len(shown) == len(set(shown)) == 8


SORTS = ["dueDate", "-dueDate", "createdAt", "-createdAt", "name", "-name", "status", "-status", None]


@pytest.mark.usefixtures("generous")
@pytest.mark.parametrize("sort", SORTS)
async def test_tasks_are_shown_once_each_in_every_order_while_some_come_and_go(
    people: People, sort: str | None
) -> None:
    """None: those of one project."""
    looks = [("B", 12), ("a", 11), ("b", 11), ("A", 12), ("c", 10), ("É", 10)]
    made = [await task_of(people, name=name, dueDate=f"2999-10-{day}") for name, day in looks]
    for task, status in zip(
        made, ["in-progress", "completed", "planning", "in-progress", "planning", "planning"], strict=True
    ):
        await people.creator.put(f"{people.path}/tasks/{task['id']}", status=status)
    path, query = ("/tasks", {"sort": sort}) if sort else (f"{people.path}/tasks", {})
    held = [one["id"] for one in (await people.creator.get(path, **query)).body["tasks"]]
    new = [("0", 1), ("zz", 30), ("b", 11)]
    going = [held[5], held[0], held[1]]

    async def change() -> None:
        if new:
            name, day = new.pop()
            await task_of(people, name=name, dueDate=f"2999-10-{day:02}")
            await people.creator.delete(f"{people.path}/tasks/{going.pop()}")

    shown = await read_on(people.creator, path, "tasks", change, **query)
    assert len(shown) == len(set(shown))
    assert [one for one in shown if one in held[:5]] == held[:5]


@pytest.mark.usefixtures("generous")
async def test_a_cursor_is_good_for_the_order_that_it_was_given_in(people: People) -> None:
    for _ in range(2):
        await task_of(people)
    cursor = (await people.creator.get("/tasks", limit=1, sort="name")).body["pagination"]["nextCursor"]
    assert (await people.creator.get("/tasks", cursor=cursor, sort="-name")).fields == ["cursor"]
    assert (await people.creator.get("/tasks", cursor="kgEC")).fields == ["cursor"]
    assert (await people.creator.get(f"{people.path}/tasks", cursor="x")).fields == ["cursor"]
