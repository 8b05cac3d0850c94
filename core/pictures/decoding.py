"""Decodes a picture, in the process that core/pictures/process.py starts for it."""

from collections.abc import Callable
from importlib import import_module
from io import SEEK_END, BytesIO
from mmap import mmap
from typing import IO

from PIL import Image, ImageOps, PngImagePlugin

from core.pictures.gif import read_gif
from core.pictures.jpeg import read_jpeg
from core.pictures.limits import (
    CONVERTED_QUALITY,
    CONVERTERS,
    MAX_DRAWN,
    MAX_PROFILE_BYTES,
    MAX_TURNED_PIXELS,
    THUMBNAIL_SIDE,
    ImageLimits,
    Picture,
)
from core.pictures.png import read_png, redrawn
from core.pictures.structure import Data, Structure, check
from core.pictures.thumbnail import TURNS, thumbnail_of

READERS: dict[str, tuple[str, Callable[[Data], Structure]]] = {
    "image/jpeg": ("JPEG", read_jpeg),
    "image/png": ("PNG", read_png),
    "image/gif": ("GIF", read_gif),
}

# Pillow warns of large pictures; ours are measured before decoding.
Image.MAX_IMAGE_PIXELS = None
# Pillow also refuses a PNG with a colour profile of more than one megabyte, as printers' have. No other text is left.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES


def examine(data: mmap, clean: IO[bytes], mime_type: str, limits: ImageLimits) -> Picture:
    """Write the picture without metadata to `clean`, and decode that. Raises RejectedError, or what decoders raise.

    All pixels are decoded, of an animation those of its first frame, so truncated or broken files are detected.
    """
    if mime_type in CONVERTERS:
        import_module("pillow_heif").register_heif_opener(thumbnails=False, decode_threads=1)
        return convert(data, clean, CONVERTERS[mime_type], limits)
    kind, read = READERS[mime_type]
    structure = read(data)
    check(structure, limits)
    clean.writelines((*structure.kept, structure.padding))
    clean.seek(0)
    with Image.open(clean, formats=[kind]) as image:
        if image.size != (structure.width, structure.height):
            raise ValueError(f"its sides are {image.size}")
        # A JPEG is scaled down while decoding: all of it is read nevertheless.
        image.draft(None, (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        image.load()
        thumbnail = thumbnail_of(image, structure.orientation)
        _end(clean, structure)
        _redraw_upright(clean, structure, image, MAX_DRAWN * len(data))
    turned = structure.orientation >= 5
    sides = (structure.height, structure.width) if turned else (structure.width, structure.height)
    return Picture(*sides, thumbnail)


def convert(data: Data, clean: IO[bytes], kind: str, limits: ImageLimits) -> Picture:
    """Write a picture of another type to `clean` as a JPEG: upright, with its colour profile, without other metadata."""
    with Image.open(BytesIO(data), formats=[kind]) as image:
        check(Structure(*image.size, []), limits)  # of the full picture: nothing is decoded yet
        image.load()
        profile = image.info.get("icc_profile")
        ImageOps.exif_transpose(image, in_place=True)  # a copy of a large one would take too much memory
        flat = _flat(image)
        flat.save(clean, "JPEG", quality=CONVERTED_QUALITY, icc_profile=profile, exif=b"", comment=b"")
        flat.info = {"icc_profile": profile} if profile else {}
        return Picture(*flat.size, thumbnail_of(flat, 1))


def _flat(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.convert("RGBA").getchannel("A"))
    return page


def _end(clean: IO[bytes], structure: Structure) -> None:
    """Add the missing end to the kept data."""
    clean.truncate(clean.seek(-len(structure.padding), SEEK_END))
    clean.write(structure.missing)


def _redraw_upright(clean: IO[bytes], structure: Structure, image: Image.Image, most: int) -> None:
    """Redraw a rotated PNG upright: many programs ignore the orientation in a PNG, while all honour it in a JPEG.

    If the result would exceed `most` bytes, because the original was compressed better, the original stays.
    """
    pixels = structure.width * structure.height
    if structure.colours is None or structure.orientation not in TURNS or pixels > MAX_TURNED_PIXELS:
        return
    out = BytesIO()
    image.transpose(TURNS[structure.orientation]).save(out, "PNG", icc_profile=None, exif=None)
    if out.tell() > most:
        return
    clean.seek(0)
    clean.truncate()
    clean.writelines(redrawn(out.getvalue(), structure.colours))
