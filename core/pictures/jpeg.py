"""The structure of a JPEG (ITU T.81), and the data to keep: no location or camera, no texts, nothing after the end.

Kept data is copied unchanged: nothing is lost by recompression.
"""

import re
import struct

from core.pictures.exif import only_orientation, orientation_of
from core.pictures.structure import Data, Piece, Structure

START, END = b"\xff\xd8", b"\xff\xd9"
EXIF = b"Exif\0\0"
MAX_SEGMENTS = 4096

_SCAN, _END, _EXIF = 0xDA, 0xD9, 0xE1
# Baseline, extended and progressive, by Huffman codes: what browsers show.
_FRAMES = {0xC0: False, 0xC1: False, 0xC2: True}
_TABLES = frozenset({0xC4, 0xDB, 0xDC, 0xDD})
_COMMENT = 0xFE
# Application segments needed to display the picture; all others are dropped, and comments too.
_KEPT_APPLICATIONS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
# Decoders skip fill bytes before a marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
# Within scan data, FF begins a marker, except for an escaped FF and a restart.
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Zeros in place of a missing end: enough for a decoder to get past the few blocks that were cut off with it, but not enough
# for it to accept a picture with a part missing.
MIN_PADDING, MAX_PADDING, PADDED_SHARE = 64, 1024, 100


def read_jpeg(data: Data) -> Structure:
    """Read a JPEG's structure; raises ValueError. The kept data contains only markers that were understood."""
    reader = _Reader(data)
    reader.read()
    if reader.frame is None or not reader.scans:
        raise ValueError("no picture")
    is_progressive, height, width, components = reader.frame
    turned = [] if reader.orientation == 1 else [_exif(reader.orientation)]
    if not reader.has_end and not reader.has_begun_all():
        raise ValueError("cut off")
    return Structure(
        width,
        height,
        [START, *turned, *reader.kept],
        b"" if reader.has_end else END,
        b"" if reader.has_end else _padding(len(data), is_progressive=is_progressive),
        reader.orientation,
        scans=reader.scans,
        is_layered=is_progressive or (components > 1 and reader.scans > 1),
    )


def _padding(size: int, *, is_progressive: bool) -> bytes:
    """Return what a decoder gets in place of the end: a progressive JPEG is shown only if there is one."""
    return END if is_progressive else bytes(min(MAX_PADDING, max(MIN_PADDING, size // PADDED_SHARE)))


class _Reader:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._view = memoryview(data)
        self.kept: list[Piece] = []
        self.frame: tuple[bool, int, int, int] | None = None
        self.scans = 0
        self.orientation = 1
        self._left: dict[int, set[int]] = {}  # coefficients that no scan has begun to deliver in full, by component
        self.has_end = False

    def read(self) -> None:
        """Read all segments up to the end, which may be missing after a scan."""
        if self._data[:2] != START:
            raise ValueError("no JPEG")
        place = len(START)
        for _ in range(MAX_SEGMENTS):
            if place >= len(self._data) and self.scans:
                return
            found = _MARKER.search(self._data, place)
            if found is None and self.scans:
                return
            if found is None:
                raise ValueError("no marker")
            marker = found[1][0]
            if marker == _END:
                self.kept.append(END)
                self.has_end = True
                return
            place = self._segment(marker, found.end())
        raise ValueError("too many segments")

    def has_begun_all(self) -> bool:
        """Return whether each part of the picture has begun, so that a missing end belongs to the last one."""
        return not any(self._left.values())

    def _segment(self, marker: int, start: int) -> int:
        """Read the segment whose length is at `start`, and return where the next one begins."""
        length = int.from_bytes(self._data[start : start + 2])
        end = start + length
        if length < 2 or end > len(self._data):
            raise ValueError("a broken segment")
        body = self._data[start + 2 : end]
        if marker == _EXIF and body.startswith(EXIF) and self.orientation == 1:
            self.orientation = orientation_of(body[len(EXIF) :])
        elif marker in _FRAMES:
            self._take_frame(marker, body)
        elif marker == _SCAN:
            self._take_scan(body)
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
        self._left = {id: set(range(64)) for id in body[6 : 6 + 3 * components : 3]}

    def _take_scan(self, body: bytes) -> None:
        self.scans += 1
        count = body[0] if body else 0
        if len(body) < 4 + 2 * count:
            raise ValueError("a broken scan")
        first, last, precision = body[1 + 2 * count : 4 + 2 * count]
        if precision & 0x0F:
            return  # a later scan refines this one
        for id in body[1 : 1 + 2 * count : 2]:
            self._left.get(id, set()).difference_update(range(first, last + 1))


def _is_kept(marker: int, body: bytes) -> bool:
    if 0xE0 <= marker <= 0xEF:
        return marker in _KEPT_APPLICATIONS and body.startswith(_KEPT_APPLICATIONS[marker])
    if marker in _FRAMES or marker in _TABLES or marker == _SCAN:
        return True
    if marker == _COMMENT:
        return False
    raise ValueError("a segment that browsers do not know")


def _exif(orientation: int) -> bytes:
    """Return an EXIF segment with only the orientation."""
    body = EXIF + only_orientation(orientation)
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
