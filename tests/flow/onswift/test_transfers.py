"""Files that come or go slowly, too late, or many at once: nobody else waits for them, and nothing is left of them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from api.files import blobs, transfers
from api.files.blobs import Blobs
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.onswift.test_files import PDF, released_avatar
from tests.flow.onswift.uploading import announce, check, get, image, path_of, put

PNG = image()
AIOHTTP_POOL = 100  # connections that a session of aiohttp has if nothing else is said


class Slow:
    """An upload that has begun; `finish` sends the rest and returns the status, 0 if the connection was closed instead."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def finish(self) -> int:
        self._writer.write(PNG[1:])
        return await self.status()

    async def status(self) -> int:
        async with asyncio.timeout(PATIENCE):
            try:
                line = await self._reader.readline()
            except ConnectionError:
                return 0
        return int(line.split()[1]) if line else 0


Begin: TypeAlias = Callable[[Caller, str], AbstractAsyncContextManager[Slow]]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Return what begins an upload by a link, and goes on once the API passes it on."""
    begun, store = asyncio.Semaphore(0), Blobs._store

    async def watched(*args: Any) -> None:
        begun.release()
        await store(*args)

    monkeypatch.setattr(Blobs, "_store", watched)

    @asynccontextmanager
    async def begin(caller: Caller, url: str) -> AsyncIterator[Slow]:
        reader, writer = await asyncio.open_connection(caller.client.host, caller.client.port)
        try:
            head = f"PUT {path_of(url)} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(PNG)}"
            writer.write(f"{head}\r\n\r\n".encode() + PNG[:1])
            async with asyncio.timeout(PATIENCE):
                await begun.acquire()
            yield Slow(reader, writer)
        finally:
            writer.transport.abort()

    return begin


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a user have three uploads at once, and an address five transfers; goes before the API is built."""
    monkeypatch.setattr(transfers, "MAX_UPLOADS", 3)
    monkeypatch.setattr(transfers, "MAX_TRANSFERS", 5)


@pytest.fixture
def without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody have as many as they want; goes before the API is built."""
    monkeypatch.setattr(transfers, "MAX_UPLOADS", 1000)


async def test_slow_uploads_keep_nobody_from_files(
    without_bounds: None, api: Api, slow: Begin, env: Environment
) -> None:
    avatar, ann = await released_avatar(env, await api.signed_up()), await api.signed_up()
    url = (await announce(ann, PNG)).body["uploadUrl"]
    async with AsyncExitStack() as stack:
        for _ in range(AIOHTTP_POOL + 1):
            await stack.enter_async_context(slow(ann, url))
        async with asyncio.timeout(PATIENCE):
            assert (await get(api.anyone, avatar["fileUrl"]))[0] == 200
            assert (await put(ann, url, PNG)).status == 200


async def test_of_too_many_uploads_of_a_user_the_oldest_is_closed(
    most: None, api: Api, slow: Begin, env: Environment
) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    urls = [(await announce(ann, PNG)).body["uploadUrl"] for _ in range(4)]
    async with AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(slow(bob, (await announce(bob, PNG)).body["uploadUrl"]))
        oldest, *others = [await stack.enter_async_context(slow(ann, url)) for url in urls]
        assert await oldest.status() == 0
        assert [await one.finish() for one in (*others, theirs)] == [200] * 4
    assert env.resources.metrics.limited.labels("transfers")._value.get() == 1


async def test_of_too_many_transfers_of_an_address_the_oldest_is_closed(most: None, api: Api, slow: Begin) -> None:
    people = [await api.signed_up() for _ in range(3)]
    urls = [(one, (await announce(one, PNG)).body["uploadUrl"]) for one in people for _ in range(2)]
    async with AsyncExitStack() as stack:
        oldest, *others = [await stack.enter_async_context(slow(*one)) for one in urls]
        assert await oldest.status() == 0
        assert [await one.finish() for one in others] == [200] * 5


async def test_a_client_that_does_not_read_its_download_is_cut_off(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "STALL_SECONDS", 0.1)
    ann = await api.signed_up()
    large = PDF + bytes(12 * 1024 * 1024)
    pdf = {"fileName": "a.pdf", "mimeType": "application/pdf", "uploadType": "deliverable"}
    announced = (await announce(ann, large, **pdf)).body
    assert (await put(ann, announced["uploadUrl"], large, "application/pdf")).status == 200
    assert (await ann.post(f"/files/{announced['fileId']}/complete")).status == 200
    await check(env, announced["fileId"])
    link = (await ann.get(f"/files/{announced['fileId']}/download-url")).body["downloadUrl"]
    ended = asyncio.Event()
    stream = blobs._stream

    async def watched(*args: Any) -> Any:
        try:
            return await stream(*args)
        finally:
            ended.set()

    monkeypatch.setattr(blobs, "_stream", watched)
    with closing(socket.create_connection((ann.client.host, ann.client.port))) as reader:
        reader.sendall(f"GET {path_of(link)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    assert (await get(ann, link))[1] == large, "the others read on"


async def test_what_comes_when_the_file_is_checked_already_is_deleted(api: Api, env: Environment, slow: Begin) -> None:
    ann = await api.signed_up()
    announced = (await announce(ann, PNG)).body
    async with slow(ann, announced["uploadUrl"]) as late:
        assert (await put(ann, announced["uploadUrl"], PNG)).status == 200
        assert (await ann.post("/users/me/avatar", fileUrl=announced["fileUrl"])).status == 200
        await check(env, announced["fileId"])
        assert await late.finish() == 409
    assert await env.resources.storage.size_of(f"quarantine/{announced['fileId']}") is None
    assert (await get(api.anyone, announced["fileUrl"]))[0] == 200


@pytest.mark.parametrize("end", ["/auth/logout", "/users/me"])
async def test_what_comes_when_its_login_or_its_account_has_ended_is_deleted(
    api: Api, env: Environment, slow: Begin, end: str
) -> None:
    ann = await api.signed_up()
    announced = (await announce(ann, PNG)).body
    async with slow(ann, announced["uploadUrl"]) as late:
        ended = await (ann.post(end) if end.startswith("/auth") else ann.delete(end))
        assert ended.status in (200, 204)
        await env.resources.db.execute("delete from files where id = $1", UUID(announced["fileId"]))  # as tidying does
        assert await late.finish() == 404
    assert await env.resources.storage.size_of(f"quarantine/{announced['fileId']}") is None
