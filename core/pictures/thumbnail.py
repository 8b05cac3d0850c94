"""Thumbnails: small JPEGs in sRGB, upright, on white."""

from io import BytesIO

from PIL import Image
from PIL.Image import Transpose

from core.pictures.limits import THUMBNAIL_SIDE

BAND_PIXELS = 4_000_000
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def thumbnail_of(image: Image.Image, orientation: int) -> bytes:
    """Return the thumbnail of a decoded picture."""
    small = _in_srgb(_reduced(image), image.info.get("icc_profile"))
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    if orientation in TURNS:
        small = small.transpose(TURNS[orientation])
    page = Image.new("RGB", small.size, "white")
    page.paste(small, mask=small.getchannel("A"))
    out = BytesIO()
    page.save(out, "JPEG", quality=80, optimize=True)
    return out.getvalue()


def _reduced(image: Image.Image) -> Image.Image:
    """Return a picture in RGBA or CMYK, still larger than a thumbnail. In bands, because of the memory a whole one takes."""
    factor = max(1, max(image.size) // (2 * THUMBNAIL_SIDE))
    width, height = image.size
    mode = "CMYK" if image.mode == "CMYK" else "RGBA"
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    rows = max(1, BAND_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        band = _plain(image.crop((0, top, width, min(top + rows, height))), mode)
        small.paste(band.reduce(factor), (0, top // factor))
    return small


def _plain(band: Image.Image, mode: str) -> Image.Image:
    """Return a part of a picture with eight bits for each channel."""
    if band.mode.startswith("I"):  # 16 bits of grey, which convert() clips at 255 instead of scaling
        band = band.point(lambda value: value / 256).convert("L")
    return band.convert(mode)


def _in_srgb(small: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in RGBA, converted by its colour profile if that is usable."""
    if profile:
        from PIL import ImageCms  # most pictures have none

        plain = small if small.mode == "CMYK" else small.convert("RGB")
        try:
            meant = ImageCms.ImageCmsProfile(BytesIO(profile))
            shown = ImageCms.profileToProfile(plain, meant, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            shown = None
        if shown:
            alpha = small.getchannel("A") if small.mode == "RGBA" else None
            small = shown
            if alpha:
                small.putalpha(alpha)
    return small.convert("RGBA")
