"""Users as other users see them."""

from uuid import UUID

import msgspec


class Person(msgspec.Struct, frozen=True, rename="camel"):
    """A user in someone else's view: sender, member, the other side of a conversation."""

    id: UUID
    name: str
    avatar_url: str | None = None
