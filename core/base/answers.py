"""What a handler may return besides a struct or None, and what it may be given instead of one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import IO, ClassVar, Generic, TypeVar
from uuid import UUID

JSON = "application/json"
Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class FlowCookie:
    """The secret of a browser that logs in by a provider, and how its cookie is sent: see core/accounts/oauth/flows.py."""

    secret: str
    same_site: str
    max_age: int


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """An answer with a status chosen by the handler among those of its route (0: the default), or with a version.

    `etag` is the version of the body, which clients send back as `If-Match`: see core/work/etag.py.
    `location`: where the client is sent, or where what was made is. A body of None is no body.
    `device_of`: the user that the client's device is now known for, even without tokens; see core/accounts/known_devices.py.
    """

    status: int
    body: Body
    etag: str = ""
    media_type: str = JSON
    device_of: UUID | None = None
    location: str = ""
    flow: FlowCookie | None = None


@dataclass(frozen=True)
class Text:
    """An answer that is not JSON; each kind of text is a class, whose media type is in the OpenAPI document."""

    media_type: ClassVar[str]
    octets: bytes


@dataclass(frozen=True)
class JsonFile(Generic[Body]):
    """An answer that is JSON in a file, which is read from its beginning and closed; Body is the type of the JSON.

    `write` makes the file, given what the clients call a field.
    """

    write: Callable[[Callable[[str], str]], Awaitable[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body as it came, and its headers, by names in any case: for hooks, whose senders sign these bytes."""

    octets: bytes
    headers: Mapping[str, str]
