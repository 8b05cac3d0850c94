"""What the bazaar's own calls take and give."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.base.paging import CursorPagination
from core.base.people import Person
from core.files import FileView
from core.search.geo import Place
from core.text.fields import Description, Line, Name, NewPassword, Short

Cents = Annotated[int, Meta(ge=0, le=10**9)]


class Me(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    email: str | None
    name: str
    user_type: str
    motto: str


class MyChange(msgspec.Struct, frozen=True):
    name: Name | UnsetType = UNSET
    motto: Line | UnsetType = UNSET


class ResetPassword(msgspec.Struct, frozen=True, rename="camel"):
    new_password: NewPassword


class NewListing(msgspec.Struct, frozen=True, rename="camel"):
    title: Name
    price_cents: Cents
    description: Description = ""
    place: Place | None = None


class ListingChange(msgspec.Struct, frozen=True, rename="camel"):
    title: Name | UnsetType = UNSET
    price_cents: Cents | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class Listing(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    seller: Person
    title: str
    price_cents: int
    description: str
    created_at: datetime
    sold_at: datetime | None


class Sold(msgspec.Struct, frozen=True, rename="camel"):
    """What webhooks are told of a sale."""

    listing_id: UUID
    price_cents: int


class NewPictures(msgspec.Struct, frozen=True, rename="camel"):
    """`replacesOthers`: those that the listing has go."""

    file_urls: Annotated[list[Short], Meta(min_length=1, max_length=10)]
    replaces_others: bool = False


class PictureList(msgspec.Struct, frozen=True, rename="camel"):
    listing_id: UUID
    files: list[FileView]


class ListingPage(msgspec.Struct, frozen=True):
    listings: list[Listing]
    pagination: CursorPagination


class Version(msgspec.Struct, frozen=True):
    version: str
