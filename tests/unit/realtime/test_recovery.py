"""From where a room is recovered, given what its hub has told and what the socket has had."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.messages.catchup import Place
from realtime.recovery import MOST_TOLD, _from, forget_old
from realtime.room import Room, Told

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
JOINED = Place(1, 3)
TOLD = [(100, 2, 4), (200, 3, 6), (300, 4, 7)]
MANY = [(place, place, place) for place in range(1000, 1000 + MOST_TOLD)]


@pytest.mark.parametrize(
    ("told", "stamp", "known"),
    [
        (TOLD, 200, (Place(3, 6), None)),  # exactly what it had
        (TOLD, 299, (Place(3, 6), None)),  # another room told something then
        (TOLD, 900, (Place(4, 7), None)),
        (TOLD, 50, (JOINED, None)),  # it has had nothing of this room
        ([(100, 0, 1)], 100, (JOINED, None)),  # never from before its join
        ([], 200, (JOINED, None)),
        (None, 200, (JOINED, MOMENT)),  # the hub was killed
        (MANY, 50, (JOINED, MOMENT)),  # it was told more than is kept
    ],
)
def test_a_room_is_recovered_from_what_the_socket_has_had(
    told: list[Told] | None, stamp: int, known: tuple[Place, datetime | None]
) -> None:
    assert _from(JOINED, told, stamp, MOMENT) == known


def test_what_was_told_long_ago_every_socket_has_had() -> None:
    room = Room(UUID(int=1))
    room.told = [(1_000_000, 1, 1), (2_000_000, 2, 2), (90_000_000, 3, 3)]
    forget_old(room, 100.0)
    assert room.told == [(0, 2, 2), (90_000_000, 3, 3)]
    forget_old(room, 500.0)
    assert room.told == [(0, 3, 3)]
