"""The newest messages in memory: what they answer is what the log would say, or nothing."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core.base.events import Message, MessageReceived
from core.base.people import Person
from realtime.dialect.encoder import CORE, encode
from realtime.engine.socketio import packets
from realtime.log.recent import Recent

ROOMS = [UUID(int=number) for number in range(3)]
ANN = Person(UUID(int=9), "Ann", None)


def message(room: UUID, version: int) -> Message:
    return Message(
        UUID(int=version), room, version, version, ANN, f"number {version}", datetime(2026, 1, 1, tzinfo=UTC)
    )


def frame(room: UUID, version: int) -> bytes:
    return encode(MessageReceived(message(room, version), room))


SIZE = len(frame(ROOMS[0], 1))
Changes = st.lists(st.tuples(st.sampled_from(ROOMS), st.booleans()), max_size=60)


@given(
    changes=Changes,
    holds=st.integers(0, 40),
    room=st.sampled_from(ROOMS),
    since=st.integers(0, 30),
    length=st.integers(0, 30),
)
def test_an_answer_is_all_that_was_said_and_nothing_when_something_else_happened_or_was_forgotten(
    changes: list[tuple[UUID, bool]], holds: int, room: UUID, since: int, length: int
) -> None:
    recent = Recent(holds * SIZE + SIZE // 2)
    versions = dict.fromkeys(ROOMS, 0)
    kept: list[tuple[UUID, int]] = []
    for conversation, is_message in changes:
        versions[conversation] += 1
        if is_message:
            recent.add(conversation.bytes, versions[conversation], frame(conversation, versions[conversation]))
            kept = [*kept, (conversation, versions[conversation])]
    wanted = range(since + 1, since + length + 1)
    answer = recent.since(room.bytes, since, since + length, CORE)

    # Frames differ by a byte or two, so one more or less may be held than their number says.
    surely, perhaps = kept[-max(holds - 1, 0) :] if holds > 1 else [], kept[-(holds + 1) :]
    if answer is not None:
        assert answer == [message(room, version) for version in wanted]
        assert {(room, version) for version in wanted} <= set(perhaps)
    else:
        assert not {(room, version) for version in wanted} <= set(surely)


def test_the_same_version_delivered_twice_is_kept_once() -> None:
    recent = Recent(2 * SIZE)
    for version in (1, 1, 1, 2):
        recent.add(ROOMS[0].bytes, version, frame(ROOMS[0], version))
    assert recent.since(ROOMS[0].bytes, 0, 2, CORE) == [message(ROOMS[0], 1), message(ROOMS[0], 2)]


def test_what_is_no_message_that_we_know_is_left_to_the_log() -> None:
    recent = Recent()
    recent.add(ROOMS[0].bytes, 1, packets.event("message:received", {"message": "of another release"}))
    assert recent.since(ROOMS[0].bytes, 0, 1, CORE) is None
    assert recent.since(ROOMS[0].bytes, 1, 1, CORE) == []


def test_what_is_larger_than_all_that_may_be_kept_is_not_kept() -> None:
    recent = Recent(10)
    recent.add(ROOMS[0].bytes, 1, frame(ROOMS[0], 1))
    assert recent.since(ROOMS[0].bytes, 0, 1, CORE) is None


def test_a_conversation_is_forgotten_and_goes_on_and_its_room_is_free_again() -> None:
    recent = Recent(3 * SIZE)
    first, other = ROOMS[0].bytes, ROOMS[1].bytes
    for version in (1, 2):
        recent.add(first, version, frame(ROOMS[0], version))
    recent.drop(first)
    assert recent.since(first, 0, 2, CORE) is None
    recent.add(first, 3, frame(ROOMS[0], 3))
    assert recent.since(first, 2, 3, CORE) == [message(ROOMS[0], 3)]
    for version in (1, 2, 3):
        recent.add(other, version, frame(ROOMS[1], version))
    assert recent.since(other, 0, 3, CORE) == [message(ROOMS[1], version) for version in (1, 2, 3)]
    assert recent.since(first, 2, 3, CORE) is None
