"""From where a room is recovered, given what its hub has delivered and what the socket has had."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.messages.catchup import Place
from realtime.gateway.recovery import _from
from realtime.rooms.room import Room, Stamp
from realtime.rooms.stamps import MOST_STAMPS, forget_old

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
JOINED = Place(1, 3)
STAMPS = [(100, 2, 4), (200, 3, 6), (300, 4, 7)]
MANY = [(place, place, place) for place in range(1000, 1000 + MOST_STAMPS)]


@pytest.mark.parametrize(
    ("stamps", "stamp", "known"),
    [
        (STAMPS, 200, (Place(3, 6), None)),  # exactly what it had
        (STAMPS, 299, (Place(3, 6), None)),  # another room delivered something then
        (STAMPS, 900, (Place(4, 7), None)),
        (STAMPS, 50, (JOINED, None)),  # it has had nothing of this room
        ([(100, 0, 1)], 100, (JOINED, None)),  # never from before its join
        ([], 200, (JOINED, None)),
        (None, 200, (JOINED, MOMENT)),  # the hub was killed
        (MANY, 50, (JOINED, MOMENT)),  # more was delivered than is kept
    ],
)
def test_a_room_is_recovered_from_what_the_socket_has_had(
    stamps: list[Stamp] | None, stamp: int, known: tuple[Place, datetime | None]
) -> None:
    assert _from(JOINED, stamps, stamp, MOMENT) == known


def test_stamps_that_every_socket_has_passed_are_folded_into_one() -> None:
    room = Room(UUID(int=1))
    room.stamps = [(1_000_000, 1, 1), (2_000_000, 2, 2), (90_000_000, 3, 3)]
    forget_old(room, 100.0)
    assert room.stamps == [(0, 2, 2), (90_000_000, 3, 3)]
    forget_old(room, 500.0)
    assert room.stamps == [(0, 3, 3)]
