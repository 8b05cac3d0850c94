"""What became of a message for a member, from what the hubs have seen."""

from datetime import UTC, datetime

import pytest

from api.ops.structs import Delivery
from api.ops.tracing import has_delivered, trace_member
from core.base.ids import uuid7
from core.operations.inspection import MemberFound, MessageFound
from realtime.operations.admin_protocol import MemberSeen, RoomSeen

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHE = uuid7()
MESSAGE = MessageFound(
    uuid7(), uuid7(), 5, 9, "text", uuid7(), "Ann", NOW, NOW, NOW, None
)  # seq 5, last changed as version 9


def seen(*, joined: int = 1, behind: bool = False, version: int = 0) -> RoomSeen:
    """Return what a hub says on which she has two sockets."""
    member = MemberSeen(SHE, 2, joined, behind, version, version)
    return RoomSeen(awake=True, flushed_version=version, members=[member])


def state(*rooms: RoomSeen, read: int = 0, heard_all: bool = True) -> Delivery:
    member = MemberFound(SHE, "Bea", "talent", read, NOW, None)
    by_hub = {str(place): room for place, room in enumerate(rooms)}
    return trace_member(member, MESSAGE, by_hub, heard_all=heard_all).state


ELSEWHERE = RoomSeen(awake=True, flushed_version=9, members=[MemberSeen(uuid7(), 1, 1, False, 9, 9)])


@pytest.mark.parametrize(
    ("rooms", "expected"),
    [
        ([seen(version=9)], "delivered"),
        ([seen(version=12)], "delivered"),
        ([seen(version=8)], "pending"),  # she has the message, but not its last change
        ([seen(version=8, behind=True)], "behind"),
        ([seen(version=9, behind=True)], "delivered"),
        ([seen(version=3, behind=True), seen(version=9)], "delivered"),  # on one of two devices
        ([seen(version=3, behind=True), seen(version=8)], "pending"),
        ([seen(joined=0)], "not_joined"),
        ([seen(joined=0), seen(version=3, behind=True)], "behind"),
        ([ELSEWHERE], "offline"),
        ([], "offline"),
    ],
)
def test_a_member_is_where_her_best_socket_is(rooms: list[RoomSeen], expected: Delivery) -> None:
    assert state(*rooms) == expected


def test_who_has_read_on_has_read_it_whatever_the_hubs_say() -> None:
    assert state(seen(version=3, behind=True), read=5) == "read"
    assert state(read=7, heard_all=False) == "read"
    assert state(seen(version=9), read=4) == "delivered"


def test_nobody_is_offline_on_hubs_that_did_not_answer() -> None:
    assert state(ELSEWHERE, heard_all=False) == "unknown"
    assert state(seen(joined=0), heard_all=False) == "not_joined"


def test_a_room_has_told_a_message_when_it_has_told_its_last_change() -> None:
    assert has_delivered(RoomSeen(awake=True, flushed_version=9), MESSAGE)
    assert not has_delivered(RoomSeen(awake=True, flushed_version=8), MESSAGE)
    assert not has_delivered(RoomSeen(awake=False), MESSAGE)
