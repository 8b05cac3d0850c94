"""An API behind its door: what an address asks too much is late, and probes, users and other addresses do not wait for it.

`late` is an hour here, so what is late is not answered within a test.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from api import lanes
from api.app import build_app
from cli.serve.listening import listening, runner_of
from config.settings import Settings
from core.base.clock import now
from core.limits.budget import Rate
from core.platform.tokens import Access
from realtime.app import door_config
from tests.flow.conftest import Environment
from tests.flow.engine.serving import Raw, connected

HOUR = 3600
PROBES = ("/healthz", "/readyz", "/metrics")
Door = Callable[..., Any]


@pytest.fixture
def door(env: Environment, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Return what opens an API with these limits at its door, and these settings."""

    @asynccontextmanager
    async def open(limits: dict[str, object], **changed: object) -> AsyncIterator[int]:
        def config(*given: Any) -> object:
            return msgspec.structs.replace(door_config(*given), late=float(HOUR), **limits)

        monkeypatch.setattr("cli.serve.listening.door_config", config)
        settings: Settings = msgspec.structs.replace(env.settings, **changed)
        resources = replace(env.resources, settings=settings)
        app = build_app(settings, resources, env.publisher)
        async with runner_of(app) as runner, listening(settings, runner, resources.offenders) as port:
            yield port

    return open


async def ask(raw: Raw, path: str, *headers: str) -> int:
    """Send a request and return the status of its answer."""
    send(raw, path, *headers)
    head = await raw.head()
    _, _, size = head.lower().partition(b"content-length: ")
    await raw.body(int(size.split(b"\r\n")[0]))
    return int(head.split(b" ")[1])


def send(raw: Raw, path: str, *headers: str, method: str = "GET") -> None:
    raw.send("\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *headers, "", "")).encode())


def bearer(env: Environment) -> str:
    """Return the header of somebody whose token is ours, though she has no session."""
    iat = int(now().timestamp())
    claims = Access(uuid4(), "a@example.com", "creator", "onswift", uuid4(), iat, iat + 60)
    return f"Authorization: Bearer {env.resources.keys.sign(claims)}"


async def test_health_readiness_and_metrics_are_answered_whatever_else_an_address_asks(door: Door) -> None:
    async with door({"address_traffic": Rate("traffic", 1, HOUR)}) as port, connected(port) as flood:
        send(flood, "/")
        for path in PROBES * 2:
            async with connected(port) as probe:
                assert await ask(probe, path) in (200, 503)  # machines of tests are busy
        assert not flood.reader._buffer  # type: ignore[attr-defined]


async def test_a_flood_of_probes_is_slowed_and_counted(door: Door, env: Environment) -> None:
    async with door({"address_probes": Rate("probes", 2, HOUR)}) as port, connected(port) as flood:
        assert [await ask(flood, "/healthz") for _ in range(2)] == [200, 200]
        send(flood, "/healthz")
        async with connected(port) as other:
            assert await ask(other, "/") == 200
        assert not flood.reader._buffer  # type: ignore[attr-defined]
        assert env.resources.metrics.limited.labels("probes")._value.get() == 1


async def test_a_token_that_we_have_signed_is_served_while_strangers_at_its_address_wait(
    door: Door, env: Environment
) -> None:
    async with door({"address_traffic": Rate("traffic", 2, HOUR)}) as port, connected(port) as flood:
        assert await ask(flood, "/") == 200
        send(flood, "/")
        async with connected(port) as user:
            assert [await ask(user, "/api/users/me", bearer(env)) for _ in range(3)] == [401] * 3
        assert not flood.reader._buffer  # type: ignore[attr-defined]


async def test_behind_a_trusted_proxy_the_forwarded_address_waits_and_no_other(door: Door) -> None:
    few = {"address_traffic": Rate("traffic", 1, HOUR)}
    async with door(few, trusted_proxies=("127.0.0.0/8",)) as port, connected(port) as one, connected(port) as other:
        assert await ask(one, "/", "X-Forwarded-For: 9.9.9.9, 1.2.3.4") == 200
        send(one, "/", "X-Forwarded-For: 8.8.8.8, 1.2.3.4")
        for address in ("1.2.3.5", "2001:db8::1", "2001:db8:0:1::1"):
            assert await ask(other, "/", f"X-Forwarded-For: {address}") == 200
        assert not one.reader._buffer  # type: ignore[attr-defined]


async def test_strangers_who_are_slow_to_send_a_body_keep_nobody_at_their_address_waiting(
    door: Door, env: Environment
) -> None:
    async with door({}, database_pool=lanes.SHARE) as port, connected(port) as slow, connected(port) as next_one:
        for raw in (slow, next_one):
            send(raw, "/api/auth/login", "Content-Type: application/json", "Content-Length: 2", method="POST")
        async with connected(port) as user:
            assert await ask(user, "/api/users/me", bearer(env)) == 401
            assert await ask(user, "/api/skills") == 200
        slow.send(b"{}")
        next_one.send(b"{}")
        assert [(await raw.head()).split()[1] for raw in (slow, next_one)] == [b"400", b"400"]
