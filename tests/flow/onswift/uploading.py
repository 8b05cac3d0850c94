"""Files for tests, and the way of a client that uploads them."""

import io
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import FormData
from PIL import Image

from core.files import File, table
from tests.flow.api.conftest import Caller, Reply, read
from tests.flow.conftest import Environment
from workers.files import FileChecks


def image(kind: str = "PNG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """Return a picture."""
    content = io.BytesIO()
    Image.new("RGB", size, "teal").save(content, kind, **options)
    return content.getvalue()


def path_of(url: str) -> str:
    """Return the path of one of our addresses; tests reach the server at another port than its public one."""
    return urlsplit(url).path


def unlinked(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view of something with files without the links that are one caller's own."""
    links = ("viewUrl", "thumbnailUrl")
    files = [{name: value for name, value in file.items() if name not in links} for file in view["files"]]
    return view | {"files": files}


async def announce(caller: Caller, content: bytes, **other: Any) -> Reply:
    """Announce an upload; an avatar, if nothing else is said."""
    new = {"fileName": "me.png", "fileSize": len(content), "mimeType": "image/png", "uploadType": "avatar"}
    return await caller.post("/upload/presigned-url", **new | other)


async def put(caller: Caller, url: str, content: bytes, mime_type: str = "image/png") -> Reply:
    """Put a file where it was announced to come."""
    headers = {"Content-Type": mime_type}
    async with caller.client.put(path_of(url), data=io.BytesIO(content), headers=headers) as response:
        return await read(response)


async def upload(caller: Caller, content: bytes, **other: Any) -> Any:
    """Announce a file and put it; return the announcement's answer."""
    announced = await announce(caller, content, **other)
    assert announced.status == 200, announced
    reply = await put(caller, announced.body["uploadUrl"], content, other.get("mimeType", "image/png"))
    assert reply.status == 200, reply
    return announced.body


async def send_avatar(caller: Caller, content: bytes, name: str = "me.png", mime_type: str = "image/png") -> Reply:
    """Send an avatar as a form."""
    form = FormData(quote_fields=False)  # as browsers do
    form.add_field("avatar", io.BytesIO(content), filename=name, content_type=mime_type)
    return await caller.call("POST", "/users/me/avatar", data=form)


async def get(caller: Caller, url: str, **headers: str) -> tuple[int, bytes, Any]:
    """Get a file by its address; return status, content and headers."""
    async with caller.client.get(
        path_of(url), params=urlsplit(url).query, headers=headers, allow_redirects=False
    ) as response:
        return response.status, await response.read(), response.headers


async def check(env: Environment, file_id: str) -> None:
    """Do what the worker does with an uploaded file."""
    await FileChecks(env.resources, env.publisher).check(UUID(file_id))


async def file_of(env: Environment, file_id: str) -> File:
    """Return a file's row."""
    file = await table.FILE(env.resources.db, UUID(file_id))
    assert file
    return file
