"""What no application answers looks alike at the doors of all processes, and repeats nothing of the request."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest

from api.app import build_app
from cli.serve.listening import NO_HUB, bare_app, hub_listening, listening, operations, runner_of
from core.base import errors
from realtime.app import open_hub
from tests.flow.conftest import MARKETS, Environment
from tests.flow.engine.serving import Raw, connected

SECRET = "do-not-repeat-me"


@pytest.fixture(params=["hub", "worker", "api", "dev"])
async def raw(request: pytest.FixtureRequest, env: Environment) -> AsyncIterator[Raw]:
    """Return a connection to a process, put together as its command does it."""
    settings = msgspec.structs.replace(env.settings, port=0)
    async with AsyncExitStack() as stack:
        is_api = request.param in ("api", "dev")
        app = build_app(settings, env.resources, env.publisher) if is_api else bare_app()
        runner = await stack.enter_async_context(runner_of(app))
        if not is_api:
            app.add_routes(operations(env.resources))
        if request.param in ("hub", "dev"):
            hub = await stack.enter_async_context(open_hub(settings, env.resources, MARKETS))
            port = await stack.enter_async_context(hub_listening(settings, runner, hub))
        else:
            port = await stack.enter_async_context(listening(settings, runner, env.resources.offenders))
        yield await stack.enter_async_context(connected(port))


@pytest.mark.parametrize(
    ("line", "header", "expected"),
    [
        (f"GET /{SECRET}", "", errors.NOT_FOUND),
        (f"GET /healthz/{SECRET}", "", errors.NOT_FOUND),
        (f"DELETE /healthz?{SECRET}", "", errors.METHOD_NOT_ALLOWED),
        ("GET /healthz", f"Expect: {SECRET}\r\n", errors.MALFORMED_REQUEST),
        (f"GET /{SECRET}", f"Expect: {SECRET}\r\n", errors.MALFORMED_REQUEST),
        ("POST /healthz", f"Expect: {SECRET}\r\n", errors.MALFORMED_REQUEST),
        ("GET /healthz", f"X: \0{SECRET}\r\n", errors.MALFORMED_REQUEST),
        ("GET /healthz", f"X: {SECRET * 2000}\r\n", errors.HEADERS_TOO_LARGE),
    ],
)
async def test_what_is_answered_below_the_applications_has_our_envelope(
    raw: Raw, line: str, header: str, expected: errors.ErrorCode
) -> None:
    raw.send(f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n".encode())
    head, _, body = (await raw.rest()).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    told = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert (int(status.split(" ")[1]), json.loads(body)["error"]["code"]) == (expected.status, expected.code)
    assert told["cache-control"] == "no-store"
    assert told["content-type"].startswith("application/json")
    assert "server" not in told
    assert ("allow" in told) == (expected is errors.METHOD_NOT_ALLOWED)
    assert SECRET not in f"{head!r}{body!r}"


@pytest.mark.parametrize("raw", ["api", "worker"], indirect=True)
@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("GET /socket.io/?EIO=4&transport=polling", ""),
        ("GET /socket.io?EIO=4&transport=polling", ""),
        ("POST /ws/?EIO=4&transport=polling&sid=x", "Content-Length: 0\r\n"),
        ("GET /socket.io/socket.io.js", ""),
        (
            "GET /socket.io/?EIO=4&transport=websocket",
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
    ],
)
async def test_a_process_without_a_hub_says_where_one_is(raw: Raw, line: str, header: str) -> None:
    connection = "Upgrade" if header.startswith("Upgrade") else "close"
    raw.send(f"{line} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n{header}\r\n".encode())
    head = await raw.head()
    assert head.startswith(b"HTTP/1.1 404 ")
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert json.loads(await raw.body(size)) == {"error": {"code": "NOT_FOUND", "message": NO_HUB, "details": []}}


async def test_a_client_that_asks_before_it_sends_its_body_may_go_on(raw: Raw) -> None:
    raw.send(b"POST /socket.io/none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert (await raw.head()).startswith(b"HTTP/1.1 100 ")
    raw.send(b"{}")
    assert (await raw.head()).startswith(b"HTTP/1.1 404 ")


async def test_the_probes_name_no_server_either(raw: Raw) -> None:
    raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    head = (await raw.head()).lower()
    assert head.startswith(b"http/1.1 200 ")
    assert b"\r\nserver:" not in head
    assert b"cache-control: no-store" in head
