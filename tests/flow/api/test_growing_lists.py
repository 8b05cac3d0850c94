"""Lists that grow at their beginning while one reads them page by page show nothing twice, and nothing is left out."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from core.notifications import notify_members
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import House

COUNT = 5
Grow = Callable[[Api, House, Caller], Awaitable[None]]


async def talk(api: Api, house: House, to: Caller) -> None:
    """Have someone new write to a user, and her notified."""
    creator = await api.signed_up("creator")
    room = (await creator.post("/conversations", participantId=to.id)).body["id"]
    await creator.post(f"/conversations/{room}/messages", content="hello")
    await notify_members(house.resources.db, house.publisher, [UUID(room)])


async def invite(api: Api, _house: House, to: Caller) -> None:
    creator = await api.signed_up("creator")
    await creator.post("/conversations/groups", title="Team", participantIds=[to.id])


async def found_project(_api: Api, _house: House, creator: Caller) -> None:
    await creator.post("/projects", name="Film", description="A short one", dueDate="2999-12-31")


LISTS = [
    ("conversations", "talent", talk),
    ("notifications", "talent", talk),
    ("invitations", "talent", invite),
    ("projects", "creator", found_project),
]


@pytest.mark.parametrize(("name", "role", "grow"), LISTS, ids=[name for name, *_ in LISTS])
async def test_what_a_list_held_is_shown_once_each_while_it_grows(
    api: Api, house: House, name: str, role: str, grow: Grow
) -> None:
    bob = await api.signed_up(role)
    for _ in range(COUNT):
        await grow(api, house, bob)
    held = [one["id"] for one in (await bob.get(f"/{name}")).body[name]]
    page = (await bob.get(f"/{name}", limit=2)).body
    shown = [one["id"] for one in page[name]]
    while cursor := page["pagination"]["nextCursor"]:
        assert page["pagination"]["hasNext"]
        await grow(api, house, bob)
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
