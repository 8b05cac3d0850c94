"""Capacity for a load: conversations with randomly spread members are placed on hubs and Redis servers, and counted.

Without arguments: the tables of docs/operate/scaling.md. With arguments: the same for your own load. Costs come from
bench/results, the random seed is fixed, and the bus itself decides which server a conversation belongs to.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence

from bench import capacity
from bench.capacity import Load
from bench.costs import TEXT_BYTES, Costs, measured
from bench.spread import moved, spread

MOST_DELIVERIES = 5_000_000  # a second: beyond, no measurement is close enough
LOADS = [Load(20_000, 1_000), Load(100_000, 5_000), Load(1_000_000, 50_000)]
Row = dict[str, str]


def hubs_and_redis(load: Load, costs: Costs) -> Row:
    """Return a line of the first table."""
    hubs = capacity.hubs_needed(load, costs)
    servers = capacity.servers_needed(load, costs, hubs)
    outcome = spread(load, hubs, servers)
    bus = load.messages * outcome.hubs_of_message * (capacity.frame_bytes(load, costs) + capacity.BUS_BYTES)
    return {
        **_load(load),
        "hubs": f"{hubs}",
        "hubs a message reaches": f"{outcome.hubs_of_message:.1f}",
        "cores of the hubs": f"{capacity.cores(load, costs, hubs):.1f}",
        "connections of a hub": f"{load.connections // hubs:,}",
        "rooms awake on a hub, on the fullest": f"{outcome.rooms:,.0f}, {outcome.most_rooms:,.0f}",
        "all come back, s": f"{load.connections / hubs / costs.returns_per_second:.1f}",
        "Redis servers": f"{servers}",
        "out of each, MB/s": f"{bus / servers / 1e6:.0f}",
        "busiest server": f"x {outcome.busiest_server:.2f}",
        "moved by one more": f"{moved(servers):.0%}",
    }


def nginx_and_postgres(load: Load, costs: Costs) -> Row:
    """Return a line of the second table."""
    hubs = capacity.hubs_needed(load, costs)
    stored = load.messages * capacity.stored_bytes(load, costs)
    return {
        **_load(load),
        "deliveries/s": f"{load.deliveries:,}",
        "to clients, MB/s": f"{load.deliveries * capacity.frame_bytes(load, costs) / 1e6:,.0f}",
        "cores of nginx": f"{capacity.nginx_cores(load, costs):.1f}",
        "its workers": f"{capacity.nginx_workers(load, costs)}",
        "its memory, GB": f"{load.connections * costs.nginx_kilobytes / 1e6:.1f}",
        "commits/s": f"{capacity.commits(load, costs, hubs):,.0f}",
        "rows written/s": f"{3 * load.messages:,}",
        "cores of Postgres": f"{capacity.postgres_cores(load, costs, hubs):.1f}",
        "tables, MB/s": f"{stored / 1e6:.1f}",
        "WAL, MB/s": f"{load.messages * capacity.wal_bytes(load, costs) / 1e6:.0f}",
        "tables, GB/day": f"{stored * capacity.DAY / 1e9:,.0f}",
    }


def _load(load: Load) -> Row:
    members = f"{load.members}" if load.devices == 1 else f"{load.members} x {load.devices}"
    return {"connections": f"{load.connections:,}", "messages/s": f"{load.messages:,}", "members": members}


def tables(loads: Sequence[Load]) -> str:
    """Return both tables, one line for each load."""
    costs = measured()
    return "\n\n".join(_table([line(load, costs) for load in loads]) for line in (hubs_and_redis, nginx_and_postgres))


def _table(rows: Sequence[Row]) -> str:
    head = [f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|"]
    return "\n".join([*head, *(f"| {' | '.join(row.values())} |" for row in rows)])


def own_load(arguments: Sequence[str]) -> Load:
    """Parse the load from the arguments; exits with an error message if it is invalid."""
    parser = ArgumentParser("python -m bench.simulate", description=__doc__)

    def ask(name: str, least: int, most: int, what: str, default: int | None = None) -> None:
        usual = f"; {default} unless given" if default else ""
        number = _number(least, most)
        parser.add_argument(
            name,
            type=number,
            metavar="N",
            required=default is None,
            default=default,
            help=f"{what}: {least} to {most:,}{usual}",
        )

    ask("--connections", 1, 10_000_000, "at the busiest time of the day")
    ask("--messages", 1, 200_000, "sent a second, at that time")
    ask("--members", 2, 10_000, "of a conversation who are connected", 10)
    ask("--devices", 1, 10, "connections of each of them", 1)
    ask("--conversations", 1, 1_000, "that each connection is in", 10)
    ask("--text", 1, 40_000, "bytes of a message's text", TEXT_BYTES)
    given = parser.parse_args(arguments)
    load = Load(given.connections, given.messages, given.members, given.devices, given.conversations, given.text)
    if load.listeners > load.connections:
        parser.error(
            f"{load.listeners:,} connections of one conversation are more than the {load.connections:,} of all"
        )
    if load.deliveries > MOST_DELIVERIES:
        parser.error(
            f"{load.deliveries:,} deliveries a second (messages x members x devices): at most {MOST_DELIVERIES:,}"
        )
    return load


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        digits = text.replace(",", "")
        if not digits.isdecimal() or not least <= int(digits) <= most:
            raise ArgumentTypeError(f"{text!r} is not a number from {least} to {most:,}")
        return int(digits)

    return number


if __name__ == "__main__":
    print(tables([own_load(sys.argv[1:])] if sys.argv[1:] else LOADS))
