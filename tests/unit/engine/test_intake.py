"""A turn reads so much, however many clients push and whatever the kernel has for us, and nobody is left out."""

import asyncio

from realtime.engine.http.intake import Intake
from realtime.engine.limits.budget import AT_MOST, LITTLE, NEW, READ_OF_TURN, Turns
from tests.unit.engine.clock import HandLoop, by_hand
from tests.unit.engine.wire import Wire


class Receiver(asyncio.Protocol):
    """Counts what it gets, and can be made to want no more."""

    def __init__(self) -> None:
        self.received = b""
        self.takes_more = True
        self.turn = NEW

    def data_received(self, data: bytes) -> None:
        self.received += data


class Kernel(Wire):
    """A connection on which `waiting` bytes have come that are not read yet."""

    def __init__(self, turns: Turns, unread: bytes = b"") -> None:
        super().__init__()
        self.unread = unread
        self.receiver = Receiver()
        self.intake = Intake(turns, self.receiver)
        self.intake.connection_made(self)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.intake

    def poll(self) -> int:
        """Read once, as the loop does; returns how much."""
        if not self.is_reading() or not self.unread:
            return 0
        buffer = self.intake.get_buffer(-1)
        piece, self.unread = self.unread[: len(buffer)], self.unread[len(buffer) :]
        buffer[: len(piece)] = piece
        self.intake.buffer_updated(len(piece))
        return len(piece)


def read_of_turns(loop: HandLoop, kernels: list[Kernel]) -> list[int]:
    """Let the loop poll and turn until all is read; returns how much was read in each turn."""
    turns = []
    while any(kernel.unread for kernel in kernels):
        turns.append(sum(kernel.poll() for kernel in kernels))
        loop.turn()
    return turns


def test_a_turn_reads_so_much_of_all_and_a_little_of_each() -> None:
    with by_hand() as loop:
        turns = Turns()
        kernels = [Kernel(turns, bytes([number]) * 300_000) for number in range(100)]
        read = read_of_turns(loop, kernels)
        assert max(read) <= READ_OF_TURN + AT_MOST + len(kernels) * LITTLE
        for number, kernel in enumerate(kernels):
            assert kernel.receiver.received == bytes([number]) * 300_000


def test_a_client_that_sends_little_is_read_at_once_beside_busy_ones() -> None:
    with by_hand() as loop:
        turns = Turns()
        others = [Kernel(turns, bytes(10 * AT_MOST)) for _ in range(100)]
        honest = Kernel(turns)
        for _ in range(20):
            honest.unread = b"x" * (LITTLE - 1)
            for kernel in [*others, honest]:
                kernel.poll()
            assert not honest.unread
            loop.turn()
        assert honest.receiver.received == b"x" * 20 * (LITTLE - 1)


def test_a_client_that_fills_the_buffer_is_read_in_a_later_turn() -> None:
    with by_hand() as loop:
        kernel = Kernel(Turns(), b"x" * (AT_MOST + 1))
        assert kernel.poll() == AT_MOST
        assert not kernel.is_reading()
        loop.turn()
        assert kernel.poll() == 1
        assert kernel.is_reading()


def test_a_receiver_that_wants_no_more_is_not_read_on() -> None:
    with by_hand() as loop:
        kernel = Kernel(Turns(), b"x" * (AT_MOST + 1))
        kernel.poll()
        kernel.receiver.takes_more = False
        loop.run()
        assert not kernel.is_reading()


def test_a_connection_that_is_gone_or_has_been_handed_on_is_left_alone() -> None:
    with by_hand() as loop:
        turns = Turns()
        gone, handed_on = Kernel(turns, bytes(AT_MOST)), Kernel(turns, bytes(AT_MOST))
        gone.poll()
        handed_on.poll()
        gone.intake.connection_lost(None)
        handed_on.intake = Intake(turns, handed_on.receiver)
        loop.run()
        assert not gone.is_reading()
        assert not handed_on.is_reading()
