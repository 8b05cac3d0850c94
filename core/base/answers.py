"""What a handler may return besides a struct or None, and what it may be given instead of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, ClassVar, Generic, TypeVar
from uuid import UUID

JSON = "application/json"
Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """An answer whose status the handler chooses among those of its route (0: the usual one), or that names its version.

    `etag` is the version of what is answered: clients give it back as `If-Match`, see core/work/etag.py.
    `location`: where the client is sent, or where what was made is. A body of None is no body.
    `device_of`: whose device the client is from now on, though it gets no tokens; see core/accounts/known_devices.py.
    """

    status: int
    body: Body
    etag: str = ""
    media_type: str = JSON
    device_of: UUID | None = None
    location: str = ""


@dataclass(frozen=True)
class Text:
    """An answer that is no JSON; each kind of text is a class of its own, whose media type the documents tell."""

    media_type: ClassVar[str]
    octets: bytes


@dataclass(frozen=True)
class JsonFile(Generic[Body]):
    """An answer that is JSON already, in a file that is read from its beginning and closed; Body is what the JSON holds."""

    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body as it came, and its headers, by names in any case: for hooks, whose senders sign these bytes."""

    octets: bytes
    headers: Mapping[str, str]
