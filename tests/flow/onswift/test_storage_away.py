"""An S3 server that goes away and comes back: uploads wait, the rest works."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec
import pytest

from cli.embedded.s3 import S3Server
from config.settings import Settings
from core.base.errors import AppError
from core.files.tidying import tidy_files
from realtime.operations import probes
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment
from tests.flow.onswift.uploading import announce, check, file_of, get, image, put, send_avatar, upload


@dataclass
class Line:
    """The connection to S3: a port that carries bytes there, or that nothing listens on."""

    target: str
    port: int = 0
    server: asyncio.Server | None = None
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def mend(self) -> None:
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self.server
        self.server.close()
        for writer in list(self.open):
            writer.transport.abort()
        await self.server.wait_closed()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self.target)
        there_reader, there = await asyncio.open_connection(address.hostname, address.port)
        ends = {writer, there}
        self.open |= ends
        await asyncio.gather(carry(reader, there), carry(there_reader, writer))
        self.open -= ends


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@pytest.fixture
async def line(s3: S3Server) -> AsyncIterator[Line]:
    line = Line(s3.url)
    await line.mend()
    yield line
    await line.cut()


@pytest.fixture
def settings(settings: Settings, line: Line) -> Settings:
    return msgspec.structs.replace(settings, s3_url=f"http://127.0.0.1:{line.port}")


async def test_without_s3_uploads_wait_and_the_rest_works(
    api: Api, env: Environment, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "FRESH_SECONDS", 0.0)
    ann = await api.signed_up()
    announced, shown = (await announce(ann, image())).body, await upload(ann, image())
    assert (await ann.post("/users/me/avatar", fileUrl=shown["fileUrl"])).status == 200
    await check(env, shown["fileId"])
    waiting = await upload(ann, image())
    assert (await ann.post(f"/files/{waiting['fileId']}/complete")).status == 200
    await line.cut()
    refused = [
        await put(ann, announced["uploadUrl"], image()),
        await send_avatar(ann, image()),
        await ann.post("/users/me/avatar", fileUrl=announced["fileUrl"]),
        await ann.post(f"/files/{announced['fileId']}/complete"),
    ]
    assert [(reply.status, reply.code) for reply in refused] == [(503, "UNAVAILABLE")] * 4
    assert all(reply.headers["Retry-After"] for reply in refused)
    assert (await get(ann, shown["fileUrl"]))[0] == 503
    assert (await ann.get("/users/me")).body["avatarUrl"] == shown["fileUrl"], "the old one stays"
    assert (await ann.post("/conversations", participantId=(await api.signed_up("talent")).id)).status == 201
    async with api.client.get("/readyz") as ready:
        assert (ready.status, await ready.json()) == (
            200, {"status": "ok", "checks": ["database", "redis"], "degraded": {"files": "AppError"}},
        )  # fmt: skip
    with pytest.raises(AppError):
        await check(env, waiting["fileId"])
    assert (await file_of(env, waiting["fileId"])).status == "uploaded", "held, not rejected"
    await line.mend()
    assert (await put(ann, announced["uploadUrl"], image())).status == 200
    assert (await send_avatar(ann, image())).status == 200
    await check(env, waiting["fileId"])
    assert (await file_of(env, waiting["fileId"])).status == "released"
    async with api.client.get("/readyz") as ready:
        assert "degraded" not in await ready.json()


async def test_rows_are_not_forgotten_before_their_objects(api: Api, env: Environment, line: Line) -> None:
    ann = await api.signed_up()
    uploaded = await upload(ann, image())
    await env.resources.db.execute("update files set created_at = created_at - interval '2 days'")
    await line.cut()
    with pytest.raises(AppError):
        await tidy_files(env.resources)
    assert await file_of(env, uploaded["fileId"])
    await line.mend()
    await tidy_files(env.resources)
    assert await env.resources.storage.size_of(f"quarantine/{uploaded['fileId']}") is None
    assert await env.resources.db.fetchval("select count(*) from files") == 0


class TestNone:
    """A server whose settings name no S3."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, s3_url="")

    async def test_stores_no_files_and_says_so(self, api: Api) -> None:
        ann = await api.signed_up()
        for refused in (await announce(ann, image()), await send_avatar(ann, image())):
            assert (refused.status, refused.body["error"]["message"]) == (503, "This server stores no files")
