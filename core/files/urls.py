"""The addresses of files: permanent names, which grant no access."""

import re
from urllib.parse import quote
from uuid import UUID

from core.files.table import File
from core.work.context import Ctx

FILE_PATH = "/api/files/{fileId}/{fileName}"

_PATH = re.compile(r"(?:/(?P<market>[a-z][a-z0-9_]*))?/api/files/(?P<id>[0-9a-f-]{36})/[^/]+")


def file_url(ctx: Ctx, file: File) -> str:
    """Return the permanent address of a file; permission is checked at each read."""
    return f"{ctx.resources.settings.public_url}/{ctx.policy.name}/api/files/{file.id}/{quote(file.file_name, safe='')}"


def id_in(ctx: Ctx, url: str) -> UUID | None:
    """Return the id in an address of one of our files; None if it is something else."""
    found = _PATH.fullmatch(url.removeprefix(ctx.resources.settings.public_url))
    if found is None or found["market"] not in (None, ctx.policy.name):
        return None
    try:
        return UUID(found["id"])
    except ValueError:
        return None
