"""What is in the image runs: every process, from the files that the Dockerfile copies and the way it installs them."""

import asyncio
import signal
import subprocess
import tomllib
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from cli.embedded.process import Server
from tests.chaos.hub import END_SECONDS, ROOT, START_SECONDS
from tests.chaos.stage import KEY, free_port
from tests.deploy.image import Image, make_image

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return make_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def environ(image: Image, database_url: str, redis: Server) -> dict[str, str]:
    """Return what a process in the image is given."""
    ours = {
        "GREENROOM_DATABASE_URL": database_url,
        "GREENROOM_REDIS_URLS": redis.url,
        "GREENROOM_JWT_KEYS": KEY,
        "GREENROOM_SENTRY_DSN": "http://key@127.0.0.1:9/1",
        "GREENROOM_HOST": "127.0.0.1",
        "GREENROOM_PORT": str(free_port()),
    }
    return {**image.environ, **ours}


def said(image: Image, environ: dict[str, str], *arguments: str) -> str:
    """Run a command that ends by itself, and return its output."""
    command = [image.program(), *image.entry[1:], *arguments]
    ran = subprocess.run(command, cwd=image.folder, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@asynccontextmanager
async def listening(image: Image, environ: dict[str, str], *arguments: str) -> AsyncIterator[Process]:
    """Run a process until the end of the block, which begins when it listens."""
    command = [image.program(), *image.entry[1:], *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=image.folder, env=environ, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        await _listens(process)
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_SECONDS):
            await process.communicate()
    assert process.returncode == 0


async def _listens(process: Process) -> None:
    assert process.stderr
    lines = []
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stderr:
            lines.append(line.decode())
            if "listening on" in lines[-1]:
                return
    raise AssertionError("".join(lines))


def test_it_has_the_command_and_knows_its_version(image: Image) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert said(image, image.environ, "version") == f"greenroom {project['version']}\n"
    assert image.command == ["hub"], "what it runs if it is told nothing else"


def test_it_brings_the_database_up_to_date_and_looks_after_jobs(image: Image, environ: dict[str, str]) -> None:
    assert said(image, environ, "migrate")
    assert said(image, environ, "jobs", "list")


@pytest.mark.parametrize("process", ["hub", "api", "worker"])
async def test_each_process_starts_is_healthy_and_ends(image: Image, environ: dict[str, str], process: str) -> None:
    async with listening(image, environ, process), aiohttp.ClientSession() as http:
        assert (await http.get(f"http://127.0.0.1:{environ['GREENROOM_PORT']}/healthz")).status == 200


async def test_a_hub_has_the_client_for_browsers(image: Image, environ: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{environ['GREENROOM_PORT']}/socket.io/socket.io.js"
    async with listening(image, environ, "hub"), aiohttp.ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
        assert "io" in await answer.text()


async def test_the_page_and_the_reference_are_in_it(image: Image, environ: dict[str, str]) -> None:
    async with listening(image, environ, "api"), aiohttp.ClientSession() as http:
        for path in ("/", "/web/app.js", "/web/vendor/socket.io.js", "/onswift/docs", "/onswift/docs/swagger-ui.css"):
            async with http.get(f"http://127.0.0.1:{environ['GREENROOM_PORT']}{path}") as answer:
                assert answer.status == 200, path


def test_it_is_not_what_is_installed_here(image: Image) -> None:
    python = str(Path(image.program()).with_name("python"))
    where = subprocess.check_output([python, "-c", "import cli; print(cli.__file__)"], text=True, cwd=image.folder)
    assert Path(where.strip()).is_relative_to(image.root)
