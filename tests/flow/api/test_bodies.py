"""Bodies that come in odd ways."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from api.app import build_app
from api.calls import body
from api.files import multipart
from cli.serve.listening import listening, runner_of
from realtime.engine.http import connection
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment


async def raw(port: int, head: str, content: bytes, call: str = "login") -> tuple[int, bytes]:
    """Send a login whose body is this, and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    first = f"POST /api/auth/{call} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n{head}\r\n\r\n"
    writer.write(first.encode() + content)
    # Where a body was announced that does not come, the server waits for it for ten seconds after its answer.
    answer = await (reader.read() if content else reader.readuntil(b"}}"))
    writer.close()
    return int(answer.split()[1]), answer


@pytest.fixture
async def port(env: Environment, light_passwords: None) -> AsyncIterator[int]:
    """Return the port of an API behind its door, as it is shipped."""
    app = build_app(env.settings, env.resources, env.publisher)
    async with runner_of(app) as runner, listening(env.settings, runner, env.resources.offenders) as port:
        yield port


async def test_a_body_in_chunks_of_one_byte_is_read(port: int) -> None:
    login = b'{"email": "x@example.com", "password": "x"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in login) + b"0\r\n\r\n"
    status, answer = await raw(port, "Transfer-Encoding: chunked", chunks)
    assert status == 401, answer


@pytest.mark.parametrize("content", [b"zz\r\nx\r\n0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n", b"-1\r\n\r\n"])
async def test_chunks_that_are_none_are_a_malformed_request(port: int, content: bytes) -> None:
    status, answer = await raw(port, "Transfer-Encoding: chunked", content)
    assert status == 400, answer
    assert b"MALFORMED_REQUEST" in answer


async def test_a_body_that_is_too_long_is_refused_at_its_head_or_where_it_becomes_so(port: int) -> None:
    over = 256 * 1024 + 1
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (over, b" " * over)
    for head, content in ((f"Content-Length: {over}", b""), ("Transfer-Encoding: chunked", chunks)):
        status, answer = await raw(port, head, content)
        assert status == 413, answer
        assert b"PAYLOAD_TOO_LARGE" in answer


@pytest.mark.parametrize("form", [False, True])
async def test_a_body_that_does_not_come_in_time_is_a_request_timeout_and_no_fault_of_ours(
    port: int, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, form: bool
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(multipart, "FORM_SECONDS", 0.05)
    token = (await api.signed_up()).access_token
    call = "auth/login"
    headers = "Content-Type: application/json"
    if form:
        call, headers = (
            "users/me/avatar",
            f"Content-Type: multipart/form-data; boundary=b\r\nAuthorization: Bearer {token}",
        )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /api/{call} HTTP/1.1\r\nHost: x\r\n{headers}\r\nContent-Length: 9\r\n\r\n{{".encode())
    answer = await reader.readuntil(b"}}")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_TIMEOUT" in answer
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_others_have_their_turn_while_a_body_of_very_many_chunks_is_read(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "READ_BYTES", 256)  # so that a few chunks are very many
    turns, parsed = 0, []
    data_received = connection.Connection.data_received

    def counted(http: connection.Connection, data: bytes) -> None:
        data_received(http, data)
        parsed.append(turns)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(connection.Connection, "data_received", counted)
    counting = asyncio.create_task(count())
    for call in ("login", "none"):  # also while a body that nobody wants is thrown away
        parsed.clear()
        status, answer = await raw(port, "Transfer-Encoding: chunked", b"1\r\n \r\n" * 2000 + b"0\r\n\r\n", call)
        assert status in (400, 404), answer
        assert len(set(parsed)) > 2000 / 256
    counting.cancel()
