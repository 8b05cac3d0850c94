"""core/files/metadata.py: pictures without what does not belong to them."""

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.files.metadata import clean_jpeg, clean_png

SECRET = b"52.5200N 13.4050E"


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA").tobytes()


def jpeg(**options: object) -> bytes:
    """Return a JPEG that tells where it was taken, in EXIF, XMP and a comment, and hides something behind its end."""
    image = Image.effect_noise((60, 40), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=SECRET, xmp=b"<x:xmpmeta>" + SECRET, **options)
    return out.getvalue() + b"PK\x03\x04" + SECRET


def png(**options: object) -> bytes:
    """Return a PNG that does the same."""
    info = PngInfo()
    info.add_text("Location", SECRET.decode())
    info.add_text("Location", SECRET.decode(), zip=False)
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    out = io.BytesIO()
    Image.effect_noise((60, 40), 80).save(out, "PNG", pnginfo=info, exif=exif, **options)
    return out.getvalue() + b"<script>" + SECRET


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0, "icc_profile": b"p" * 80_000}]
)
def test_a_jpeg_keeps_its_picture_and_loses_its_story(options: dict[str, object]) -> None:
    told = jpeg(**options)
    assert SECRET in told
    clean = clean_jpeg(told, 6)
    assert SECRET not in clean
    assert clean.endswith(b"\xff\xd9")
    assert pixels(clean) == pixels(told)
    with Image.open(io.BytesIO(clean)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
        assert image.info.get("icc_profile") == options.get("icc_profile")


def test_a_jpeg_that_stands_upright_says_nothing() -> None:
    with Image.open(io.BytesIO(clean_jpeg(jpeg(), 1))) as image:
        assert not image.getexif()


@pytest.mark.parametrize("options", [{}, {"icc_profile": b"profile" * 50}, {"dpi": (300, 300)}])
def test_a_png_keeps_its_picture_and_loses_its_story(options: dict[str, object]) -> None:
    told = png(**options)
    assert SECRET in told
    clean = clean_png(told)
    assert SECRET not in clean
    assert pixels(clean) == pixels(told)
    with Image.open(io.BytesIO(clean)) as image, Image.open(io.BytesIO(told)) as before:
        assert image.info.get("icc_profile") == before.info.get("icc_profile")
        assert image.info.get("dpi") == before.info.get("dpi")


def test_sixteen_bits_stay_sixteen() -> None:
    out = io.BytesIO()
    Image.new("I;16", (8, 8), 54_321).save(out, "PNG")
    assert clean_png(out.getvalue()) == out.getvalue()


def test_a_moving_png_moves_on() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(clean_png(out.getvalue()))) as image:
        assert getattr(image, "n_frames", 1) == 3


@given(st.data())
def test_a_broken_picture_is_cleaned_or_refused_but_never_more(data: st.DataObject) -> None:
    for whole, clean in ((JPEG, lambda raw: clean_jpeg(raw, 3)), (PNG, clean_png)):
        cut = data.draw(st.integers(0, len(whole)))
        broken = bytearray(
            whole[:cut] + data.draw(st.binary(max_size=40)) + whole[cut + data.draw(st.integers(0, 40)) :]
        )
        with contextlib.suppress(ValueError):
            assert len(clean(bytes(broken))) <= len(broken) + 64


def test_a_png_whose_lengths_lie_is_refused() -> None:
    lying = PNG[:8] + struct.pack(">I", 2**31 - 1) + b"IHDR" + bytes(13) + struct.pack(">I", zlib.crc32(b"IHDR"))
    with pytest.raises(ValueError, match="no end"):
        clean_png(lying)


JPEG, PNG = jpeg(), png()
