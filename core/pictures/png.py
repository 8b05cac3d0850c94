"""The structure of a PNG (W3C, third edition, with APNG), and the data to keep.

That excludes texts, EXIF except the orientation, and anything after the end, so none of these is ever decompressed.
"""

import struct
import zlib

from core.pictures.exif import only_orientation, orientation_of
from core.pictures.structure import Data, Piece, Structure

START = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 65_536
# Of all chunks kept besides the pixels together: colour profiles, palettes.
MAX_ANCILLARY_BYTES = 1024 * 1024

_HEADER, _END, _EXIF, _FRAME = b"IHDR", b"IEND", b"eXIf", b"fcTL"
_PIXELS = frozenset((b"IDAT", b"fdAT"))
# Colour information, independent of the orientation.
_COLOURS = frozenset(b"gAMA cHRM sRGB iCCP cICP".split())
_KEPT = frozenset(b"IHDR PLTE IEND tRNS sBIT pHYs bKGD hIST sPLT acTL fcTL".split()) | _PIXELS | _COLOURS
# Sizes of the bodies of fixed-size chunks: browsers ignore other sizes, and wrong checksums.
_SIZES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"pHYs": 9}
_CRITICAL = frozenset((_HEADER, b"PLTE", _END)) | _PIXELS
_GREY = 0


def read_png(data: Data) -> Structure:
    """Read a PNG's structure; raises ValueError. A missing end is added: decoders detect missing pixels."""
    reader = _Reader(data)
    reader.read()
    turned = [] if reader.orientation == 1 else [chunk(_EXIF, only_orientation(reader.orientation))]
    # Decoders return eight bits of sixteen, except for grey, and one of many frames.
    is_drawn_whole = not reader.frames and (reader.depth <= 8 or reader.colour_type == _GREY)
    start, *rest = reader.kept
    return Structure(
        reader.width,
        reader.height,
        [START, start, *turned, *rest],
        orientation=reader.orientation,
        is_layered=reader.is_interlaced,
        frames=max(reader.frames, 1),
        frame_pixels=reader.frame_pixels,
        colours=reader.colours if is_drawn_whole else None,
    )


def redrawn(png: bytes, colours: list[Piece]) -> list[Piece]:
    """Return the parts of a newly encoded PNG, with the colour chunks of the original."""
    _, start, *rest = _pieces(png)
    return [START, start, *colours, *rest]


def chunk(name: bytes, body: bytes | memoryview) -> bytes:
    """Return a chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


class _Reader:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._view = memoryview(data)
        self._ancillary = self._palette = 0
        self.kept: list[Piece] = []
        self.colours: list[Piece] = []
        self.frames = self.frame_pixels = 0
        self.orientation = 1
        if data[:8] != START or data[12:16] != _HEADER or data[8:12] != bytes((0, 0, 0, 13)):
            raise ValueError("no PNG")
        if len(data) < 33:
            raise ValueError("no end")
        self.width, self.height, self.depth, self.colour_type, interlaced = struct.unpack(">IIBB2xB", data[16:29])
        self.is_interlaced = bool(interlaced)

    def read(self) -> None:
        """Read all chunks up to the end, which may be missing after pixels."""
        place, has_pixels = len(START), False
        for _ in range(MAX_CHUNKS):
            name = self._data[place + 4 : place + 8]
            end = place + 12 + int.from_bytes(self._data[place : place + 4])
            is_whole = len(name) == 4 and end <= len(self._data)
            has_pixels = has_pixels or (name == b"IDAT")
            if not has_pixels and not is_whole:
                raise ValueError("no end")
            if not is_whole or name == _END:
                self._end(place, name)
                return
            self._take(name, place, end)
            place = end
        raise ValueError("too many chunks")

    def _take(self, name: bytes, place: int, end: int) -> None:
        if name == _HEADER and self.kept:
            raise ValueError("more than one header")
        if name == _EXIF and end - place <= MAX_ANCILLARY_BYTES:
            self.orientation = orientation_of(self._data[place + 8 : end - 4])
        if name not in _KEPT or not (name in _CRITICAL or self._is_sound(name, place, end)):
            return
        if name == b"PLTE":
            self._palette = (end - place - 12) // 3
        if name == _FRAME:
            self.frames += 1
            self.frame_pixels += _frame_pixels(self._data[place + 8 : end])
        elif name not in _PIXELS:
            self._ancillary += end - place
        if self._ancillary > MAX_ANCILLARY_BYTES:
            raise ValueError("too much beside the pixels")
        self.kept.append(self._view[place:end])
        if name in _COLOURS:
            self.colours.append(self._view[place:end])

    def _is_sound(self, name: bytes, place: int, end: int) -> bool:
        """Return whether an optional chunk is valid: decoders fail on invalid ones."""
        size = end - place - 12
        if size > MAX_ANCILLARY_BYTES:
            return True  # refused because of it
        is_short = name != b"tRNS" or not self._palette or size <= self._palette
        has_sum = zlib.crc32(self._data[place + 4 : end - 4]) == int.from_bytes(self._data[end - 4 : end])
        return has_sum and is_short and size == _SIZES.get(name, size)

    def _end(self, place: int, name: bytes) -> None:
        """Keep the available part of truncated pixels, and end."""
        if name == b"IDAT" and place + 8 < len(self._data):
            self.kept.append(chunk(name, self._view[place + 8 :]))
        self.kept.append(chunk(_END, b""))


def _pieces(png: bytes) -> list[Piece]:
    reader = _Reader(png)
    reader.read()
    return [START, *reader.kept]


def _frame_pixels(control: bytes) -> int:
    if len(control) < 12:
        raise ValueError("a broken frame")
    width, height = struct.unpack(">4xII", control[:12])
    return int(width * height)
