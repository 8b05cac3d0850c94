"""Samples: what a project refers to, as links and files."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from core.files import FileView
from core.text.fields import Description, Name, Text, WebUrl

SampleType: TypeAlias = Literal["file", "link"]


class NewSample(msgspec.Struct, frozen=True, rename="camel"):
    """`type` link: with `url`; file: with `fileUrl` of a file that was uploaded for it, or as multipart with the file itself."""

    name: Name
    type: SampleType
    url: WebUrl | None = None
    file_url: Text | None = None
    description: Description | None = None


class SampleView(msgspec.Struct, frozen=True, rename="camel"):
    """`url`: of a link, where it leads; of a file, its `viewUrl`."""

    id: UUID
    project_id: UUID
    name: str
    type: SampleType
    url: str
    description: str | None
    created_at: datetime
    file: FileView | None


class SampleList(msgspec.Struct, frozen=True):
    samples: list[SampleView]
