"""core/pictures: what the structure of a picture says, and pictures without what does not belong to them."""

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.pictures import gif as gifs
from core.pictures import jpeg as jpegs
from core.pictures import png as pngs
from core.pictures.decoding import READERS
from core.pictures.gif import read_gif
from core.pictures.jpeg import read_jpeg
from core.pictures.limits import ImageLimits, RejectedError
from core.pictures.png import read_png
from core.pictures.structure import Structure, check

SECRET = b"52.5200N 13.4050E"


def cleaned(picture: Structure) -> bytes:
    return b"".join([*picture.kept, picture.missing])


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
    clean = cleaned(read_jpeg(told))
    assert SECRET not in clean
    assert clean.endswith(b"\xff\xd9")
    assert pixels(clean) == pixels(told)
    with Image.open(io.BytesIO(clean)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
        assert image.info.get("icc_profile") == options.get("icc_profile")


def test_a_jpeg_that_stands_upright_says_nothing() -> None:
    with Image.open(io.BytesIO(cleaned(read_jpeg(plain_jpeg())))) as image:
        assert not image.getexif()


@pytest.mark.parametrize("options", [{}, {"icc_profile": b"profile" * 50}, {"dpi": (300, 300)}])
def test_a_png_keeps_its_picture_and_loses_its_story(options: dict[str, object]) -> None:
    told = png(**options)
    assert SECRET in told
    clean = cleaned(read_png(told))
    assert SECRET not in clean
    assert pixels(clean) == pixels(told)
    with Image.open(io.BytesIO(clean)) as image, Image.open(io.BytesIO(told)) as before:
        assert image.info.get("icc_profile") == before.info.get("icc_profile")
        assert image.info.get("dpi") == before.info.get("dpi")


def test_sixteen_bits_stay_sixteen() -> None:
    out = io.BytesIO()
    Image.new("I;16", (8, 8), 54_321).save(out, "PNG")
    assert cleaned(read_png(out.getvalue())) == out.getvalue()


def test_an_animated_png_stays_animated() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(cleaned(read_png(out.getvalue())))) as image:
        assert getattr(image, "n_frames", 1) == 3


def plain_jpeg(**options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((60, 40)).convert("RGB").save(out, "JPEG", **options)
    return out.getvalue()


def gif(frames: int = 3, **options: object) -> bytes:
    """Return a GIF that moves, tells something and hides something behind its end."""
    out = io.BytesIO()
    pictures = [Image.effect_noise((30, 20), 80).convert("P") for _ in range(frames)]
    pictures[0].save(
        out, "GIF", save_all=True, append_images=pictures[1:], loop=0, comment=SECRET, disposal=2, **options
    )
    return out.getvalue() + SECRET


def test_a_gif_keeps_its_frames_and_loses_its_story() -> None:
    told = gif()
    assert told.count(SECRET) == 2
    found = read_gif(told)
    clean = cleaned(found)
    assert SECRET not in clean
    assert (found.width, found.height, found.frames, found.frame_pixels) == (30, 20, 3, 3 * 30 * 20)
    with Image.open(io.BytesIO(clean)) as image, Image.open(io.BytesIO(told)) as before:
        assert (getattr(image, "n_frames", 1), image.info["loop"]) == (3, 0)
        for place in range(3):
            image.seek(place)
            before.seek(place)
            assert image.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_a_gif_without_an_end_gets_one() -> None:
    told = gif()[: -len(SECRET) - 1]
    assert cleaned(read_gif(told)).endswith(b";")


def test_a_jpeg_without_an_end_gets_one() -> None:
    found = read_jpeg(plain_jpeg()[:-2])
    assert (found.missing, cleaned(found)) == (b"\xff\xd9", plain_jpeg())


def test_structures_tell_what_decoding_costs() -> None:
    baseline, progressive = read_jpeg(plain_jpeg()), read_jpeg(plain_jpeg(progressive=True))
    assert (baseline.width, baseline.height, baseline.scans, baseline.is_layered) == (60, 40, 1, False)
    assert (progressive.scans, progressive.is_layered) == (10, True)
    grey = io.BytesIO()
    Image.effect_noise((60, 40), 80).save(grey, "JPEG")
    assert not read_jpeg(grey.getvalue()).is_layered
    plain, moving = png(), io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    frames[0].save(moving, "PNG", save_all=True, append_images=frames[1:])
    assert (read_png(plain).width, read_png(plain).height, read_png(plain).frames) == (60, 40, 1)
    assert read_png(moving.getvalue()).frames == 3
    interlaced = plain[:28] + b"\x01" + plain[29:]
    assert read_png(interlaced).is_layered


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (ImageLimits(min_side=50), "60 x 40 pixels; each side must have 50 to 16384"),
        (ImageLimits(max_side=50), "60 x 40 pixels; each side must have 1 to 50"),
        (ImageLimits(max_pixels=2399), "60 x 40 pixels; at most 0 million are allowed"),
        (ImageLimits(max_layered_pixels=2399), "of a progressive or interlaced picture"),
        (ImageLimits(max_scans=9), "It is drawn in 10 scans; at most 9 are allowed"),
        (ImageLimits(max_frames=2), "It has 3 frames; at most 2 are allowed"),
        (ImageLimits(max_moving_pixels=7199), "Its frames have more than 0 million pixels together"),
    ],
)
def test_what_costs_more_than_its_purpose_allows_is_rejected(limits: ImageLimits, why: str) -> None:
    whole = Structure(60, 40, [], scans=10, is_layered=True, frames=3, frame_pixels=7200)
    check(whole, ImageLimits())
    with pytest.raises(RejectedError, match=why):
        check(whole, limits)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_jpeg_stays_the_way_up_that_its_camera_says(turn: int, endian: str) -> None:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010E], exif[0x0112] = "taken by", turn
    found = read_jpeg(plain_jpeg(exif=exif))
    assert found.orientation == turn
    with Image.open(io.BytesIO(cleaned(found))) as image:
        assert image.getexif().get(0x0112, 1) == turn


def test_structures_of_very_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, limit, read, whole in (
        (jpegs, "MAX_SEGMENTS", read_jpeg, JPEG),
        (pngs, "MAX_CHUNKS", read_png, PNG),
        (gifs, "MAX_BLOCKS", read_gif, GIF),
    ):
        read(whole)
        monkeypatch.setattr(module, limit, 3)
        with pytest.raises(ValueError, match="too many"):
            read(whole)


def test_a_png_with_much_beside_its_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    profiled = png(icc_profile=bytes(range(256)))
    read_png(profiled)
    monkeypatch.setattr(pngs, "MAX_ANCILLARY_BYTES", 100)
    with pytest.raises(ValueError, match="too much beside the pixels"):
        read_png(profiled)


@pytest.mark.parametrize("marker", [0x01, 0xC3, 0xC9, 0xCC, 0xD0, 0xD8, 0xF0])
def test_a_jpeg_with_segments_that_decoders_read_otherwise_is_refused(marker: int) -> None:
    whole = plain_jpeg()
    with pytest.raises(ValueError, match="a segment that browsers do not know"):
        read_jpeg(whole[:2] + bytes((0xFF, marker, 0, 3, 0)) + whole[2:])


def test_a_jpeg_of_two_frames_is_refused() -> None:
    whole = plain_jpeg()
    place = whole.index(b"\xff\xc0")
    frame = whole[place : place + 2 + int.from_bytes(whole[place + 2 : place + 4])]
    with pytest.raises(ValueError, match="more than one frame"):
        read_jpeg(whole[:place] + frame + whole[place:])


@given(st.data())
def test_a_broken_picture_is_cleaned_or_refused_but_never_more(data: st.DataObject) -> None:
    for whole, (_, read) in ((JPEG, READERS["image/jpeg"]), (PNG, READERS["image/png"]), (GIF, READERS["image/gif"])):
        cut = data.draw(st.integers(0, len(whole)))
        broken = bytearray(
            whole[:cut] + data.draw(st.binary(max_size=40)) + whole[cut + data.draw(st.integers(0, 40)) :]
        )
        with contextlib.suppress(ValueError):
            assert len(cleaned(read(bytes(broken)))) <= len(broken) + 64


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=300))
def test_any_bytes_are_a_structure_or_a_value_error(mime_type: str, rest: bytes) -> None:
    head = {"image/jpeg": JPEG[:2], "image/png": PNG[:33], "image/gif": GIF[:13]}[mime_type]
    for raw in (rest, head + rest):
        with contextlib.suppress(ValueError):
            READERS[mime_type][1](raw)


@given(st.binary(max_size=200))
def test_any_exif_is_read_without_an_error(rest: bytes) -> None:
    for start in (b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        body = b"Exif\0\0" + start + rest
        segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
        assert read_jpeg(JPEG[:2] + segment + plain_jpeg()[2:]).orientation in range(1, 9)


def test_a_png_whose_lengths_lie_has_no_more_than_there_is() -> None:
    lying = PNG[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(13) + struct.pack(">I", zlib.crc32(b"IDAT"))
    assert len(cleaned(read_png(lying))) < len(lying) + 64
    with pytest.raises(ValueError, match="no end"):
        read_png(PNG[:33] + struct.pack(">I", 2**31 - 1) + b"PLTE" + bytes(17))


JPEG, PNG, GIF = jpeg(), png(), gif()
