"""How nginx treats what is behind it: a path that fails, names with several addresses, very many connections."""

import os
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import socketio
from aiohttp import web

from realtime.engine.config import Config
from tests.chaos.stage import free_port
from tests.chaos.websocket import WebSocket
from tests.deploy.nginx import NEEDS_NGINX, open_nginx
from tests.flow.engine.apps import greeters
from tests.flow.engine.serving import PATIENCE
from tests.flow.engine.serving import serving as engine_serving

pytestmark = [pytest.mark.chaos, pytest.mark.slow, NEEDS_NGINX]
OF_A_WORKER = 1024  # connections that nginx takes where nobody says more
POLL = "/socket.io/?EIO=4&transport=polling&sid=known"
ELSEWHERE = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
WITH_HOSTS = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'


async def answer(request: web.Request) -> web.StreamResponse:
    """Be an API, one of whose paths is not available, or a hub that keeps WebSockets."""
    if "transport=websocket" in request.query_string:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket
    assert request.transport
    here: str = request.transport.get_extra_info("sockname")[0]
    return web.Response(text=here, status=503 if request.path == "/ops/hubs" else 200)


@asynccontextmanager
async def serving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Run a server in the place of ours, and yield its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_path_that_is_not_available_takes_no_other_path_with_it(tmp_path: Path) -> None:
    async with (
        serving() as one,
        serving() as other,
        open_nginx(tmp_path, [free_port()], [one, other]) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        for _ in range(5):
            assert [(await http.get("/ops/hubs")).status for _ in range(3)] == [503] * 3
            assert [(await http.get("/onswift/api/health")).status for _ in range(3)] == [200] * 3


async def test_an_api_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    async with (
        serving() as one,
        open_nginx(tmp_path, [free_port()], [free_port(), one]) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        assert [(await http.get("/onswift/api/health")).status for _ in range(20)] == [200] * 20


@pytest.fixture
def many_files() -> int:
    """Let this process have the files that it may have, and return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


async def test_more_websockets_than_an_nginx_of_the_image_takes(tmp_path: Path, many_files: int) -> None:
    count = OF_A_WORKER // 2 * (os.cpu_count() or 1) + 200
    if many_files < 3 * count:
        pytest.skip(f"{3 * count} open files are not allowed here")
    async with serving() as hub, open_nginx(tmp_path, [hub], [hub]) as port:
        sockets = []
        try:
            for _ in range(count):
                sockets.append(await WebSocket.connect(port))
                await sockets[-1].open()
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
                assert (await http.get("/onswift/api/health")).status == 200
        finally:
            for socket in sockets:
                socket.abort()


@pytest.fixture
def hosts(tmp_path: Path) -> list[str]:
    """Return the command before one that should know the name `hub`, which stands for three addresses."""
    names = tmp_path / "hosts"
    names.write_text("".join(f"{address} hub\n" for address in ELSEWHERE))
    command = ["unshare", "--mount", "sh", "-c", WITH_HOSTS, "sh", str(names)]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("names cannot be given to a process here")
    return command


async def test_polling_stays_with_one_of_the_hubs_that_a_name_stands_for(tmp_path: Path, hosts: list[str]) -> None:
    port, answered = free_port(), Counter[str]()
    async with AsyncExitStack() as stack:
        for address in ELSEWHERE:
            await stack.enter_async_context(serving(address, port))
        door = await stack.enter_async_context(open_nginx(tmp_path, [port], [port], name="hub", before=hosts))
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{door}"))
        for path in [POLL, "/onswift/api/health"] * 10:
            async with http.get(path) as got:
                answered[f"{path == POLL} {await got.text()}"] += 1
    assert sorted(answered.values(), reverse=True)[0] == 10, "all polls"
    assert len(answered) == 1 + len(ELSEWHERE), "and what may go anywhere goes everywhere"


async def test_polling_goes_on_while_the_hub_that_the_address_leads_to_is_drained(tmp_path: Path) -> None:
    async with (
        engine_serving(Config(), greeters) as one,
        engine_serving(Config(), greeters) as other,
        open_nginx(tmp_path, [one.port, other.port], [free_port()]) as port,
    ):
        for drained in (one, other):  # the address leads to one of them
            drained.engine.refusing = True
            async with socketio.AsyncSimpleClient(reconnection=False) as client:
                await client.connect(f"http://127.0.0.1:{port}", transports=["polling"], auth={"token": "right"})
                for _ in range(5):
                    assert await client.call("send", "hello", timeout=PATIENCE) == len('["send","hello"]')
            drained.engine.refusing = False
