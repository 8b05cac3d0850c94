"""What files are for, as data of a marketplace: who may read one, and what it may be."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from core.files.media import EXTENSIONS
from core.files.table import File
from core.pictures.limits import MB as MB
from core.pictures.limits import ImageLimits as ImageLimits
from core.platform.db import Db
from core.work.policy import Policy
from core.work.unit_of_work import UnitOfWork

# Says whether a user may read an attached file of a private purpose. Who owns one that is not attached always may.
MayRead: TypeAlias = Callable[[Db, UUID, File], Awaitable[bool]]
# Undoes what attaching a file has done and says so, in the transaction that rejects it for a reason. It comes before the row of
# the file is locked, as what attaches files locks what they are for first.
Rejected: TypeAlias = Callable[[UnitOfWork, File, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of files that is accepted: its extensions, the usual one first, and the greatest size in bytes."""

    mime_type: str
    extensions: tuple[str, ...]
    max_bytes: int


ANY_IMAGE = ImageLimits()


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a file is for ("avatar"). may_read=None: everybody may, also without a login.

    `rejected`: what follows when a file that is attached is rejected. `is_shared`: what a file is attached to is also somebody
    else's, so that its content stays when its owner's account is erased.
    """

    name: str
    kinds: tuple[Kind, ...]
    may_read: MayRead | None
    images: ImageLimits = ANY_IMAGE
    rejected: Rejected | None = None
    is_shared: bool = False


def purposes_of(policy: Policy) -> list[Purpose]:
    """Return the purposes of a marketplace's files."""
    return [one for one in policy.purposes if isinstance(one, Purpose)]


def purpose_named(policy: Policy, name: str) -> Purpose | None:
    """Return the purpose of this name, if there is one."""
    return next((one for one in purposes_of(policy) if one.name == name), None)


def kinds(max_bytes: int, *types: str) -> tuple[Kind, ...]:
    """Return kinds of one greatest size, by their MIME types."""
    return tuple(Kind(type, EXTENSIONS[type], max_bytes) for type in types)
