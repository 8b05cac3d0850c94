"""Pictures as cameras, scanners, editors and bad connections make them: shown as their makers see them."""

import io
import struct
import zlib
from importlib import import_module
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, ImageStat

from core.files.kinds.media import can_convert
from core.pictures import decoding
from core.pictures.decoding import convert
from core.pictures.limits import ImageLimits, Picture, RejectedError
from core.pictures.process import RefusedError
from tests.flow.core.test_pictures import examined

SIZE = (900, 300)
SECRET = "52.5200N 13.4050E"


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def noise(size: tuple[int, int] = (600, 400)) -> Image.Image:
    return Image.effect_noise(size, 60).convert("RGB")


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours of the four corners: each is another one in `marked`."""
    shown = image.convert("RGB")
    right, bottom = shown.width - 6, shown.height - 6
    found = [shown.getpixel(place) for place in ((5, 5), (right, 5), (5, bottom), (right, bottom))]
    return [tuple(255 * round(part / 255) for part in colour) for colour in found if isinstance(colour, tuple)]


def marked(mode: str = "RGB") -> Image.Image:
    """Return a picture that looks different each way up."""
    image = Image.new("RGB", SIZE, "white")
    image.paste("red", (0, 0, 450, 150))
    image.paste("blue", (450, 0, 900, 150))
    image.paste("black", (0, 150, 450, 300))
    if mode == "I;16":
        return Image.frombytes("I;16", SIZE, b"".join(bytes((0, value)) for value in image.convert("L").tobytes()))
    return image.convert(mode)


def exif(orientation: int) -> Image.Exif:
    told = Image.Exif()
    told[0x010E], told[0x0112] = SECRET, orientation
    return told


def mean(found: Picture) -> tuple[int, ...]:
    """Return the mean colour of a thumbnail."""
    return tuple(round(part) for part in ImageStat.Stat(decoded(found.thumbnail)).mean)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"])
async def test_a_png_keeps_its_orientation(orientation: int, mode: str) -> None:
    meant = ImageOps.exif_transpose(decoded(encoded(marked(mode), exif=exif(orientation))))
    found, clean = await examined(encoded(marked(mode), exif=exif(orientation)))
    shown = decoded(clean)
    assert (found.width, found.height) == meant.size == shown.size
    assert shown.mode == meant.mode
    assert shown.convert("RGBA").tobytes() == meant.convert("RGBA").tobytes(), "nothing is lost"
    assert shown.getexif().get(0x0112, 1) == 1, "or who does look turns it again"
    assert SECRET.encode() not in clean
    if mode in ("RGB", "RGBA", "P"):
        assert corners(decoded(found.thumbnail)) == corners(meant)


async def test_a_png_that_is_turned_keeps_the_meaning_of_its_colours() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, clean = await examined(encoded(marked(), exif=exif(6), icc_profile=profile))
    assert decoded(clean).info["icc_profile"] == profile


async def test_a_png_that_cannot_be_turned_without_a_loss_says_which_way_up_it_is() -> None:
    frames = [marked(), ImageOps.invert(marked())]
    moving = encoded(frames[0], save_all=True, append_images=frames[1:], exif=exif(6))
    found, clean = await examined(moving)
    shown = Image.open(io.BytesIO(clean))
    assert (found.width, found.height) == (300, 900)
    assert (getattr(shown, "n_frames", 1), dict(shown.getexif())) == (2, {0x0112: 6})
    assert corners(decoded(found.thumbnail)) == corners(ImageOps.exif_transpose(marked_with(6)))


def marked_with(orientation: int) -> Image.Image:
    return decoded(encoded(marked(), exif=exif(orientation)))


@pytest.mark.parametrize("limit", ["MAX_TURNED_PIXELS", "MAX_DRAWN"])
async def test_a_large_png_is_not_drawn_anew_but_says_which_way_up_it_is(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, limit, 0.1)
    with TemporaryFile() as content, TemporaryFile() as clean:
        content.write(encoded(marked(), exif=exif(6)))
        content.flush()
        with mmap(content.fileno(), 0, access=ACCESS_READ) as data:
            found = decoding.examine(data, clean, "image/png", ImageLimits())
        clean.seek(0)
        assert dict(decoded(clean.read()).getexif()) == {0x0112: 6}
    assert corners(decoded(found.thumbnail)) == corners(ImageOps.exif_transpose(marked_with(6)))


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_jpeg_and_its_thumbnail_keep_their_orientation(orientation: int) -> None:
    taken = encoded(marked(), "JPEG", quality=95, exif=exif(orientation))
    found, clean = await examined(taken, "image/jpeg")
    meant = ImageOps.exif_transpose(decoded(taken))
    assert (found.width, found.height) == meant.size
    assert corners(ImageOps.exif_transpose(decoded(clean))) == corners(decoded(found.thumbnail)) == corners(meant)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("cut", [1, 2, 3, 20])
async def test_a_jpeg_whose_end_is_missing_is_shown_whole(progressive: bool, mode: str, cut: int) -> None:
    image = Image.merge(mode, [noise().getchannel("R") for _ in Image.new(mode, (1, 1)).getbands()])
    whole = encoded(image, "JPEG", progressive=progressive)
    found, clean = await examined(whole[:-cut], "image/jpeg")
    assert clean.endswith(b"\xff\xd9")
    lost = decoded(clean).tobytes()
    kept = decoded(whole).tobytes()
    assert sum(a != b for a, b in zip(lost, kept, strict=True)) < len(kept) / 20
    assert Image.open(io.BytesIO(found.thumbnail)).size == (320, 213)


@pytest.mark.parametrize("progressive", [False, True])
async def test_a_jpeg_of_which_a_part_is_missing_is_refused(progressive: bool) -> None:
    whole = encoded(noise(), "JPEG", progressive=progressive)
    for share in (2, 3, 10):
        with pytest.raises(RefusedError, match="cannot be read"):
            await examined(whole[: len(whole) // share], "image/jpeg")


async def test_a_jpeg_with_something_between_its_segments_is_shown() -> None:
    whole = encoded(noise(), "JPEG")
    place = whole.index(b"\xff\xdb")
    _, clean = await examined(whole[:place] + b"\0\0\0" + whole[place:], "image/jpeg")
    assert clean == whole


@pytest.mark.parametrize("cut", [1, 4, 8, 11, 12, 16])
async def test_a_png_without_its_end_is_shown_whole(cut: int) -> None:
    whole = encoded(noise())
    _, clean = await examined(whole[:-cut])
    assert decoded(clean).tobytes() == decoded(whole).tobytes()
    assert clean.endswith(b"IEND\xae\x42\x60\x82")


async def test_a_png_of_which_pixels_are_missing_is_refused() -> None:
    whole = encoded(noise())
    for left in (len(whole) // 2, len(whole) - 500):
        with pytest.raises(RefusedError, match="cannot be read"):
            await examined(whole[:left])


async def test_a_gif_whose_end_is_missing_is_shown_and_frames_that_are_cut_off_are_left_out() -> None:
    still = encoded(noise().convert("P"), "GIF")
    for cut in (1, 2):
        _, clean = await examined(still[:-cut], "image/gif")
        assert clean == still
    frames = [noise((60, 40)).convert("P") for _ in range(3)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    _, clean = await examined(moving[:-200], "image/gif")
    assert getattr(Image.open(io.BytesIO(clean)), "n_frames", 1) == 2
    with pytest.raises(RefusedError, match="cannot be read"):
        await examined(still[: len(still) // 2], "image/gif")


def chunk(name: bytes, body: bytes, wrong: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ wrong)


@pytest.mark.parametrize(
    "broken",
    [
        chunk(b"gAMA", struct.pack(">I", 45_455), wrong=1), chunk(b"gAMA", b"x"), chunk(b"pHYs", b"x"), chunk(b"sRGB", b""),
        chunk(b"cHRM", bytes(8)), chunk(b"cICP", b"x"), chunk(b"iCCP", b"x", wrong=1),
    ],
)  # fmt: skip
async def test_a_png_with_something_broken_beside_its_pixels_is_shown_without_that(broken: bytes) -> None:
    whole = encoded(noise())
    _, clean = await examined(whole[:33] + broken + whole[33:])
    assert clean == whole


async def test_a_palette_with_more_transparencies_than_colours_is_shown_without_them() -> None:
    whole = encoded(Image.new("RGB", SIZE, "red").quantize(4))
    place = whole.index(b"IDAT") - 4
    found, clean = await examined(whole[:place] + chunk(b"tRNS", bytes(250)) + whole[place:])
    assert clean == whole
    assert mean(found) == (254, 0, 0)


async def test_a_png_with_a_large_profile_of_colours_is_shown() -> None:
    profile = b"no profile" * 150_000
    _, clean = await examined(encoded(noise(), icc_profile=profile))
    assert b"iCCP" in clean


def deep(image: Image.Image, colour_type: int) -> bytes:
    """Return a PNG with 16 bits for each channel, which Pillow does not write."""

    channels = len(image.getbands())
    rows = bytearray()
    raw = image.tobytes()
    for top in range(image.height):
        row = raw[top * image.width * channels : (top + 1) * image.width * channels]
        rows += b"\0" + b"".join(bytes((value, value)) for value in row)
    head = struct.pack(">IIBBBBB", *image.size, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


GREY, CLEAR_RED = (128, 128, 128), (255, 0, 0, 0)


@pytest.mark.parametrize(
    ("data", "mime_type", "seen"),
    [
        (encoded(Image.new("I;16", SIZE, 0x8000)), "image/png", GREY),
        (encoded(Image.new("I;16", SIZE, 0x00FF)), "image/png", (0, 0, 0)),
        (deep(Image.new("RGB", SIZE, (200, 100, 50)), 2), "image/png", (200, 100, 50)),
        (deep(Image.new("RGBA", SIZE, (200, 100, 50, 255)), 6), "image/png", (200, 100, 50)),
        (deep(Image.new("LA", SIZE, (128, 255)), 4), "image/png", GREY),
        (encoded(Image.new("L", SIZE, 128)), "image/png", GREY),
        (encoded(Image.new("L", SIZE, 128), "JPEG"), "image/jpeg", GREY),
        (encoded(Image.new("1", SIZE, 1)), "image/png", (255, 255, 255)),
        (encoded(Image.new("LA", SIZE, (0, 128))), "image/png", (127, 127, 127)),
        (encoded(Image.new("RGBA", SIZE, CLEAR_RED)), "image/png", (255, 255, 255)),
        (encoded(Image.new("RGB", SIZE, "red"), transparency=(255, 0, 0)), "image/png", (255, 255, 255)),
        (encoded(Image.new("L", SIZE, 7), transparency=7), "image/png", (255, 255, 255)),
        (encoded(Image.new("RGB", SIZE, "red").quantize(4), transparency=0), "image/png", (255, 255, 255)),
        (encoded(Image.new("RGB", SIZE, "red").quantize(4), transparency=b"\x80"), "image/png", (255, 127, 127)),
        (encoded(Image.new("RGB", SIZE, "red").quantize(4), "GIF", transparency=0), "image/gif", (255, 255, 255)),
        (encoded(Image.new("CMYK", SIZE, (0, 255, 255, 0)), "JPEG", quality=95), "image/jpeg", (254, 0, 0)),
        (encoded(Image.new("CMYK", SIZE, (0, 0, 0, 255)), "JPEG", quality=95), "image/jpeg", (0, 0, 0)),
    ],
)  # fmt: skip
async def test_a_thumbnail_has_the_colours_of_its_picture(
    data: bytes, mime_type: str, seen: tuple[int, int, int]
) -> None:
    found, clean = await examined(data, mime_type)
    assert clean == data, "and the picture itself is as it came"
    assert all(abs(a - b) <= 2 for a, b in zip(mean(found), seen, strict=True)), mean(found)


async def test_a_thumbnail_has_the_colours_that_a_profile_means() -> None:
    """A profile whose red and blue are the other way round: who does not heed it shows blue."""
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = usual.replace(b"rXYZ", b"#XYZ").replace(b"bXYZ", b"rXYZ").replace(b"#XYZ", b"bXYZ")
    assert swapped != usual
    found, _ = await examined(encoded(Image.new("RGB", SIZE, (0, 0, 255)), icc_profile=swapped))
    red, _, blue = mean(found)
    assert red > 200 > 60 > blue
    broken, _ = await examined(encoded(Image.new("RGB", SIZE, (0, 0, 255)), icc_profile=b"no profile"))
    assert mean(broken)[2] > 200


def converted(data: bytes, kind: str = "WEBP", limits: ImageLimits | None = None) -> tuple[Picture, bytes]:
    """Convert a picture as the decoder converts HEIC, from a kind that Pillow reads by itself."""
    with TemporaryFile() as clean:
        found = convert(data, clean, kind, limits or ImageLimits())
        clean.seek(0)
        return found, clean.read()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_what_browsers_do_not_show_becomes_a_jpeg_that_stands_upright_and_tells_nothing(orientation: int) -> None:
    told = encoded(marked(), "WEBP", lossless=True, exif=exif(orientation), xmp=f"<x>{SECRET}</x>".encode())
    assert SECRET.encode() in told
    found, clean = converted(told)
    shown, meant = decoded(clean), ImageOps.exif_transpose(decoded(told))
    assert (shown.format, shown.size, dict(shown.getexif())) == ("JPEG", meant.size, {})
    assert (found.width, found.height) == shown.size
    assert corners(shown) == corners(decoded(found.thumbnail)) == corners(meant)
    assert SECRET.encode() not in clean


def test_what_is_converted_keeps_its_profile_and_stands_on_white() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    clear = encoded(Image.new("RGBA", (60, 40), CLEAR_RED), "WEBP", lossless=True, exact=True, icc_profile=profile)
    _, clean = converted(clear)
    assert decoded(clean).getpixel((5, 5)) == (255, 255, 255)
    assert decoded(clean).info["icc_profile"] == profile


def test_what_is_converted_is_measured_before_it_is_decoded() -> None:
    data = encoded(Image.new("RGB", (60, 40)), "WEBP", lossless=True)
    with pytest.raises(RejectedError, match="60 x 40 pixels"):
        converted(data, limits=ImageLimits(max_side=50))


@pytest.mark.skipif(not can_convert(), reason="the extra heic is not installed")
async def test_a_heic_becomes_a_jpeg_in_the_process_that_decodes() -> None:
    import_module("pillow_heif").register_heif_opener()
    taken = encoded(marked(), "HEIF", quality=90, exif=exif(1))
    found, clean = await examined(taken, "image/heic")
    assert (decoded(clean).format, decoded(clean).size, (found.width, found.height)) == ("JPEG", SIZE, SIZE)
    assert corners(decoded(clean)) == corners(decoded(found.thumbnail)) == corners(marked())
    assert SECRET.encode() not in clean
