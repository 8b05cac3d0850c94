"""Takes out of JPEG and PNG what does not belong to the picture: where and with what it was taken, texts, whatever hides
behind the end. The picture itself is copied as it is: nothing is lost by compressing it again."""

import re
from collections.abc import Iterator

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP sBIT pHYs bKGD hIST sPLT acTL fcTL fdAT".split()
)

_SCAN = 0xDA
# Within the data of a scan a marker is what follows FF, but for an escaped FF and a restart.
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Application segments that say how to show the picture; all others are dropped, and comments (FE) too.
_KEPT_APPLICATIONS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}


def clean_jpeg(data: bytes, orientation: int) -> bytes:
    """Return a JPEG with nothing but its picture and which way up it is (1 to 8, as in EXIF); raises ValueError."""
    if not data.startswith(JPEG_START):
        raise ValueError("no JPEG")
    turned = [_orientation(orientation)] if orientation != 1 else []
    return b"".join([JPEG_START, *turned, *_jpeg_segments(data), JPEG_END])


def clean_png(data: bytes) -> bytes:
    """Return a PNG with nothing but its picture; raises ValueError."""
    if not data.startswith(PNG_START):
        raise ValueError("no PNG")
    return b"".join([PNG_START, *_png_chunks(data)])


def _jpeg_segments(data: bytes) -> Iterator[bytes]:
    place = len(JPEG_START)
    while place < len(data):
        while data[place : place + 2] == b"\xff\xff":  # fill bytes
            place += 1
        if data[place : place + 2] == JPEG_END:
            return
        marker, end = _jpeg_segment(data, place)
        if _is_kept(marker, data[place + 4 : place + 16]):
            yield data[place:end]
        place = end
        if marker == _SCAN:
            found = _MARKER_AFTER_SCAN.search(data, place)
            stop = found.start() if found else len(data)
            yield data[place:stop]
            place = stop


def _jpeg_segment(data: bytes, place: int) -> tuple[int, int]:
    """Return the marker of the segment at a place, and where it ends."""
    head = data[place : place + 4]
    length = int.from_bytes(head[2:])
    if len(head) < 4 or head[0] != 0xFF or length < 2 or place + 2 + length > len(data):
        raise ValueError("a broken segment")
    return head[1], place + 2 + length


def _is_kept(marker: int, head: bytes) -> bool:
    if 0xE0 <= marker <= 0xEF:
        return marker in _KEPT_APPLICATIONS and head.startswith(_KEPT_APPLICATIONS[marker])
    return marker != 0xFE


def _orientation(value: int) -> bytes:
    """Return an EXIF segment that says one thing: a TIFF header, and a directory of one entry (0112, SHORT, 1)."""
    tiff = (
        b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0" + value.to_bytes(2, "little") + b"\0\0" + bytes(4)
    )
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body


def _png_chunks(data: bytes) -> Iterator[bytes]:
    place = len(PNG_START)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4])
        name = data[place + 4 : place + 8]
        if end > len(data):
            break
        if name in PNG_KEPT:
            yield data[place:end]
        if name == b"IEND":
            return
        place = end
    raise ValueError("no end")
