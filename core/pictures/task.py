"""What the process that decodes is asked, and what it answers; what it answers may be Picture, too."""

import msgspec

from core.pictures.limits import MEMORY_BYTES, ImageLimits


class Task(msgspec.Struct, frozen=True):
    """A picture of `size` bytes; `clean` is the descriptor of the file that takes what is kept of it, `most_kept` bytes."""

    mime_type: str
    size: int
    most_kept: int
    clean: int
    limits: ImageLimits
    memory_bytes: int = MEMORY_BYTES


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why a picture is not accepted: for its owner, by which limit ("" for none) and for the log."""

    reason: str
    limit: str = ""
    detail: str = ""
