"""The structure of a PNG (W3C, third edition, with APNG), and what of it belongs to the picture: no texts, no EXIF, nothing
behind the end. So nothing of these is ever decompressed."""

import struct

from core.pictures.structure import Data, Piece, Structure

START = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 65_536
# Of all chunks that are kept beside the pixels together: profiles of colours, palettes.
MAX_ANCILLARY_BYTES = 1024 * 1024

_PIXELS = frozenset((b"IDAT", b"fdAT"))
_KEPT = frozenset(b"IHDR PLTE IEND tRNS gAMA cHRM sRGB iCCP cICP sBIT pHYs bKGD hIST sPLT acTL fcTL".split()) | _PIXELS


def read_png(data: Data) -> Structure:
    """Read a PNG's structure; raises ValueError."""
    if data[:8] != START or data[12:16] != b"IHDR" or data[8:12] != bytes((0, 0, 0, 13)):
        raise ValueError("no PNG")
    width, height, is_interlaced = struct.unpack(">II4xB", data[16:29])
    view = memoryview(data)
    kept: list[Piece] = [START]
    place, frames, frame_pixels, ancillary = len(START), 0, 0, 0
    for _ in range(MAX_CHUNKS):
        name, end = _chunk(data, place)
        if name == b"fcTL":
            frames += 1
            frame_pixels += _frame_pixels(data[place + 8 : end])
        elif name in _KEPT and name not in _PIXELS:
            ancillary += end - place
        if name == b"IHDR" and place != len(START):
            raise ValueError("more than one header")
        if ancillary > MAX_ANCILLARY_BYTES:
            raise ValueError("too much beside the pixels")
        if name in _KEPT:
            kept.append(view[place:end])
        if name == b"IEND":
            return Structure(
                width,
                height,
                kept,
                is_layered=bool(is_interlaced),
                frames=max(frames, 1),
                frame_pixels=frame_pixels,
            )
        place = end
    raise ValueError("too many chunks")


def _chunk(data: Data, place: int) -> tuple[bytes, int]:
    """Return the name of the chunk at a place, and where it ends."""
    end = place + 12 + int.from_bytes(data[place : place + 4])
    if place + 12 > len(data) or end > len(data):
        raise ValueError("no end")
    return data[place + 4 : place + 8], end


def _frame_pixels(control: bytes) -> int:
    if len(control) < 12:
        raise ValueError("a broken frame")
    width, height = struct.unpack(">4xII", control[:12])
    return int(width * height)
