"""Places conversations: members on random hubs, conversations on the Redis servers chosen by the bus."""

import random
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from bench.capacity import Load
from core.platform.observability.metrics import Metrics
from realtime.bus.bus import Bus
from realtime.bus.deliveries import conversation_channel

SAMPLE = 20_000  # conversations; counts are scaled up
SEED = 20261121


@dataclass(frozen=True)
class Outcome:
    """The result: hubs that a message reaches, rooms on the average and on the fullest hub, load of the busiest server."""

    hubs_of_message: float
    rooms: float
    most_rooms: float
    busiest_server: float  # times the average


def spread(load: Load, hubs: int, servers: int) -> Outcome:
    """Place the listeners of a sample of the conversations, and count."""
    dice = random.Random(SEED)  # noqa: S311
    rooms: Counter[int] = Counter()
    for _ in range(SAMPLE):
        rooms.update({dice.randrange(hubs) for _ in range(load.listeners)})
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
    """Return the share of the conversations that move when one server is added."""
    pairs = zip(owners(servers), owners(servers + 1), strict=True)
    return sum(before != after for before, after in pairs) / SAMPLE
