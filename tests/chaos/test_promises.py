"""The checker finds what it is there to find: a run in which all is well, and what is done to it."""

import msgspec
import pytest

from tests.chaos.journal import Acked, Connected, EditAcked, Heard, Joined, Journal, Refused, Seen, Sent
from tests.chaos.promises import Removal, Stored, broken, log_of

ROOM = "room"


def stored(seq: int) -> Stored:
    return Stored(ROOM, seq, seq, f"id-{seq}", "ann", f"c-{seq}", f"text {seq}", float(seq))


def seen(seq: int) -> Seen:
    return Seen(ROOM, seq, seq, f"id-{seq}", f"text {seq}")


def heard(seq: int) -> Heard:
    return Heard(at=float(seq), seen=seen(seq))


def joined(last_seq: int, messages: list[Seen] | None = None) -> Joined:
    return Joined(at=0.0, conversation=ROOM, since=0, last_seq=last_seq, version=last_seq, messages=messages or [])


class Run:
    """Ann sends five messages, of which Bob hears the first two, is away for one, and hears the rest."""

    def __init__(self) -> None:
        self.rows = [stored(seq) for seq in range(1, 6)]
        connected = Connected(at=0.0, hub="1")
        self.ann = Journal("Ann", "ann", [ROOM], [connected, joined(0)])
        for seq in range(1, 6):
            sent = Sent(at=float(seq), conversation=ROOM, client_id=f"c-{seq}", content=f"text {seq}")
            acked = Acked(
                at=float(seq), conversation=ROOM, client_id=f"c-{seq}", id=f"id-{seq}", seq=seq, duplicate=False
            )
            self.ann.lines += [sent, heard(seq), acked]
        self.bob = Journal("Bob", "bob", [ROOM], [connected, joined(0), heard(1), heard(2)])
        self.bob.lines += [connected, joined(3, [seen(3)]), heard(4), heard(5)]

    def found(self, *removals: Removal) -> list[str]:
        """Return the kinds of what is broken, each once."""
        return sorted({one.replace("Ann: ", "").replace("Bob: ", "").split(":")[0] for one in self.check(*removals)})

    def check(self, *removals: Removal) -> list[str]:
        return broken(log_of(self.rows), [self.ann, self.bob], removals)


@pytest.fixture
def run() -> Run:
    return Run()


def test_nothing_is_found_where_nothing_is_broken(run: Run) -> None:
    assert run.check() == []


def test_an_acked_message_that_is_not_stored_is_lost(run: Run) -> None:
    del run.rows[4]
    assert "lost" in run.found()


def test_a_message_that_a_receiver_never_saw_is_lost(run: Run) -> None:
    del run.bob.lines[-1]
    assert run.found() == ["lost"]


def test_an_edit_that_a_receiver_never_saw_is_lost(run: Run) -> None:
    run.rows[1] = msgspec.structs.replace(run.rows[1], content="edited", version=6, changed=True)
    run.ann.lines.append(Heard(at=6.0, seen=Seen(ROOM, 2, 6, "id-2", "edited"), edited=True))
    assert run.found() == ["lost"]


def test_an_acked_edit_that_is_not_stored_is_lost(run: Run) -> None:
    run.bob.lines.append(EditAcked(at=6.0, seen=Seen(ROOM, 1, 6, "id-1", "edited")))
    assert "lost" in run.found()


def test_a_message_stored_twice_is_doubled(run: Run) -> None:
    run.rows.append(Stored(ROOM, 6, 6, "id-6", "ann", "c-6", "text 1", 6.0))
    assert "doubled" in run.found()


def test_a_repeat_with_another_answer_is_doubled(run: Run) -> None:
    run.ann.lines.append(Acked(at=6.0, conversation=ROOM, client_id="c-1", id="id-9", seq=2, duplicate=True))
    assert run.found() == ["doubled"]


def test_a_message_delivered_twice_on_one_connection_is_out_of_order(run: Run) -> None:
    run.bob.lines.append(heard(5))
    assert "order" in run.found()


def test_two_live_messages_in_the_wrong_order_are_found(run: Run) -> None:
    run.bob.lines[-2:] = [heard(5), heard(4)]
    assert "order" in run.found()


def test_two_people_with_different_orders_are_found(run: Run) -> None:
    run.bob.lines[2:4] = [
        Heard(at=1.0, seen=Seen(ROOM, 1, 1, "id-2", "text 2")),
        Heard(at=2.0, seen=Seen(ROOM, 2, 2, "id-1", "text 1")),
    ]
    assert "order" in run.found()


def test_a_message_before_the_answer_to_the_join_is_found(run: Run) -> None:
    run.bob.lines[-3:-1] = [heard(4), joined(3, [seen(3)])]
    assert "order" in run.found()


def test_a_hole_in_the_seqs_is_found(run: Run) -> None:
    del run.rows[2]
    assert "hole" in run.found()


@pytest.mark.parametrize("left_out", [1, 3, 4])
def test_a_hole_in_what_came_live_is_found_even_if_it_was_filled_later(run: Run, left_out: int) -> None:
    run.ann.lines.remove(heard(left_out))
    run.ann.lines += [Connected(at=6.0, hub="2"), joined(5, [seen(seq) for seq in range(1, 6)])]
    assert run.found() == ["hole"]


def test_a_message_delivered_but_never_stored_is_a_phantom(run: Run) -> None:
    run.bob.lines.append(heard(6))
    assert "phantom" in run.found()


def test_a_send_that_was_never_answered_is_found(run: Run) -> None:
    run.ann.lines.append(Sent(at=6.0, conversation=ROOM, client_id="c-6", content="text 6"))
    assert run.found() == ["unanswered"]


def test_an_error_is_found_unless_it_is_retryable(run: Run) -> None:
    run.ann.lines.append(Refused(at=6.0, event="message:send", code="UNAVAILABLE", retryable=True))
    assert run.found() == []
    run.ann.lines.append(Refused(at=6.0, event="message:send", code="NOT_A_MEMBER", retryable=False))
    assert run.found() == ["error"]


def test_a_removed_member_who_still_hears_or_sends_is_found(run: Run) -> None:
    assert run.found(Removal("bob", ROOM, at=4.5)) == []
    assert run.found(Removal("bob", ROOM, at=3.5)) == ["access"]
    assert run.found(Removal("ann", ROOM, at=3.5)) == ["access"]
