"""What a connection may make the loop do: exactly its budget, a slice at a time, and never more than a turn allows."""

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from core.limits.budget import Nested, Rate
from core.limits.crowd import Crowd
from realtime.engine.config import Config
from realtime.engine.engine import Engine
from realtime.engine.http.queued_request import QueuedRequest
from realtime.engine.limits.budget import EXCUSES, KNOWN, NEW, SERVE, SLICE, TURN, UNIT, Budget, Turns
from realtime.engine.limits.guard import LEAST_HELD, LEAST_WATER, WATER, Client, Guard, Held, Shares
from realtime.engine.transports.websocket import CLOSE_TIME, GRACE
from tests.flow.engine.serving import client_frame, text
from tests.unit.engine.clock import HandLoop, by_hand
from tests.unit.engine.listener import connect


def spend(budget: Budget) -> int:
    """Spend all that there is right now, one by one."""
    spent = 0
    while budget.credit >= 1.0 or budget.refill() <= 0.0:
        budget.credit -= 1.0
        spent += 1
    return spent


@given(st.integers(1, 100), st.integers(1, 20))
def test_the_burst_is_exact_and_comes_back_evenly(count: int, seconds: int) -> None:
    with by_hand() as loop:
        budget = Budget(Config(traffic=Rate("traffic", count, seconds)), "")
        assert spend(budget) == count
        loop.now += seconds * 2
        assert spend(budget) == count
        loop.now += seconds / 2
        assert count // 2 - 1 <= spend(budget) <= count // 2 + 1


def test_without_rates_there_is_always_credit_and_nothing_is_too_much() -> None:
    budget = Budget(Config(rates=False, traffic=Rate("traffic", 1, 1000), refusals=Rate("refusals", 1, 1000)), "")
    budget.credit -= 1_000_000.0
    assert budget.credit > 1.0
    assert all(budget.refuse(10.0) for _ in range(100))


def test_a_limited_subject_is_reported_once() -> None:
    told: list[tuple[str, str]] = []
    config = Config(refusals=Rate("refusals", 2, 1000), limited=lambda kind, address: told.append((kind, address)))
    with by_hand():
        budget = Budget(config, "1.2.3.4")
        budget.hold(0.0)
        budget.hold(0.0)
        assert [budget.refuse(1.0) for _ in range(3)] == [True, True, False]
    assert told == [("traffic", "1.2.3.4"), ("refusals", "1.2.3.4")]


def test_silence_is_excused_while_we_do_not_read_but_not_for_ever() -> None:
    budget = Budget(Config(), "")
    assert not budget.excuses_silence()
    budget.heard_pong()
    for _ in range(EXCUSES):
        budget.hold(0.0)
        assert budget.excuses_silence()
    budget.hold(0.0)
    assert not budget.excuses_silence()
    budget.heard_pong()
    budget.hold(0.0)
    assert budget.excuses_silence()
    assert not budget.excuses_silence(), "since the last ping it was read"
    budget.heard_pong()
    budget.hold(1000.0)
    assert budget.excuses_silence()
    assert budget.excuses_silence(), "it still is not"


def test_a_turn_takes_a_slice_of_a_connection_and_reads_no_more_until_the_rest_is_done() -> None:
    with by_hand() as loop:
        websocket, wire, listener = connect(Config())
        websocket.data_received(text("4x") * 100)
        assert len(listener.heard) == SLICE
        assert not wire.is_reading()
        loop.turn()
        assert len(listener.heard) == 2 * SLICE
        loop.run()
        assert len(listener.heard) == 100
        assert wire.is_reading()


def test_big_packets_cost_more_of_a_turn() -> None:
    with by_hand() as loop:
        websocket, _, listener = connect(Config())
        websocket.data_received(client_frame(0x82, bytes(UNIT * int(SLICE) // 2)) * 10)
        assert len(listener.heard) == 2
        loop.run()
        assert len(listener.heard) == 10


def test_many_connections_share_a_turn() -> None:
    with by_hand() as loop:
        config = Config(rates=False)
        engine = Engine(config)
        ends = [connect(config, engine) for _ in range(50)]
        for websocket, _, _ in ends:
            websocket.data_received(text("4x") * 100)
        before = sum(len(listener.heard) for _, _, listener in ends)
        loop.turn()
        assert sum(len(listener.heard) for _, _, listener in ends) == before + TURN
        loop.run()
        assert all(len(listener.heard) == 100 for _, _, listener in ends)


def test_one_that_fails_does_not_stop_the_others() -> None:
    class Broken:
        def work(self) -> float:
            raise ZeroDivisionError

    class Sound:
        worked = False

        def work(self) -> float:
            self.worked = True
            return 1.0

    with by_hand() as loop:
        turns, sound = Turns(), Sound()
        turns.add(Broken())
        turns.add(sound)
        try:
            loop.turn()
        except ZeroDivisionError:
            loop.run()
        assert sound.worked


def test_a_client_over_its_rate_is_paused_and_loses_nothing() -> None:
    with by_hand() as loop:
        websocket, wire, listener = connect(Config(traffic=Rate("traffic", 10, 1)))
        websocket.data_received(text("4x") * 30)
        turn_until_it_waits(loop)
        assert len(listener.heard) == 10
        assert not wire.is_reading()
        started = loop.now
        loop.run()
        assert len(listener.heard) == 30
        assert round(loop.now - started, 3) == 2.0
        assert wire.is_reading()
        assert listener.codes == []


def turn_until_it_waits(loop: HandLoop) -> None:
    """Run all that is to run now, and nothing that is for later."""
    while loop.has_work_now:
        loop.turn()


def test_short_frames_one_by_one_use_up_the_budget_too() -> None:
    with by_hand():
        websocket, wire, listener = connect(Config(traffic=Rate("traffic", 10, 1)))
        for _ in range(11):
            assert wire.is_reading()
            websocket.data_received(text("4x"))
        assert len(listener.heard) == 10
        assert not wire.is_reading()


def test_pings_empty_fragments_and_pieces_of_frames_cost_as_well() -> None:
    for frames in (client_frame(0x89, b""), client_frame(0x8A, b"")):
        with by_hand():
            websocket, wire, _ = connect(Config(traffic=Rate("traffic", 10, 1)))
            websocket.data_received(frames * 11)
            assert not wire.is_reading()
    with by_hand():
        websocket, wire, _ = connect(Config(traffic=Rate("traffic", 10, 1)))
        websocket.data_received(client_frame(0x01, b"") + client_frame(0x00, b"") * 11)
        assert not wire.is_reading()
        assert wire.written == b""
    with by_hand():
        websocket, wire, _ = connect(Config(traffic=Rate("traffic", 10, 1)))
        pieces = client_frame(0x81, bytes(1000))
        sent = 0
        while wire.is_reading():
            websocket.data_received(pieces[sent : sent + 1])
            sent += 1
        assert 100 < sent < 400


def test_a_frame_larger_than_the_budget_is_taken_and_paid_for_afterwards() -> None:
    with by_hand() as loop:
        websocket, wire, listener = connect(Config(traffic=Rate("traffic", 10, 1)))
        websocket.data_received(client_frame(0x82, bytes(UNIT * 20)))
        assert len(listener.heard) == 1
        assert not wire.is_reading()
        started = loop.now
        loop.run()
        assert wire.is_reading()
        assert 1.0 < loop.now - started < 3.0


def test_a_client_that_sends_after_the_close_is_not_read_and_disconnected_later() -> None:
    with by_hand():
        websocket, wire, listener = connect(Config())
        websocket.close("whatever", 1000)
        websocket.data_received(bytes(GRACE))
        spared = wire.is_reading()
        websocket.data_received(b"x")
        assert (spared, wire.is_reading(), wire.aborted) == (True, False, False)
        for _ in range(round(CLOSE_TIME / websocket.engine.wheel.tick)):
            websocket.engine.wheel.turn()
        assert wire.aborted
        assert listener.heard == []


def test_a_peer_that_does_not_read_is_not_read_until_it_does_and_nothing_is_lost() -> None:
    with by_hand() as loop:
        websocket, wire, listener = connect(Config())
        websocket.data_received(text("4x") * 40)
        websocket.pause_writing()
        loop.run()
        assert len(listener.heard) == SLICE
        assert not wire.is_reading()
        websocket.resume_writing()
        loop.run()
        assert len(listener.heard) == 40
        assert wire.is_reading()


def test_a_connection_that_goes_while_it_waits_leaves_nothing_to_do() -> None:
    for count in (5, 400):  # it waits for credit, or for its turn
        with by_hand() as loop:
            websocket, _, listener = connect(Config(traffic=Rate("traffic", count, 4)))
            websocket.data_received(text("4x") * 40)
            heard = len(listener.heard)
            websocket.connection_lost(None)
            loop.run()
            assert len(listener.heard) == heard


A: Nested = (("a", 1),)
B: Nested = (("b", 1),)


class Holder:
    """Holds a place of an address until others need it."""

    def __init__(self, crowd: Crowd, subjects: Nested = A) -> None:
        self.crowd = crowd
        self.subjects = subjects
        self.is_in = True
        crowd.enter(subjects, self)

    def crowded_out(self) -> None:
        self.is_in = False
        self.crowd.leave(self.subjects, self)


def test_of_a_crowd_the_one_that_was_used_longest_ago_goes() -> None:
    crowd = Crowd(2)
    one, two = Holder(crowd), Holder(crowd)
    crowd.renew(A, one)
    three = Holder(crowd)
    assert (one.is_in, two.is_in, three.is_in) == (True, False, True)


def test_a_crowd_forgets_who_has_gone_and_does_not_count_who_has_no_subject() -> None:
    crowd = Crowd(1)
    one = Holder(crowd)
    for _ in range(3):
        crowd.enter((), one)
    crowd.leave(A, one)
    crowd.leave(A, one)
    crowd.renew(A, one)
    assert one.is_in
    assert not crowd._guests


def test_the_networks_of_a_wider_one_are_bounded_together() -> None:
    subjects: list[Nested] = [((f"{part}/64", 1), ("/48", 2)) for part in "abc"]
    crowd = Crowd(1)
    holders = [Holder(crowd, of) for of in subjects]
    assert [holder.is_in for holder in holders] == [False, True, True]
    guard = Guard(Config(address_traffic=Rate("traffic", 1, 10)))
    assert [guard.is_late(Client("", of), guard.traffic) for of in subjects] == [False, False, True]


class Keeper:
    """Something that keeps bytes until it is told to go."""

    def __init__(self, held: Held, subjects: Nested = A) -> None:
        self.held = held
        self.subjects = subjects
        self.is_in = True

    def put(self, size: int) -> "Keeper":
        self.held.put(self.subjects, self, size)
        return self

    def crowded_out(self) -> None:
        self.is_in = False
        self.put(0)


def test_what_an_address_keeps_is_added_up_and_beyond_the_bound_the_largest_goes() -> None:
    held = Held(10 * LEAST_HELD)
    small, large = Keeper(held).put(4 * LEAST_HELD), Keeper(held).put(2 * LEAST_HELD)
    large.put(6 * LEAST_HELD)
    assert (small.is_in, large.is_in) == (True, True)
    large.put(7 * LEAST_HELD)
    assert (small.is_in, large.is_in) == (True, False)
    Keeper(held).put(6 * LEAST_HELD).put(LEAST_HELD - 1)
    small.put(0)
    assert not held._of


def test_removed_entries_leave_nothing_for_wider_networks() -> None:
    held = Held(LEAST_HELD)
    assert not Keeper(held, (("a/64", 1), ("/48", 8))).put(2 * LEAST_HELD).is_in
    assert not held._of


def test_the_more_connections_an_address_has_the_less_may_wait_for_the_next() -> None:
    shares = Shares()
    given = [shares.enter(A, WATER // 4) for _ in range(WATER // LEAST_WATER + 1)]
    assert given[:4] == [WATER // 4] * 4
    assert given[4] == WATER // 5
    assert given[-2:] == [LEAST_WATER] * 2
    assert shares.enter((), WATER) == WATER
    for _ in given:
        shares.leave(A)
    assert shares.enter(A, WATER) == WATER


def test_an_address_is_counted_as_its_subject_unless_it_is_trusted() -> None:
    guard = Guard(Config(subjects=lambda address: ((address[:4], 1),), trusted=lambda address: address == "10.0.0.1"))
    assert guard.subjects("2001:db8::1") == (("2001", 1),)
    assert guard.subjects("10.0.0.1") == ()
    assert Guard(Config(rates=False)).subjects("10.0.0.2") == ()


def test_what_an_address_may_ask_comes_back_with_time_and_when_a_user_is_let_in() -> None:
    told: list[str] = []
    guard = Guard(Config(address_traffic=Rate("traffic", 2, 10), limited=lambda kind, _: told.append(kind)))
    with by_hand() as loop:
        asks = [guard.is_late(Client("a", A), guard.traffic) for _ in range(3)]
        assert asks == [False, False, True]
        assert not guard.is_late(Client("b", B), guard.traffic)
        assert not guard.is_late(Client("a", ()), guard.traffic)
        loop.now += 5.0
        assert not guard.is_late(Client("a", A), guard.traffic)
        guard.let_in(A)
        assert not guard.is_late(Client("a", A), guard.traffic)
    assert told == ["traffic"]


def test_a_known_user_pays_herself_what_strangers_have_used_up() -> None:
    guard = Guard(Config(address_traffic=Rate("traffic", 1, 1000)))
    client = Client("a", A)
    assert not guard.is_late(client, guard.traffic, lambda: "ann")
    assert not guard.is_late(client, guard.traffic, lambda: "ann")
    assert guard.is_late(client, guard.traffic, lambda: "ann")
    assert not guard.is_late(client, guard.traffic, lambda: "bob")


def wait(guard: Guard, go: Callable[[bool], object], *, is_late: bool = False, turn: str = NEW) -> QueuedRequest | None:
    """Serve a request now, if the turn has room, or return it queued."""
    if not is_late and guard.turns.pass_by(SERVE, turn):
        return None
    return QueuedRequest(guard, A, go, is_late=is_late, turn=turn)


def test_a_turn_begins_so_much_and_the_rest_waits_in_order() -> None:
    with by_hand() as loop:
        guard, served = Guard(Config()), list[int]()
        places = [wait(guard, partial(_note, served, number)) for number in range(50)]
        now = int(TURN / SERVE)
        assert places[:now] == [None] * now
        assert None not in places[now:]
        loop.turn()
        assert len(served) == now
        loop.run()
        assert served == list(range(now, 50))
        assert wait(guard, partial(_note, served, 50)) is None, "a quiet turn serves it at once"


def test_connections_that_were_served_before_do_not_wait_behind_a_crowd_of_new_ones() -> None:
    with by_hand() as loop:
        guard, served = Guard(Config()), list[int]()
        for number in range(50):
            wait(guard, partial(_note, served, number))
        wait(guard, partial(_note, served, 100), turn=KNOWN)
        loop.turn()
        assert 100 in served[:2]
        for number in range(100, 150):
            wait(guard, partial(_note, served, number), turn=KNOWN)
        loop.turn()
        assert sum(number < 100 for number in served[-int(TURN / SERVE) :]) == TURN / SERVE / 2, (
            "nor the other way round"
        )


def test_a_sender_whom_we_know_waits_behind_no_crowd_of_others_however_many_connections_they_have() -> None:
    with by_hand() as loop:
        guard, served = Guard(Config()), list[int]()
        for number in range(500):
            wait(guard, partial(_note, served, number), turn=("ann", KNOWN, NEW)[number % 3])
        loop.turn()
        served.clear()
        wait(guard, partial(_note, served, 1000), turn="bob")
        loop.turn()
        assert 1000 in served[:4]
        loop.run()
        assert len(served) == 500 + 1 - 2 * int(TURN / SERVE), "and all others have had theirs"


def _note(served: list[int], number: int, _ok: bool) -> None:
    served.append(number)


def test_a_place_that_was_given_up_is_not_served() -> None:
    with by_hand() as loop:
        guard, served = Guard(Config()), list[bool]()
        while not (place := wait(guard, served.append)):
            pass
        place.leave()
        loop.run()
        assert served == []


def test_of_those_who_are_late_the_oldest_is_refused_when_its_address_has_too_many() -> None:
    with by_hand() as loop:
        guard, told = Guard(Config(max_late=1)), list[bool]()
        for _ in range(2):
            wait(guard, told.append, is_late=True)
        assert told == [False]
        loop.now += 1.0
        loop.run()
        assert told == [False, True]
