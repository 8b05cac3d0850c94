"""What is shipped for nginx, before two real hubs and an API, with official clients and a crowd."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import mkdtemp

import aiohttp
import msgspec
import pytest
import socketio

from core.base.errors import HEADERS_TOO_LARGE, MALFORMED_REQUEST, PAYLOAD_TOO_LARGE, UNAVAILABLE, ErrorCode
from core.base.errors import answer as to_answer
from tests.chaos.conftest import chaos_servers as chaos_servers
from tests.chaos.conftest import stage as stage
from tests.chaos.crowd import gathered
from tests.chaos.hub import HubProcess
from tests.chaos.journal import Refused
from tests.chaos.stage import Stage, free_port
from tests.deploy.nginx import NEEDS_NGINX, open_nginx

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(90),
    NEEDS_NGINX,
]
PATIENCE = 10.0


@pytest.fixture
async def door(stage: Stage) -> AsyncIterator[str]:
    """Return the address of nginx before the stage's hubs and an API."""
    folder = Path(mkdtemp(prefix="greenroom-nginx-"))
    folder.chmod(0o755)
    api = HubProcess(free_port(), stage.environ(stage.servers.redis.url), command="api")
    await api.start()
    try:
        async with open_nginx(folder, stage.ports, [api.port]) as port:
            stage.doors = [port]
            yield f"http://127.0.0.1:{port}"
    finally:
        await api.end(signal.SIGTERM)
        shutil.rmtree(folder)


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="+".join)
@pytest.mark.parametrize("path", ["socket.io", "ws"])
async def test_clients_of_each_transport_talk_to_each_other(
    stage: Stage, door: str, transports: list[str], path: str
) -> None:
    ann, bob = await stage.seed(2, 1, 1)
    (conversation,) = ann.conversations
    heard: asyncio.Queue[str] = asyncio.Queue()
    sockets = [socketio.AsyncClient(reconnection=False) for _ in range(2)]
    for socket, account in zip(sockets, (ann, bob), strict=True):
        socket.on("message:received", lambda event: heard.put_nowait(event["message"]["content"]))
        auth = {"token": account.token}
        await socket.connect(door, auth=auth, transports=transports, socketio_path=path, wait_timeout=PATIENCE)
        await socket.call("join:conversation", {"conversationId": conversation}, timeout=PATIENCE)
    for socket in sockets:
        await socket.call("message:send", {"conversationId": conversation, "content": "hello"}, timeout=PATIENCE)
    async with asyncio.timeout(PATIENCE):
        assert [await heard.get() for _ in range(4)] == ["hello"] * 4
    for socket in sockets:
        await socket.disconnect()


async def test_a_page_may_connect_to_where_it_is_from_and_not_from_elsewhere(door: str) -> None:
    async with aiohttp.ClientSession() as session:
        for origin, status in ((door, 200), ("https://elsewhere.example", 403), (door.rpartition(":")[0], 403)):
            url = f"{door}/socket.io/?EIO=4&transport=polling"
            async with session.get(url, headers={"Origin": origin}) as response:
                assert response.status == status, origin


async def test_the_api_and_the_page_are_behind_the_same_door_and_operations_are_not(door: str) -> None:
    async with aiohttp.ClientSession() as session:
        for path, status in {
            "/": 200, "/onswift/api/health": 200, "/onswift/api/users/me": 401, "/healthz": 200, "/metrics": 404, "/readyz": 404,
        }.items():  # fmt: skip
            async with session.get(door + path) as response:
                assert response.status == status, path


async def test_a_rolling_restart_behind_nginx_loses_nothing_and_shows_no_error(stage: Stage, door: str) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            for hub in stage.hubs:
                await crowd.said(60)
                await hub.restart()
            await crowd.said(60)
        assert await crowd.settled() == []
        assert crowd.count(Refused) == 0


async def test_a_hub_that_is_killed_behind_nginx_is_passed_over(stage: Stage, door: str) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            await stage.hubs[0].end(signal.SIGKILL)
            await crowd.said(120)
            await stage.hubs[0].start()
        assert await crowd.settled() == []


async def test_the_log_holds_no_secrets_of_addresses(tmp_path: Path) -> None:
    async with open_nginx(tmp_path, [free_port()], [free_port()]) as port, aiohttp.ClientSession() as http:
        await http.get(f"http://127.0.0.1:{port}/healthz?token=unseen")
        async with http.get(f"http://127.0.0.1:{port}/api/calendar.ics?token=secret") as answer:
            assert answer.status == 502, "nobody is behind it"
    logged = (tmp_path / "access.log").read_text()
    assert '"GET /api/calendar.ics HTTP/1.1" 502' in logged
    assert "secret" not in logged + (tmp_path / "error.log").read_text()


async def test_the_log_holds_nothing_that_a_client_has_made_up_and_opens_no_file(stage: Stage, tmp_path: Path) -> None:
    api = HubProcess(free_port(), stage.environ(stage.servers.redis.url), command="api")
    await api.start()
    async with open_nginx(tmp_path, [free_port()], [api.port]) as port, aiohttp.ClientSession() as http:
        paths = (
            "/unseen",
            "/onswift/api/files/blob/unseen",
            "/api/files/unseen/unseen.pdf",
            "/api/upload/blob/unseen",
            "/",
        )
        for path in paths:
            async with http.get(f"http://127.0.0.1:{port}{path}") as answer:
                assert answer.status in (200, 401, 403, 404, 405), path
    await api.end(signal.SIGTERM)
    logged = (tmp_path / "access.log").read_text()
    assert (len(logged.splitlines()), "unseen" in logged) == (len(paths), False)
    assert '"GET / HTTP/1.1" 200' in logged


async def test_what_nginx_refuses_itself_has_the_form_of_all_errors(tmp_path: Path) -> None:
    heads = {
        MALFORMED_REQUEST: b"GET / HTTP/1.1\r\n\r\n",
        PAYLOAD_TOO_LARGE: b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n",
        HEADERS_TOO_LARGE: b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 20_000 + b"\r\n\r\n",
    }
    async with open_nginx(tmp_path, [free_port()], [free_port()]) as port:
        for error, head in heads.items():
            status, headers, body = await answered(port, head)
            assert (status, body, headers["cache-control"]) == (error.status, shown(error), "no-store"), error
        status, _, body = await answered(port, b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (status, body) == (431, shown(HEADERS_TOO_LARGE))
        status, _, body = await answered(port, b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (status, body) == (502, shown(UNAVAILABLE)), "nobody is behind it"


def shown(error: ErrorCode) -> object:
    return msgspec.json.decode(msgspec.json.encode(to_answer(error.error())))


async def answered(port: int, head: bytes) -> tuple[int, dict[str, str], object]:
    """Send a head and return what nginx answers before it closes the connection: status, headers, JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    async with asyncio.timeout(PATIENCE):
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return int(start.split()[1]), headers, msgspec.json.decode(body)
