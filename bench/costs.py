"""Unit costs, read from the pages of bench/results, so that a new run updates the calculations."""

import re
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
WHOLE_RUN = "????-??-??.md"
TEXT_BYTES = 86  # of the messages that load.c sends


@dataclass(frozen=True)
class Costs:
    """In microseconds of CPU unless noted; a message is one to ten listeners on one hub."""

    message: float
    hub_more: float
    listener: float
    idle_connection: float  # a second
    redis: float
    redis_hub_more: float
    commit: float
    committed_message: float
    commit_ms: float  # as long as one takes alone
    row_bytes: float
    wal_bytes: float
    frame_bytes: float  # of a text of TEXT_BYTES
    nginx_delivery: float
    nginx_idle_connection: float  # a second
    nginx_kilobytes: float  # of memory, of a connection
    returns_per_second: float  # clients of one hub that reconnect at once


def values(case: str, measure: str) -> list[float]:
    """Return the numbers of a line of the newest full run, or else of the newest page that has it."""
    for page in sorted(RESULTS.glob(WHOLE_RUN), reverse=True) + sorted(RESULTS.glob("*.md"), reverse=True):
        if row := re.search(rf"^\| {re.escape(case)} \| {re.escape(measure)} \|(.*)$", page.read_text(), re.MULTILINE):
            return [float(cell.replace(",", "")) for cell in row[1].split("|") if re.fullmatch(r" [\d,.]+ ", cell)]
    raise LookupError(f"no page of {RESULTS} has {case}, {measure}")


def measured() -> Costs:
    """Read the costs."""
    two_hubs, committed = "2,000 msg/s, one hub or two", "messages committed"
    nginx, idle = "nginx, 2,000 msg/s into 100 x 10", "nginx, 2,000 idle connections"
    one, two = values(two_hubs, "hubs' CPU per message, microseconds")
    redis, redis_two = values(two_hubs, "Redis's CPU per message, microseconds")
    few, many = (
        values(f"1,000 msg/s into rooms of {members}", "hubs' CPU per message, microseconds") for members in (4, 20)
    )
    alone, *_, together = values(committed, "Postgres's CPU per message, microseconds")
    return Costs(
        message=one,
        hub_more=two - one,
        listener=(many[0] - few[0]) / (20 - 4),
        idle_connection=values("10,000 idle connections", "CPU each, microseconds a second")[0],
        redis=redis,
        redis_hub_more=redis_two - redis,
        commit=alone - together,
        committed_message=together,
        commit_ms=0.45,  # on a quiet machine: docs/adr/0003-append-is-a-function.md
        row_bytes=values(committed, "bytes per message, with its index entries")[0],
        wal_bytes=values(committed, "bytes of WAL per message")[1],  # one by one, whole pages were among it
        frame_bytes=values("100 rooms x 10", "bytes per delivery")[0],
        nginx_delivery=values(nginx, "nginx's CPU per delivery, microseconds")[0],
        nginx_idle_connection=values(idle, "nginx's CPU each, microseconds a second")[0],
        nginx_kilobytes=values(idle, "nginx's memory each, KB")[0],
        returns_per_second=10_000 / values("10,000 come back at once", "seconds until all have caught up")[0],
    )
