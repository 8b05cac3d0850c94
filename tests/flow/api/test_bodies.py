"""Bodies that come in odd ways."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api import body
from tests.flow.api.conftest import Api


async def raw(api: Api, head: str, content: bytes) -> tuple[int, bytes]:
    """Send a login whose body is this, end the connection, and return the answer."""
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    first = f"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n{head}\r\n\r\n"
    writer.write(first.encode() + content)
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1]), answer


async def test_a_body_in_chunks_of_one_byte_is_read(api: Api) -> None:
    login = b'{"email": "x@example.com", "password": "x"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in login) + b"0\r\n\r\n"
    status, answer = await raw(api, "Transfer-Encoding: chunked", chunks)
    assert status == 401, answer


@pytest.mark.parametrize("content", [b"zz\r\nx\r\n0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n", b"-1\r\n\r\n"])
async def test_chunks_that_are_none_are_a_malformed_request(api: Api, content: bytes) -> None:
    status, answer = await raw(api, "Transfer-Encoding: chunked", content)
    assert status == 400, answer


async def test_a_body_that_is_too_long_is_refused_at_its_head_or_where_it_becomes_so(api: Api) -> None:
    over = 256 * 1024 + 1
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (over, b" " * over)
    for head, content in ((f"Content-Length: {over}", b""), ("Transfer-Encoding: chunked", chunks)):
        status, answer = await raw(api, head, content)
        assert status == 413, answer
        assert b"PAYLOAD_TOO_LARGE" in answer


async def test_others_have_their_turn_while_a_body_of_very_many_chunks_is_read() -> None:
    turns, during = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def read(request: web.Request) -> web.Response:
        before = turns
        text = str(len(await body.read_body(request)))
        during.append(turns - before)
        return web.Response(text=text)

    app = web.Application(handler_args={"read_bufsize": 256})  # so that a few chunks are very many
    app.add_routes([web.post("/api/auth/login", read)])
    counting = asyncio.create_task(count())
    async with TestClient(TestServer(app)) as client:
        status, answer = await raw(Api(client), "Transfer-Encoding: chunked", b"1\r\n \r\n" * 2000 + b"0\r\n\r\n")
    counting.cancel()
    assert (status, answer[-4:]) == (200, b"2000")
    assert during[0] > 2000 / 256
