"""How much of everything a load needs: the arithmetic of docs/operate/scaling.md."""

import math
from dataclasses import dataclass

from bench.costs import TEXT_BYTES, Costs

MEASURED_LISTENERS = 10  # of the room that Costs.message was measured with
BUSY = 0.6  # of a hub's core, and of nginx's
BUSY_REDIS = 0.5
BUS_BYTES = 50  # around a frame between hubs
HUB_CONNECTIONS = 28_000  # ports that Linux gives one address of nginx towards one hub
NGINX_CONNECTIONS = 65_536  # of a worker, as deploy/nginx has it; a client takes two
DAY = 86_400


@dataclass(frozen=True)
class Load:
    """`members` of each conversation are connected, each with `devices`; each connection is in `conversations`."""

    connections: int
    messages: int  # a second
    members: int = 10
    devices: int = 1
    conversations_each: int = 10
    text_bytes: int = TEXT_BYTES

    @property
    def listeners(self) -> int:
        """Connections that receive a message."""
        return self.members * self.devices

    @property
    def deliveries(self) -> int:
        """Deliveries a second."""
        return self.messages * self.listeners

    @property
    def conversations(self) -> int:
        """Loaded conversations."""
        return max(1, self.connections * self.conversations_each // self.listeners)


def expected_hubs(hubs: int, listeners: int) -> float:
    """Return the expected number of hubs with listeners of a conversation."""
    return hubs * (1 - (1 - 1 / hubs) ** listeners)


def of_message(costs: Costs, listeners: int, reached: float) -> float:
    """Return the microseconds of CPU per message, on all hubs that it reaches."""
    return costs.message + costs.listener * (listeners - MEASURED_LISTENERS) + costs.hub_more * (reached - 1)


def cores(load: Load, costs: Costs, hubs: int) -> float:
    """Return the cores needed by all hubs."""
    message = of_message(costs, load.listeners, expected_hubs(hubs, load.listeners))
    return (load.messages * message + load.connections * costs.idle_connection) / 1e6


def hubs_needed(load: Load, costs: Costs) -> int:
    """Return the smallest number of hubs that have enough ports and cores; more hubs make each message dearer."""
    hubs = math.ceil(load.connections / HUB_CONNECTIONS)
    while cores(load, costs, hubs) > hubs * BUSY:
        hubs += 1
    return hubs


def servers_needed(load: Load, costs: Costs, hubs: int) -> int:
    """Return the number of Redis servers, each of which uses one core."""
    message = costs.redis + costs.redis_hub_more * (expected_hubs(hubs, load.listeners) - 1)
    return max(1, math.ceil(load.messages * message / 1e6 / BUSY_REDIS))


def frame_bytes(load: Load, costs: Costs) -> float:
    """Return the size of a message as it is delivered."""
    return costs.frame_bytes - TEXT_BYTES + load.text_bytes


def commits(load: Load, costs: Costs, hubs: int) -> float:
    """Return the commits a second of all hubs: while one is in progress, messages that arrive at random wait for the next."""
    waiting = load.messages / hubs * costs.commit_ms / 1000
    return load.messages / (waiting + math.exp(-waiting))


def postgres_cores(load: Load, costs: Costs, hubs: int) -> float:
    """Return the cores that Postgres needs, if its commits do not get slower."""
    return (commits(load, costs, hubs) * costs.commit + load.messages * costs.committed_message) / 1e6


def stored_bytes(load: Load, costs: Costs) -> float:
    """Return the bytes of a message in its table and the indexes."""
    return costs.row_bytes - TEXT_BYTES + load.text_bytes


def wal_bytes(load: Load, costs: Costs) -> float:
    """Return the bytes of a message in the WAL."""
    return costs.wal_bytes - TEXT_BYTES + load.text_bytes


def nginx_cores(load: Load, costs: Costs) -> float:
    """Return the cores that nginx needs."""
    return (load.deliveries * costs.nginx_delivery + load.connections * costs.nginx_idle_connection) / 1e6


def nginx_workers(load: Load, costs: Costs) -> int:
    """Return the number of workers of nginx: enough cores, and two connections of a worker for each client."""
    return math.ceil(max(nginx_cores(load, costs) / BUSY, 2 * load.connections / NGINX_CONNECTIONS))
