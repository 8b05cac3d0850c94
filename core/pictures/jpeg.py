"""The structure of a JPEG (ITU T.81), and what of it belongs to the picture: not where and with what it was taken, no texts, not
what hides behind the end. What is kept is copied as it is: nothing is lost by compressing it again."""

import re
import struct

from core.pictures.structure import Data, Piece, Structure

START, END = b"\xff\xd8", b"\xff\xd9"
MAX_SEGMENTS = 4096

_SCAN, _END, _EXIF = 0xDA, 0xD9, 0xE1
# Baseline, extended and progressive, by Huffman codes: what browsers show.
_FRAMES = {0xC0: False, 0xC1: False, 0xC2: True}
_TABLES = frozenset({0xC4, 0xDB, 0xDC, 0xDD})
_COMMENT = 0xFE
# Application segments that say how to show the picture; all others are dropped, and comments too.
_KEPT_APPLICATIONS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_MARKER = re.compile(rb"\xff+([^\xff])")
# Within the data of a scan a marker is what follows FF, but for an escaped FF and a restart.
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ORIENTATION = 0x0112


def read_jpeg(data: Data) -> Structure:
    """Read a JPEG's structure; raises ValueError. What is kept holds no markers but those that were understood."""
    reader = _Reader(data)
    reader.read()
    if reader.frame is None or not reader.scans:
        raise ValueError("no picture")
    is_progressive, height, width, components = reader.frame
    turned = [] if reader.orientation == 1 else [_exif(reader.orientation)]
    return Structure(
        width,
        height,
        [START, *turned, *reader.kept],
        b"" if reader.has_end else END,
        reader.orientation,
        scans=reader.scans,
        is_layered=is_progressive or (components > 1 and reader.scans > 1),
    )


class _Reader:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._view = memoryview(data)
        self.kept: list[Piece] = []
        self.frame: tuple[bool, int, int, int] | None = None
        self.scans = 0
        self.orientation = 1
        self.has_end = False

    def read(self) -> None:
        """Read all segments up to the end, which may be missing after a scan."""
        if self._data[:2] != START:
            raise ValueError("no JPEG")
        place = len(START)
        for _ in range(MAX_SEGMENTS):
            if place >= len(self._data) and self.scans:
                return
            found = _MARKER.match(self._data, place)
            if found is None:
                raise ValueError("no marker")
            marker = found[1][0]
            if marker == _END:
                self.kept.append(END)
                self.has_end = True
                return
            place = self._segment(marker, found.end())
        raise ValueError("too many segments")

    def _segment(self, marker: int, start: int) -> int:
        """Read the segment whose length is at `start`, and return where the next one begins."""
        length = int.from_bytes(self._data[start : start + 2])
        end = start + length
        if length < 2 or end > len(self._data):
            raise ValueError("a broken segment")
        body = self._data[start + 2 : end]
        if marker == _EXIF and body.startswith(b"Exif\0\0") and self.orientation == 1:
            self.orientation = _orientation(body[6:])
        elif marker in _FRAMES:
            self._take_frame(marker, body)
        elif marker == _SCAN:
            self.scans += 1
            found = _MARKER_AFTER_SCAN.search(self._data, end)
            end = found.start() if found else len(self._data)
        if _is_kept(marker, body):
            self.kept += [bytes((0xFF, marker)), self._view[start:end]]
        return end

    def _take_frame(self, marker: int, body: bytes) -> None:
        if self.frame is not None or len(body) < 6:
            raise ValueError("more than one frame")
        _, height, width, components = struct.unpack(">BHHB", body[:6])
        self.frame = (_FRAMES[marker], height, width, components)


def _is_kept(marker: int, body: bytes) -> bool:
    if 0xE0 <= marker <= 0xEF:
        return marker in _KEPT_APPLICATIONS and body.startswith(_KEPT_APPLICATIONS[marker])
    if marker in _FRAMES or marker in _TABLES or marker == _SCAN:
        return True
    if marker == _COMMENT:
        return False
    raise ValueError("a segment that browsers do not know")


def _orientation(tiff: bytes) -> int:
    """Return what a TIFF says in its first directory, and 1 if that is nothing."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (place,) = struct.unpack(order + "I", tiff[4:8])
    count = struct.unpack(order + "H", tiff[place : place + 2])[0] if place + 2 <= len(tiff) else 0
    entries = tiff[place + 2 : place + 2 + 12 * count]
    for tag, kind, _, value in struct.iter_unpack(order + "HHIH2x", entries[: len(entries) // 12 * 12]):
        if tag == _ORIENTATION:
            return value if kind == 3 and value in range(1, 9) else 1
    return 1


def _exif(orientation: int) -> bytes:
    """Return an EXIF segment that says one thing: a TIFF header, and a directory of one entry (0112, SHORT, 1)."""
    entry = struct.pack("<HHIH2x", _ORIENTATION, 3, 1, orientation)
    body = b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\x01\0" + entry + bytes(4)
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
