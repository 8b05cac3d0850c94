"""Purposes of files, as data of a marketplace: who may read one, and which types and sizes are accepted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from core.files.kinds.media import EXTENSIONS
from core.files.table import File
from core.pictures.limits import MB as MB
from core.pictures.limits import ImageLimits as ImageLimits
from core.platform.db import Db
from core.work.policy import Policy
from core.work.unit_of_work import UnitOfWork

# Decides whether a user may read an attached file of a private purpose. The owner can always read an unattached one.
MayRead: TypeAlias = Callable[[Db, UUID, File], Awaitable[bool]]
# Undoes and reports the effects of attaching a file, in the transaction that rejects it for a reason. It runs before the
# file's row is locked, because attaching locks the entity first.
Rejected: TypeAlias = Callable[[UnitOfWork, File, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """An accepted type of files: its extensions, the usual one first, and the maximum size in bytes."""

    mime_type: str
    extensions: tuple[str, ...]
    max_bytes: int


ANY_IMAGE = ImageLimits()


@dataclass(frozen=True, slots=True)
class Purpose:
    """The purpose of a file ("avatar"). may_read=None: public, also without a login.

    `rejected`: called when an attached file is rejected. `is_shared`: the entity also belongs to other users, so the content
    stays when the owner's account is erased.
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
    """Return kinds with one maximum size, by their MIME types."""
    return tuple(Kind(type, EXTENSIONS[type], max_bytes) for type in types)
