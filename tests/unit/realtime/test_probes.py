"""What is asked of a process often is looked at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from core.platform.observability.metrics import Metrics
from realtime.operations import probes


@dataclass
class Server:
    """A server that is checked: it counts how often, and may be slow."""

    checked: int = 0
    is_away: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self) -> None:
        self.checked += 1
        self.asked.set()
        await self.answers.wait()
        if self.is_away:
            raise ConnectionError


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    app.add_routes(probes.routes({"server": server.check}, Metrics()))
    async with TestClient(TestServer(app)) as client:
        yield client


async def ask(client: TestClient[Any, Any], path: str) -> tuple[int, str]:
    async with client.get(path) as answer:
        return answer.status, await answer.text()


async def test_all_who_ask_at_once_and_soon_after_get_one_answer(client: TestClient[Any, Any], server: Server) -> None:
    asking = [asyncio.create_task(ask(client, path)) for path in ("/readyz", "/metrics") for _ in range(10)]
    await server.asked.wait()
    server.answers.set()
    assert {status for status, _ in await asyncio.gather(*asking)} == {200}
    assert {status for status, _ in [await ask(client, "/readyz") for _ in range(5)]} == {200}
    assert server.checked == 1


async def test_one_cancelled_caller_does_not_cancel_the_shared_lookup(
    client: TestClient[Any, Any], server: Server
) -> None:
    gone, stays = (asyncio.create_task(ask(client, "/readyz")) for _ in range(2))
    await server.asked.wait()
    gone.cancel()
    server.answers.set()
    assert (await stays)[0] == 200
    assert server.checked == 1


async def test_an_answer_that_is_old_is_not_given(
    client: TestClient[Any, Any], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "FRESH_SECONDS", 0.0)
    server.answers.set()
    assert (await ask(client, "/readyz"))[0] == 200
    server.is_away = True
    assert await ask(client, "/readyz") == (503, '{"status":"unavailable","missing":{"server":"ConnectionError"}}')
    assert 'greenroom_ready{check="server"} 0.0' in (await ask(client, "/metrics"))[1]
