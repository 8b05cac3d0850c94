"""A real Chromium in front of a real `greenroom dev`."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from tests.browser.page import Visit
from tests.browser.server import DevServer

expect.set_options(timeout=15_000)  # whatever else keeps the machine busy; what is there is not waited for
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
def chromium() -> str:
    """Return the path of the browser; without one there is nothing to test."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser on the PATH: {', '.join(NAMES)}")
    return path


@contextmanager
def running_server(**settings: str) -> Iterator[DevServer]:
    """Run a server in a folder of its own; a test that kills it starts it again."""
    folder = Path(mkdtemp(prefix="greenroom-browser-"))  # not below a private one: Postgres may run as nobody
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = DevServer(folder, port, **settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="package")
def server(chromium: str) -> Iterator[DevServer]:
    """Return the server that the tests of the page share."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return Chromium. It goes with its module, because Playwright's loop must not run while other tests run theirs."""
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS) as one:
        yield one


@pytest.fixture
def visit(server: DevServer, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return what opens the page in a new browser profile; at the end none of them may have had a problem."""
    server.start()  # a test that killed it may have failed before it started it again
    visits: list[Visit] = []

    def open_visit(**options: ViewportSize) -> Visit:
        visits.append(Visit(browser, server.url, **options))
        return visits[-1]

    yield open_visit
    for one in visits:
        one.context.close()
    assert [problem for one in visits for problem in one.problems] == []


@pytest.fixture
def demo(visit: Callable[..., Visit]) -> Visit:
    """Return a visit in which a creator and a talent look at their conversation."""
    one = visit()
    one.start_demo()
    return one
