"""What one address asks over however many connections: beyond its budget it is served late, and nobody else waits for it.

`late` is so long here that what is late is not answered at all within a test.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from core.limits.budget import Rate
from realtime.engine.config import Config
from tests.flow.engine.apps import greeters
from tests.flow.engine.serving import Raw, Served, connected, serving, upgrade_head

NEVER = 1000.0
SPENT = {"address_traffic": Rate("traffic", 1, 1000), "late": NEVER}  # by the first connection
OPEN = "/socket.io/?EIO=4&transport=polling"
BEHIND_PROXY = {"trusted": lambda address: address == "127.0.0.1", "address": lambda peer, forwarded: forwarded or peer}


@pytest.fixture
def limited() -> list[tuple[str, str]]:
    return []


def config(limited: list[tuple[str, str]], **settings: Any) -> Config:
    return Config(
        limited=lambda kind, address: limited.append((kind, address)),
        probes=frozenset(("/probe",)),
        **settings,
    )


async def nothing(_: web.Request) -> web.Response:
    return web.Response(text="nothing")


async def length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


@asynccontextmanager
async def door(config: Config) -> AsyncIterator[Served]:
    async with serving(config, greeters, routes=[web.get("/probe", nothing), web.post("/length", length)]) as served:
        served.engine.guard.user_of = lambda request: request.headers.get("X-User", "")
        yield served


def ask(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *headers, "", "")).encode()


async def status(raw: Raw) -> int:
    """The status of the next answer, of which the body is read too."""
    head = await raw.head()
    _, _, size = head.lower().partition(b"content-length: ")
    await raw.body(int(size.split(b"\r\n")[0] or 0))
    return int(head.split(b" ")[1])


async def until_late(served: Served, count: int) -> None:
    """Return when so many requests wait because they are late."""
    while sum(map(len, served.engine.guard.late._guests.values())) != count:
        async with connected(served.port) as probe:
            probe.send(ask("/probe"))
            assert await status(probe) == 200


async def test_what_an_address_asks_too_much_is_answered_late_however_many_connections_it_opens(
    limited: list[tuple[str, str]],
) -> None:
    async with door(config(limited, address_traffic=Rate("traffic", 4, 1000), late=0.01)) as served:
        for _ in range(4):
            async with connected(served.port) as raw:
                raw.send(ask("/hello"))
                assert await status(raw) == 200
    assert limited == [("traffic", "127.0.0.1")] * 2, "a connection takes one too"


async def test_what_is_late_waits_and_who_hangs_up_is_forgotten(limited: list[tuple[str, str]]) -> None:
    async with door(config(limited, **SPENT)) as served:
        async with connected(served.port) as raw, connected(served.port) as other:
            raw.send(ask("/hello"))
            other.send(upgrade_head(served.port))
            await until_late(served, 2)
        await until_late(served, 0)
        assert not served.engine.guard.late._guests
        assert not served.engine.guard.held._of


async def test_of_those_who_are_late_the_oldest_is_refused_when_its_address_has_too_many(
    limited: list[tuple[str, str]],
) -> None:
    async with door(config(limited, max_late=1, **SPENT)) as served, connected(served.port) as raw:
        raw.send(ask("/hello"))
        await until_late(served, 1)
        async with connected(served.port) as another:
            another.send(ask("/hello"))
            head = await raw.head()
            assert head.startswith(b"HTTP/1.1 429 ")
            assert b"Retry-After: 1" in head
            assert json.loads(await raw.rest())["error"]["code"] == "RATE_LIMITED"


async def test_a_probe_is_answered_whatever_its_address_asks_and_a_flood_of_probes_is_late(
    limited: list[tuple[str, str]],
) -> None:
    few = Rate("probes", 3, 1000)
    async with door(config(limited, address_probes=few, **SPENT)) as served, connected(served.port) as flood:
        flood.send(ask("/hello"))
        for _ in range(few.count):
            async with connected(served.port) as probe:
                probe.send(ask("/probe"))
                assert await status(probe) == 200
        async with connected(served.port) as probe:
            probe.send(ask("/probe") + ask("/probe"))
            while ("probes", "127.0.0.1") not in limited:
                async with connected(served.port) as user:
                    user.send(ask("/hello", "X-User: ann"))
                    assert await status(user) == 200
    assert limited == [("traffic", "127.0.0.1"), ("probes", "127.0.0.1")]


async def test_a_valid_token_is_charged_itself_up_to_its_own_limit(limited: list[tuple[str, str]]) -> None:
    spent = {"address_traffic": Rate("traffic", 2, 1000), "late": NEVER}
    async with door(config(limited, **spent)) as served, connected(served.port) as flood:
        flood.send(ask("/hello") * 2)
        assert await status(flood) == 200
        async with connected(served.port) as ann, connected(served.port) as bob:
            ann.send(ask("/hello", "X-User: ann") * 3)
            assert [await status(ann) for _ in range(2)] == [200, 200]
            bob.send(ask("/hello", "X-User: bob"))
            assert await status(bob) == 200
            await until_late(served, 2)


async def test_a_session_that_was_let_in_pays_for_its_polls_itself(limited: list[tuple[str, str]]) -> None:
    spent = {"address_traffic": Rate("traffic", 3, 1000), "late": NEVER}
    async with door(config(limited, **spent)) as served, connected(served.port) as raw:
        raw.send(ask(OPEN))
        await raw.head()
        sid = next(iter(served.engine.sessions))
        packet = '40{"token":"right"}'
        await raw.body(len(served.acceptor._open_packet % (sid, '"websocket"')))
        raw.send(ask(f"{OPEN}&sid={sid}", f"Content-Length: {len(packet)}", method="POST") + packet.encode())
        assert await status(raw) == 200
        async with connected(served.port) as flood:
            flood.send(ask("/hello") * 3)
            await until_late(served, 1)
            raw.send(ask(f"{OPEN}&sid={sid}"))
            assert await status(raw) == 200


@pytest.mark.parametrize(
    "refused",
    [
        ask(f"{OPEN}&sid=none"), ask(OPEN, method="PUT"), ask("/socket.io/"), ask("/nowhere"), b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01", upgrade_head(1, "/socket.io/?EIO=3&transport=websocket"),
    ],
    ids=["session", "method", "transport", "path", "version", "tls", "upgrade"],
)  # fmt: skip
async def test_repeated_refusals_are_delayed(limited: list[tuple[str, str]], refused: bytes) -> None:
    few = {"refusals": Rate("refusals", 2, 1000), "late": NEVER}
    async with door(config(limited, **few)) as served:
        for _ in range(2):
            async with connected(served.port) as raw:
                raw.send(refused)
                assert (await raw.head()).split(b" ")[1].startswith(b"4")
        async with connected(served.port) as raw:
            raw.send(refused)
            await until_late(served, 1)
            raw.send(ask("/hello"))
            async with connected(served.port) as fine:
                fine.send(ask("/hello"))
                assert await status(fine) == 200
    assert limited == [("refusals", "127.0.0.1")]


async def test_behind_a_proxy_of_ours_each_forwarded_address_has_its_own_budget(limited: list[tuple[str, str]]) -> None:
    spent = {"address_traffic": Rate("traffic", 2, 1000), "late": NEVER}
    async with (
        door(config(limited, **spent, **BEHIND_PROXY)) as served,
        connected(served.port) as one,
        connected(served.port) as other,
        connected(served.port) as opening,
    ):
        for _ in range(2):
            one.send(ask("/hello", "X-Forwarded-For: 1.2.3.4"))
            assert await status(one) == 200
        one.send(ask("/hello", "X-Forwarded-For: 1.2.3.4"))
        await until_late(served, 1)
        opening.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", "X-Forwarded-For: 1.2.3.4"))
        await until_late(served, 2)
        other.send(ask("/hello", "X-Forwarded-For: 1.2.3.5"))
        assert await status(other) == 200
        other.send(upgrade_head(served.port, "/ws?EIO=4&transport=websocket", "X-Forwarded-For: 1.2.3.5"))
        assert (await other.head()).startswith(b"HTTP/1.1 101 ")
    assert limited == [("traffic", "1.2.3.4")] * 2


async def test_behind_a_proxy_of_ours_bodies_are_counted_for_the_forwarded_address(
    limited: list[tuple[str, str]],
) -> None:
    begun = (f"Content-Length: {70_000}",)
    async with (
        door(config(limited, max_held=100_000, **BEHIND_PROXY)) as served,
        connected(served.port) as one,
        connected(served.port) as two,
        connected(served.port) as other,
    ):
        other.send(ask("/length", "X-Forwarded-For: 1.2.3.5", *begun, method="POST") + bytes(60_000))
        for raw in (one, two):
            raw.send(ask("/length", "X-Forwarded-For: 1.2.3.4", *begun, method="POST") + bytes(60_000))
        while not limited:
            await until_late(served, 0)
            async with connected(served.port) as probe:
                probe.send(ask("/probe"))
                await status(probe)
        assert limited == [("connections", "1.2.3.4")]
        other.send(bytes(10_000))
        assert await status(other) == 200
        assert set(served.engine.guard.held._of) == {"1.2.3.4"}


async def test_the_framing_of_chunks_is_paid_by_the_address_over_all_its_connections(
    limited: list[tuple[str, str]],
) -> None:
    chunks = ask("/length", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n" * 500 + b"0\r\n\r\n"
    async with door(config(limited, address_traffic=Rate("traffic", 100, 1000), late=0.01)) as served:
        for _ in range(3):
            async with connected(served.port) as raw:
                raw.send(chunks)
                assert await status(raw) == 200
    assert ("traffic", "127.0.0.1") in limited
