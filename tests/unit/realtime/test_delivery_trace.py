"""What a hub still knows of how a change passed through it."""

from datetime import UTC, datetime

from realtime.rooms.delivery_trace import ChangeTrace, DeliveryTrace

ONE, OTHER = bytes(16), bytes(15) + b"x"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_of_what_was_never_here_nothing_is_known() -> None:
    trace = DeliveryTrace()
    trace.arrivals.append((OTHER, 4, 5, 10.0, "own"))
    trace.writings.append((ONE, 5, 6, 10.0, 3))
    assert trace.of(ONE, 5) == ChangeTrace()


def test_a_page_of_the_log_is_the_arrival_of_all_in_it_but_of_what_had_come_before() -> None:
    trace = DeliveryTrace()
    trace.arrivals.append((ONE, 6, 7, 10.0, "bus"))  # and was held
    trace.arrivals.append((ONE, 4, 7, 11.0, "log"))
    trace.writings.append((ONE, 4, 7, 12.0, 3))
    assert [trace.of(ONE, version) for version in (4, 5, 6, 7, 8)] == [
        ChangeTrace(),
        ChangeTrace(at(11), "log", at(12), 3),
        ChangeTrace(at(11), "log", at(12), 3),
        ChangeTrace(at(10), "bus", at(12), 3),
        ChangeTrace(),
    ]


def test_a_received_message_that_is_not_stored_yet_counts_as_received() -> None:
    trace = DeliveryTrace()
    trace.arrivals.append((ONE, 4, 5, 10.0, "own"))
    assert trace.of(ONE, 5) == ChangeTrace(at(10), "own")


def test_the_oldest_is_forgotten_first() -> None:
    trace = DeliveryTrace(kept=2)
    for version in (1, 2, 3):
        trace.arrivals.append((ONE, version - 1, version, float(version), "own"))
        trace.writings.append((ONE, version - 1, version, float(version), 1))
    assert trace.of(ONE, 1) == ChangeTrace()
    assert trace.of(ONE, 2) == ChangeTrace(at(2), "own", at(2), 1)
