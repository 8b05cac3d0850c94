"""Decodes a picture, in the process that core/pictures/process.py starts for it."""

from collections.abc import Callable
from io import SEEK_END, BytesIO
from mmap import mmap
from typing import IO

from PIL import Image
from PIL.Image import Transpose

from core.pictures.gif import read_gif
from core.pictures.jpeg import read_jpeg
from core.pictures.limits import THUMBNAIL_SIDE, ImageLimits, Picture
from core.pictures.png import read_png
from core.pictures.structure import Data, Structure, check

READERS: dict[str, tuple[str, Callable[[Data], Structure]]] = {
    "image/jpeg": ("JPEG", read_jpeg),
    "image/png": ("PNG", read_png),
    "image/gif": ("GIF", read_gif),
}
BAND_PIXELS = 4_000_000
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


def examine(data: mmap, clean: IO[bytes], mime_type: str, limits: ImageLimits) -> Picture:
    """Write what belongs to a picture to `clean`, and decode that. Raises RejectedError, or what decoders raise.

    All pixels are decoded, of a moving picture those of its first frame: so what is cut off or broken is noticed.
    """
    kind, read = READERS[mime_type]
    structure = read(data)
    check(structure, limits)
    clean.writelines(structure.kept)
    clean.seek(0)
    with Image.open(clean, formats=[kind]) as image:
        if image.size != (structure.width, structure.height):
            raise ValueError(f"its sides are {image.size}")
        # A JPEG is made smaller as it is decoded: each part of it is read all the same.
        image.draft(None, (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        image.load()
        thumbnail = _thumbnail(image, structure.orientation)
        clean.seek(0, SEEK_END)
        clean.write(structure.missing)
    turned = structure.orientation >= 5
    sides = (structure.height, structure.width) if turned else (structure.width, structure.height)
    return Picture(*sides, thumbnail)


def _thumbnail(image: Image.Image, orientation: int) -> bytes:
    small = _reduced(image)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    page = Image.new("RGB", small.size, "white")
    page.paste(small, mask=small.getchannel("A"))
    out = BytesIO()
    page.save(out, "JPEG", quality=80, optimize=True)
    return out.getvalue()


def _reduced(image: Image.Image) -> Image.Image:
    """Return a picture in RGBA, still larger than a thumbnail. By bands, because a whole one in RGBA would take too much."""
    factor = max(1, max(image.size) // (2 * THUMBNAIL_SIDE))
    width, height = image.size
    small = Image.new("RGBA", (-(-width // factor), -(-height // factor)))
    rows = max(1, BAND_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height))).convert("RGBA")
        small.paste(band.reduce(factor), (0, top // factor))
    return small
