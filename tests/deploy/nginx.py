"""nginx as it is shipped, for the time of a test."""

import asyncio
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench import nginx
from tests.chaos.stage import free_port

START_SECONDS = 10.0
NEEDS_NGINX = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


@asynccontextmanager
async def open_nginx(
    folder: Path, hubs: Sequence[int], apis: Sequence[int], name: str = "127.0.0.1", before: Sequence[str] = ()
) -> AsyncIterator[int]:
    """Run nginx before hubs and APIs on these ports of `name`, and yield its own; with access.log and error.log in the folder.

    `before`: a command that runs it.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(*before, *nginx.command(folder, port, hubs, apis, name), stderr=PIPE)
    try:
        await _answers(port, process)
        yield port
    finally:
        process.terminate()
        await process.communicate()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if process.returncode is not None:
                    _, said = await process.communicate()
                    raise RuntimeError(said.decode()) from None
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return
