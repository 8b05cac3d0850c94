"""`python -m tests.conformance`, as the official suites start it."""

import asyncio
import signal
import sys

import aiohttp
import pytest

from tests.conformance.echo import LayerName


@pytest.mark.parametrize(("layer", "path"), [("socketio", "/socket.io/"), ("engineio", "/engine.io/")])
async def test_the_command_serves_until_it_is_told_to_stop(layer: LayerName, path: str) -> None:
    command = (sys.executable, "-m", "tests.conformance", "--layer", layer, "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    name, _, url = (await process.stdout.readline()).decode().split()
    assert name == layer
    async with aiohttp.ClientSession() as http, http.get(f"{url}{path}?EIO=4&transport=polling") as answer:
        assert (await answer.text()).startswith("0{")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
