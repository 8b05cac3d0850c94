"""Hubs that are restarted one after the other behind nginx, and a crowd that wants to be connected."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import socketio

from tests.chaos.conftest import SEED
from tests.chaos.conftest import chaos_servers as chaos_servers
from tests.chaos.person import BACKOFF, GONE
from tests.chaos.servers import Servers
from tests.chaos.stage import Account, Stage, free_port, open_stage
from tests.chaos.websocket import WebSocket
from tests.deploy.nginx import NEEDS_NGINX, open_nginx

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(150), NEEDS_NGINX]
PEOPLE, POLLING = 200, 5
PATIENCE = 30.0


class Crowd:
    """WebSockets that come back when they are closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._here = 0
        self._changed = asyncio.Event()

    async def all_here(self) -> None:
        """Return when everybody is connected."""
        async with asyncio.timeout(PATIENCE):
            while self._here < PEOPLE:
                self._changed.clear()
                await self._changed.wait()

    async def stay(self) -> None:
        """Be one of them, until cancelled."""
        while True:
            try:
                await self._visit(await WebSocket.connect(self._port))
            except GONE:
                await asyncio.sleep(random.uniform(*BACKOFF))

    async def _visit(self, socket: WebSocket) -> None:
        try:
            await socket.open()
            self._note(1)
            try:
                while True:
                    await socket.read()
            finally:
                self._note(-1)
        finally:
            socket.abort()

    def _note(self, change: int) -> None:
        self._here += change
        self._changed.set()


@asynccontextmanager
async def crowd_at(port: int) -> AsyncIterator[Crowd]:
    """Keep a crowd connected during the block."""
    crowd = Crowd(port)
    people = [asyncio.create_task(crowd.stay()) for _ in range(PEOPLE)]
    try:
        yield crowd
    finally:
        for one in people:
            one.cancel()
        await asyncio.wait(people)


@asynccontextmanager
async def polling(port: int, accounts: list[Account]) -> AsyncIterator[list[socketio.AsyncClient]]:
    """Keep official clients connected by polling during the block."""
    async with aiohttp.ClientSession() as http:  # theirs, if they have one, they lose when they reconnect
        clients = [socketio.AsyncClient(http_session=http, reconnection_delay_max=1) for _ in accounts]
        for client, account in zip(clients, accounts, strict=True):
            await client.connect(f"http://127.0.0.1:{port}", auth={"token": account.token}, transports=["polling"])
        try:
            yield clients
        finally:
            for client in clients:
                await client.shutdown()


async def comes_back(client: socketio.AsyncClient, account: Account) -> None:
    """Return when a client can join its conversation."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await client.call("join:conversation", {"conversationId": account.conversations[0]}, timeout=5)
            except socketio.exceptions.SocketIOError:
                await asyncio.sleep(0.1)
            else:
                return


@pytest.fixture
async def stage(chaos_servers: Servers) -> AsyncIterator[Stage]:
    async with open_stage(chaos_servers, SEED, hubs=3) as stage:
        yield stage


async def test_everybody_is_back_after_each_hub_was_restarted(stage: Stage, tmp_path: Path) -> None:
    accounts = await stage.seed(POLLING, 1, 1)
    async with (
        open_nginx(tmp_path, stage.ports, [free_port()]) as port,
        crowd_at(port) as crowd,
        polling(port, accounts) as pollers,
    ):
        await crowd.all_here()
        for hub in stage.hubs:
            await hub.restart()
            await crowd.all_here()
        for client, account in zip(pollers, accounts, strict=True):
            await comes_back(client, account)
    answers = (tmp_path / "access.log").read_text().splitlines()
    assert [line for line in answers if '"GET ' in line and '" 502 ' in line] == [], "nginx had a hub for everybody"
