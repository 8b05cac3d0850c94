"""A hub serves the client for browsers as Node's server does."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from cli.serve.listening import bare_app, hub_listening, runner_of
from realtime.app import open_hub
from realtime.browser_client import DIST, FILES
from tests.flow.conftest import MARKETS, PATIENCE, Environment

pytestmark = pytest.mark.skipif(not DIST.exists(), reason="run `make install`")
NODE = shutil.which("node") or ""
VERSION = json.loads((DIST.parent / "package.json").read_text())["version"] if DIST.exists() else ""


@pytest.fixture
async def url(env: Environment) -> AsyncIterator[str]:
    """Return the address of a hub that is put together as `greenroom hub` does it."""
    settings = msgspec.structs.replace(env.settings, port=0)
    async with (
        runner_of(bare_app()) as runner,
        open_hub(settings, env.resources, MARKETS) as hub,
        hub_listening(settings, runner, hub) as port,
    ):
        yield f"http://127.0.0.1:{port}/socket.io"


async def test_the_scripts_and_their_maps_are_served_and_kept(url: str) -> None:
    assert len(FILES) == 6
    async with aiohttp.ClientSession() as http:
        for name in FILES:
            async with http.get(f"{url}/{name}") as answer:
                assert answer.status == 200
                kind = "application/json" if name.endswith(".map") else "text/javascript"
                assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
                assert answer.headers["Cache-Control"] == "public, max-age=3600"
                assert answer.headers["Access-Control-Allow-Origin"] == "*", "or no page could import it as a module"
                assert await answer.read() == (DIST / name).read_bytes()
            async with http.get(f"{url}/{name}", headers={"If-None-Match": answer.headers["ETag"]}) as again:
                assert (again.status, await again.read()) == (304, b"")
            async with http.head(f"{url}/{name}") as head:
                assert head.headers["ETag"] == answer.headers["ETag"]


async def test_nothing_else_of_the_folder_is_served(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        for name in ("socket.io.msgpack.min.js", "package.json", "..%2Fpackage.json", "x.js"):
            async with http.get(f"{url}/{name}") as answer:
                assert answer.status == 404
                assert (await answer.json())["error"]["code"] == "NOT_FOUND"


@pytest.mark.skipif(not NODE, reason="no node")
async def test_what_is_served_is_a_client_that_connects(url: str, env: Environment, tmp_path: Path) -> None:
    _, token = await env.person("Ann")
    async with aiohttp.ClientSession() as http, http.get(f"{url}/socket.io.esm.min.js") as answer:
        script = await answer.text()
    assert f"Socket.IO v{VERSION}" in script
    (tmp_path / "client.mjs").write_text(script)
    (tmp_path / "page.mjs").write_text(
        f"""
        import {{ createRequire }} from "node:module";
        const require = createRequire("{DIST.parent}/");
        globalThis.WebSocket = require("ws").WebSocket;
        const {{ io }} = await import("./client.mjs");
        const socket = io("{url.removesuffix("/socket.io")}", {{ transports: ["websocket"], auth: {{ token: "{token}" }} }});
        socket.on("connect_error", (error) => (console.log(error.message), process.exit(1)));
        socket.on("connect", () => (console.log("connected"), process.exit(0)));
        """
    )
    process = await asyncio.create_subprocess_exec(NODE, str(tmp_path / "page.mjs"), stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert output.decode().strip() == "connected"
