"""Which server a channel belongs to: each has an equal share, and a server more moves only its own."""

from collections import Counter
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from core.platform.observability.metrics import Metrics
from realtime.bus.bus import Bus
from realtime.bus.deliveries import conversation_channel

CHANNELS = [
    conversation_channel(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).bytes) for number in range(4000)
]
NAMES = st.lists(st.from_regex(r"[a-z]{1,9}-[0-9]{1,3}", fullmatch=True), min_size=2, max_size=7, unique=True)
OF_CHANCE = 0.25  # of a share; its standard deviation is 0.04 of it for seven servers


def owners(hosts: list[str]) -> list[str]:
    """Return the server of each channel."""
    bus = Bus([f"redis://{host}:6379" for host in hosts], Metrics(), lambda _: None, lambda: None)
    return [bus._shard(channel).name for channel in CHANNELS]


@given(NAMES)
@settings(max_examples=25, deadline=None)
def test_each_server_has_an_equal_share(hosts: list[str]) -> None:
    counts = Counter(owners(hosts))
    fair = len(CHANNELS) / len(hosts)
    assert len(counts) == len(hosts)
    assert all(abs(count - fair) < OF_CHANCE * fair for count in counts.values()), counts


@given(NAMES)
@settings(max_examples=25, deadline=None)
def test_a_server_more_takes_its_share_and_moves_nothing_else(hosts: list[str]) -> None:
    *before, added = hosts
    moved = [(old, new) for old, new in zip(owners(before), owners(hosts), strict=True) if old != new]
    assert {new for _, new in moved} == {f"{added}:6379"}
    fair = len(CHANNELS) / len(hosts)
    assert abs(len(moved) - fair) < OF_CHANCE * fair


def test_the_order_of_the_servers_does_not_matter() -> None:
    assert owners(["a", "b", "c"]) == owners(["c", "a", "b"])
