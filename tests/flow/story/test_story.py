"""The first minute of a user: official JavaScript clients against `greenroom dev`, which then dies and comes back."""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

ROOT = Path(__file__).parents[3]
NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="no node: `make install` fetches one where npm is missing"),
    pytest.mark.skipif(not (ROOT / "web/node_modules/socket.io-client").exists(), reason="run `make install`"),
]


async def start(port: int, folder: Path) -> asyncio.subprocess.Process:
    """Start `greenroom dev` in a process group of its own and return when it is ready."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "dev", cwd=ROOT, start_new_session=True,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env=environ | {"GREENROOM_PORT": str(port), "GREENROOM_DATA_DIR": str(folder)},
    )  # fmt: skip
    await ready(f"http://127.0.0.1:{port}")
    return process


async def ready(url: str) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)  # another process: there is no signal to wait for


async def talk(url: str) -> dict[str, Any]:
    """Let the official clients talk and return what they saw."""
    assert NODE
    process = await asyncio.create_subprocess_exec(
        NODE, "--unhandled-rejections=strict", str(Path(__file__).with_name("talk.mjs")), url, str(ROOT / "web"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told: dict[str, Any] = json.loads(out)
    return told


async def test_official_clients_talk_and_history_survives_the_death_of_everything(
    free_port: int, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    process = await start(free_port, tmp_path / "data")
    told = await talk(url)
    assert told["transports"] == ["websocket", "websocket"]
    assert (told["ack"]["seq"], told["ack"]["duplicate"], told["lastReadSeq"]) == (1, False, 1)
    assert told["refused"] == "EMPTY_MESSAGE"

    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    process = await start(free_port, tmp_path / "data")

    history = f"{url}/api/conversations/{told['conversationId']}/messages"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {told['token']}"}) as http:
        messages = (await (await http.get(history)).json())["messages"]
    assert [one["content"][:5] for one in messages] == ["Hello", "Hi!", "xxxxx"]

    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(5):
        assert await process.wait() == 0
