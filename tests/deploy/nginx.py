"""nginx with the configuration that is shipped, filled in as its official image does it."""

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.stage import free_port

TEMPLATE = Path(__file__).parents[2] / "deploy" / "nginx" / "greenroom.conf.template"
START_SECONDS = 10.0
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/greenroom.conf;
}}
"""


def filled(template: str, **values: str) -> str:
    """Fill in `${NAME}`s, those that have a value and no others."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)


@asynccontextmanager
async def open_nginx(folder: Path, hubs: Sequence[int], apis: Sequence[int]) -> AsyncIterator[int]:
    """Run nginx before hubs and APIs on these ports, and yield its own; it logs to access.log in the folder."""
    port = free_port()
    several = ["; server ".join(f"127.0.0.1:{one} fail_timeout=1s" for one in ports) for ports in (hubs, apis)]
    config = filled(TEMPLATE.read_text(), HUBS=several[0], APIS=several[1], PORT=f"127.0.0.1:{port}")
    (folder / "greenroom.conf").write_text(config.replace("/dev/stdout", f"{folder}/access.log"))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    program = shutil.which("nginx")
    assert program
    process = await asyncio.create_subprocess_exec(program, "-c", str(folder / "nginx.conf"), stderr=PIPE)
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
