"""Pictures: whether they are what they say, how large, their thumbnails. All of it is work for a thread."""

import io
import threading
from typing import IO

import msgspec
from PIL import Image
from PIL.Image import Transpose

from core.files.metadata import clean_jpeg, clean_png
from core.files.purposes import ImageLimits

THUMBNAIL_SIDE = 320
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}
ORIENTATION = 0x0112
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}

# Pillow warns of large pictures; ours are measured before they are decoded.
Image.MAX_IMAGE_PIXELS = None
# A decoded picture may take some hundred megabytes.
_one_at_a_time = threading.Lock()


class RejectedError(Exception):
    """A file that is not what it should be; the message is for its owner."""


class Picture(msgspec.Struct, frozen=True):
    """A picture that was decoded; `content` is what to keep of it, without metadata."""

    width: int
    height: int
    content: bytes
    thumbnail: bytes


def examine(content: IO[bytes], mime_type: str, limits: ImageLimits) -> Picture:
    """Decode a picture; raises RejectedError."""
    with _one_at_a_time:
        try:
            with Image.open(content, formats=[FORMATS[mime_type]]) as image:
                return _examine(image, content, mime_type, limits)
        except RejectedError:
            raise
        except Exception as error:  # decoders fail in as many ways as pictures can be broken
            raise RejectedError("It cannot be read as an image") from error


def _examine(image: Image.Image, content: IO[bytes], mime_type: str, limits: ImageLimits) -> Picture:
    _check_size(image.size, limits)
    orientation = _orientation(image)
    image.load()
    width, height = image.size if orientation < 5 else image.size[::-1]
    content.seek(0)
    data = content.read()
    if mime_type == "image/jpeg":
        data = clean_jpeg(data, orientation)
    elif mime_type == "image/png":
        data = clean_png(data)
    return Picture(width, height, data, _thumbnail(image, orientation))


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if min(size) < limits.min_side or max(size) > limits.max_side:
        raise RejectedError(
            f"It has {width} x {height} pixels; each side must have {limits.min_side} to {limits.max_side}"
        )
    if width * height > limits.max_pixels:
        raise RejectedError(
            f"It has {width} x {height} pixels; at most {limits.max_pixels // 1_000_000} million are allowed"
        )


def _orientation(image: Image.Image) -> int:
    """Return which way up a picture is, 1 to 8 as in EXIF."""
    value = image.getexif().get(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _thumbnail(image: Image.Image, orientation: int) -> bytes:
    small = image.convert("RGBA") if image.mode in ("P", "1") else image  # these would not be shrunk smoothly
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    small = small.convert("RGBA")
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    page = Image.new("RGB", small.size, "white")
    page.paste(small, mask=small.getchannel("A"))
    out = io.BytesIO()
    page.save(out, "JPEG", quality=80, optimize=True)
    return out.getvalue()
