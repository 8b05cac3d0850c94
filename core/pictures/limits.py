"""Limits of pictures, and of the cost of decoding them."""

import msgspec

MB = 1024 * 1024

# Of the decoder: 100 million pixels of four bytes, and the interpreter.
MEMORY_BYTES = 512 * MB
ADDRESS_BYTES = 1024 * MB  # also the libraries, and the file itself
THUMBNAIL_SIDE = 320
MAX_PROFILE_BYTES = 16 * MB  # of a colour profile, decompressed
# Of pictures redrawn upright: needs their pixels twice, and some 160 ns for each (12 million: 2.2 s).
MAX_TURNED_PIXELS = 16_000_000
MAX_DRAWN = 2  # times its original bytes

# Types that are decoded and stored as JPEG, by Pillow's names.
CONVERTERS = {"image/heic": "HEIF"}
CONVERTED_QUALITY = 90


class ImageLimits(msgspec.Struct, frozen=True):
    """Limits of one purpose. All except the last are checked before decoding.

    Sides and pixels are those of the whole picture. Pictures decoded in several passes (progressive JPEG, interlaced PNG)
    need more memory, so they may have `max_layered_pixels`; `max_scans`: the passes of a JPEG. For animations: their frames,
    and the pixels of all frames together. `cpu_seconds`: the time for decoding.
    """

    min_side: int = 1
    max_side: int = 16_384
    max_pixels: int = 100_000_000
    max_layered_pixels: int = 50_000_000
    max_scans: int = 32
    max_frames: int = 1_000
    max_moving_pixels: int = 1_000_000_000
    cpu_seconds: float = 8.0


class RejectedError(Exception):
    """A file that fails a check; the message is for its owner."""


class Picture(msgspec.Struct, frozen=True, tag=True):
    """A decoded picture: its upright sides, and a small JPEG of it."""

    width: int
    height: int
    thumbnail: bytes
