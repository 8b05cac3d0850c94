"""The request to a decoding process, and its answers, which may also be a Picture."""

import msgspec

from core.pictures.limits import MEMORY_BYTES, ImageLimits


class Task(msgspec.Struct, frozen=True):
    """A picture of `size` bytes; `clean` is the descriptor of the file for the kept data, at most `most_kept` bytes."""

    mime_type: str
    size: int
    most_kept: int
    clean: int
    limits: ImageLimits
    memory_bytes: int = MEMORY_BYTES


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why a picture is not accepted: for its owner, the limit ("" for none), and for the log."""

    reason: str
    limit: str = ""
    detail: str = ""
