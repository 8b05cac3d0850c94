"""A server as the official suites expect it, and the HTTP that a client speaks with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
import uvloop
from msgspec.structs import replace

from realtime.engine.config import Config
from realtime.engine.session import Layer, Session
from tests.conformance.echo import LayerName, conformance
from tests.flow.engine.serving import Served, serving


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on production's loop, and on the one of the standard library."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@dataclass
class Client:
    """Speaks Engine.IO by hand; `path` ends in the protocol's version."""

    http: aiohttp.ClientSession
    served: Served
    path: str

    async def request(self, method: str, query: str, body: str | bytes | None = None) -> tuple[int, str]:
        """The status and text of an answer."""
        async with self.http.request(method, f"{self.served.url}{self.path}?{query}", data=body) as answer:
            return answer.status, await answer.text()

    async def open(self) -> str:
        """The sid of a new session by polling."""
        status, text = await self.request("GET", "EIO=4&transport=polling")
        assert status == 200
        sid: str = json.loads(text[1:])["sid"]
        return sid

    async def poll(self, sid: str) -> tuple[int, str]:
        return await self.request("GET", f"EIO=4&transport=polling&sid={sid}")

    async def post(self, sid: str, body: str | bytes) -> tuple[int, str]:
        return await self.request("POST", f"EIO=4&transport=polling&sid={sid}", body)

    async def websocket(self, sid: str = "") -> aiohttp.ClientWebSocketResponse:
        """A WebSocket: for a new session, whose open packet is still to come, or for that of `sid`."""
        return await self.http.ws_connect(
            self.websocket_url(f"EIO=4&transport=websocket&sid={sid}".removesuffix("&sid="))
        )

    def websocket_url(self, query: str) -> str:
        return f"{self.served.url}{self.path}?{query}"

    async def refused(self, query: str) -> int:
        """The status with which a request for a WebSocket is refused."""
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await self.http.ws_connect(self.websocket_url(query))
        return refusal.value.status


@pytest.fixture
def layer() -> LayerName:
    """The suite that the server is for."""
    return "engineio"


@asynccontextmanager
async def _client(config: Config, layer: Callable[[Session], Layer]) -> AsyncIterator[Client]:
    async with serving(config, layer) as served, aiohttp.ClientSession() as http:
        yield Client(http, served, config.paths[0])


@pytest.fixture
async def client(layer: LayerName) -> AsyncIterator[Client]:
    """A client, and the server that it speaks with."""
    async with _client(*conformance(layer)) as client:
        yield client


@pytest.fixture
async def calm(layer: LayerName) -> AsyncIterator[Client]:
    """The same without the hurried heartbeat, so that nothing is closed because of that."""
    config, make = conformance(layer)
    async with _client(replace(config, ping_interval=25.0, ping_timeout=20.0, connect_timeout=45.0), make) as client:
        yield client


async def closed(websocket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which a WebSocket closes, after whatever else."""
    async for _ in websocket:
        pass
    return websocket.close_code
