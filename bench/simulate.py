"""What hubs and Redis servers have to do for conversations whose members are spread by chance, and what moves with one more.

`python -m bench.simulate` prints the table of docs/scaling.md. Costs are those of bench/results, chance is of a fixed seed, and
which server a conversation belongs to is asked of the bus itself.
"""

import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from core.metrics import Metrics
from realtime.bus import Bus, conversation_channel

RESULTS = Path(__file__).parent / "results"
SAMPLE = 20_000  # conversations; what is counted of them is scaled up
BUSY = 0.6  # of a hub's core
BUSY_REDIS = 0.5
FRAME_BYTES = 650
SEED = 20261121


@dataclass(frozen=True)
class Costs:
    """Microseconds of CPU: of a message in a room of ten on one hub, of one hub more, of Redis, and of an idle connection."""

    message: float
    hub_more: float
    redis: float
    subscriber_more: float
    idle_per_second: float


@dataclass(frozen=True)
class Load:
    """`members` of each conversation are connected, one connection each; each connection is in so many conversations."""

    connections: int
    conversations_each: int
    members: int
    messages: int  # a second

    @property
    def conversations(self) -> int:
        return self.connections * self.conversations_each // self.members


@dataclass(frozen=True)
class Outcome:
    """Of a spread: hubs that a message reaches, rooms awake on the average and on the fullest hub, load of the busiest server."""

    hubs_of_message: float
    rooms: float
    most_rooms: float
    busiest_server: float  # times the average


def measured() -> Costs:
    """Read the costs from the newest report of the bench."""
    path = max(RESULTS.glob("????-??-??.md"))
    text = path.read_text()

    def values(case: str, measure: str) -> list[float]:
        row = re.search(rf"^\| {re.escape(case)} \| {re.escape(measure)} \|(.*)$", text, re.MULTILINE)
        assert row, f"{path} has no {case}, {measure}"  # noqa: S101
        return [float(cell.replace(",", "")) for cell in row[1].split("|") if re.fullmatch(r" [\d,.]+ ", cell)]

    one, two = values("2,000 msg/s, one hub or two", "hubs' CPU per message, microseconds")
    redis_one, redis_two = values("2,000 msg/s, one hub or two", "Redis's CPU per message, microseconds")
    idle = values("10,000 idle connections", "CPU each, microseconds a second")[0]
    return Costs(one, two - one, redis_one, redis_two - redis_one, idle)


def expected_hubs(hubs: int, members: int) -> float:
    """Return on how many hubs the members of a conversation are, by arithmetic."""
    return hubs * (1 - (1 - 1 / hubs) ** members)


def spread(load: Load, hubs: int, servers: int) -> Outcome:
    """Place the members of a sample of the conversations, and count."""
    dice = random.Random(SEED)  # noqa: S311
    rooms: Counter[int] = Counter()
    for _ in range(SAMPLE):
        rooms.update({dice.randrange(hubs) for _ in range(load.members)})
    scale = load.conversations / SAMPLE
    shares = Counter(owners(servers))
    return Outcome(
        hubs_of_message=rooms.total() / SAMPLE,
        rooms=rooms.total() / hubs * scale,
        most_rooms=max(rooms.values()) * scale,
        busiest_server=max(shares.values()) * servers / SAMPLE,
    )


def owners(servers: int) -> list[str]:
    """Return the server of each conversation of the sample."""
    bus = Bus([f"redis://redis-{number}" for number in range(servers)], Metrics(), lambda _: None, lambda: None)
    dice = random.Random(SEED)  # noqa: S311
    return [bus._shard(conversation_channel(UUID(int=dice.getrandbits(128)).bytes)).name for _ in range(SAMPLE)]  # noqa: SLF001


def moved(servers: int) -> float:
    """Return the share of the conversations that belong to another server when one more is added."""
    pairs = zip(owners(servers), owners(servers + 1), strict=True)
    return sum(before != after for before, after in pairs) / SAMPLE


def hubs_needed(load: Load, costs: Costs) -> int:
    """Return the smallest number of hubs that have enough cores; more hubs make each message dearer."""
    hubs = 1
    while cores(load, costs, hubs) > hubs * BUSY:
        hubs += 1
    return hubs


def cores(load: Load, costs: Costs, hubs: int) -> float:
    """Return how many cores the work of all hubs takes."""
    of_message = costs.message + costs.hub_more * (expected_hubs(hubs, load.members) - 1)
    return (load.messages * of_message + load.connections * costs.idle_per_second) / 1e6


def servers_needed(load: Load, costs: Costs, hubs: int) -> int:
    """Return the number of Redis servers, each of which uses one core."""
    of_message = costs.redis + costs.subscriber_more * (expected_hubs(hubs, load.members) - 1)
    return max(1, -int(-load.messages * of_message / 1e6 / BUSY_REDIS // 1))


LOADS = [
    Load(connections=20_000, conversations_each=10, members=10, messages=1_000),
    Load(connections=100_000, conversations_each=10, members=10, messages=5_000),
    Load(connections=1_000_000, conversations_each=10, members=10, messages=50_000),
]
COLUMNS = (
    "connections", "messages/s", "members", "hubs", "hubs a message reaches", "cores of the hubs", "connections of a hub",
    "rooms awake on a hub, on the fullest", "Redis servers", "out of each, MB/s", "busiest server", "moved by one more",
)  # fmt: skip


def row(load: Load, costs: Costs) -> str:
    """Return the line of a load in the table."""
    hubs = hubs_needed(load, costs)
    servers = servers_needed(load, costs, hubs)
    outcome = spread(load, hubs, servers)
    out = load.messages * outcome.hubs_of_message * FRAME_BYTES / servers / 1e6
    cells = [
        f"{load.connections:,}", f"{load.messages:,}", f"{load.members}", f"{hubs}", f"{outcome.hubs_of_message:.1f}",
        f"{cores(load, costs, hubs):.1f}", f"{load.connections // hubs:,}",
        f"{outcome.rooms:,.0f}, {outcome.most_rooms:,.0f}", f"{servers}", f"{out:.0f}",
        f"x {outcome.busiest_server:.2f}", f"{moved(servers):.0%}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """Return the table of docs/scaling.md."""
    costs = measured()
    head = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    return "\n".join([*head, *(row(load, costs) for load in LOADS)])


if __name__ == "__main__":
    print(table())
