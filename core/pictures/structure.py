"""What the structure of a picture reveals, before decoding."""

from mmap import mmap
from typing import TypeAlias

import msgspec

from core.pictures.limits import ImageLimits, RejectedError

Data: TypeAlias = bytes | mmap
Piece: TypeAlias = bytes | memoryview


class Structure(msgspec.Struct, frozen=True):
    """`kept`: the parts that, concatenated, are the picture without other data of its file.

    `missing`: the end that is missing in the file and will be added. Decoders get `padding` instead, because with an end
    they would accept a badly truncated picture. `orientation`: 1 to 8 as in EXIF. `colours`: colour information for
    redrawing the picture upright; None: redrawing would lose something.
    """

    width: int
    height: int
    kept: list[Piece]
    missing: bytes = b""
    padding: bytes = b""
    orientation: int = 1
    scans: int = 1
    is_layered: bool = False
    frames: int = 1
    frame_pixels: int = 0
    colours: list[Piece] | None = None


def check(picture: Structure, limits: ImageLimits) -> None:
    """Raise RejectedError for a picture that exceeds the limits."""
    width, height, pixels = picture.width, picture.height, picture.width * picture.height
    most = min(limits.max_pixels, limits.max_layered_pixels) if picture.is_layered else limits.max_pixels
    if min(width, height) < limits.min_side or max(width, height) > limits.max_side:
        raise RejectedError(
            f"It has {width} x {height} pixels; each side must have {limits.min_side} to {limits.max_side}"
        )
    if pixels > most:
        of = " of a progressive or interlaced picture" if picture.is_layered else ""
        raise RejectedError(f"It has {width} x {height} pixels; at most {_millions(most)} are allowed{of}")
    if picture.scans > limits.max_scans:
        raise RejectedError(f"It is drawn in {picture.scans} scans; at most {limits.max_scans} are allowed")
    if picture.frames > limits.max_frames:
        raise RejectedError(f"It has {picture.frames} frames; at most {limits.max_frames} are allowed")
    if picture.frame_pixels > limits.max_moving_pixels:
        raise RejectedError(f"Its frames have more than {_millions(limits.max_moving_pixels)} pixels together")


def _millions(pixels: int) -> str:
    return f"{pixels // 1_000_000} million"
