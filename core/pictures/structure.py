"""What the structure of a picture says of it, before anything is decoded."""

from mmap import mmap
from typing import TypeAlias

import msgspec

from core.pictures.limits import ImageLimits, RejectedError

Data: TypeAlias = bytes | mmap
Piece: TypeAlias = bytes | memoryview


class Structure(msgspec.Struct, frozen=True):
    """`kept`: the pieces that, one after the other, are the picture without anything else in its file.

    `missing`: an end that the file does not have and shall get. Decoders get `padding` instead, or they would find a picture
    whole of which much was cut off. `orientation`: which way up it is, 1 to 8 as in EXIF. `colours`: what says how its colours
    are meant, for one that is drawn anew to stand upright; None: that would lose something.
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
    """Raise RejectedError for a picture that is not worth decoding."""
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
