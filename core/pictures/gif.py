"""The structure of a GIF (89a), and the data to keep: no comments, no texts, no XMP, nothing after the end."""

import struct

from core.pictures.structure import Data, Piece, Structure

MAX_BLOCKS = 1_000_000

_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
# Repetitions, and colours.
_KEPT_APPLICATIONS = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0", b"\x0bICCRGBG1012")


def read_gif(data: Data) -> Structure:
    """Read a GIF's structure; raises ValueError. A missing end is added, and a later frame that is truncated left out."""
    reader = _Reader(data)
    reader.read()
    if not reader.frames:
        raise ValueError("no picture")
    return Structure(reader.width, reader.height, reader.kept, frames=reader.frames, frame_pixels=reader.frame_pixels)


class _CutOffError(ValueError):
    """The file ends within a block, or continues with something else; `place`: the end of the valid part."""

    def __init__(self, place: int) -> None:
        super().__init__("no end")
        self.place = place


class _Reader:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._view = memoryview(data)
        self._left = MAX_BLOCKS
        self.kept: list[Piece] = []
        self.width = self.height = self.frames = self.frame_pixels = 0

    def read(self) -> None:
        """Read the header and all blocks up to the end."""
        if self._data[:6] not in (b"GIF87a", b"GIF89a") or len(self._data) < 13:
            raise ValueError("no GIF")
        self.width, self.height = struct.unpack("<HH", self._data[6:10])
        place = self._keep(0, 13 + _colours(self._data[10]))
        if place > len(self._data):
            raise ValueError("no end")
        while place < len(self._data) and self._data[place] != _END:
            try:
                place = self._block(place)
            except _CutOffError as error:
                if not self.frames:  # the picture data may be complete, and only the end missing
                    self._count_frame(place)
                    self.kept += [self._view[place : error.place], b"\0"]
                break
        self.kept.append(bytes((_END,)))

    def _block(self, place: int) -> int:
        """Read the block at a position; return where it ends."""
        kind, label = self._data[place], self._data[place + 1 : place + 2]
        if kind == _IMAGE:
            end = self._data_blocks(self._image_data(place))
            self._count_frame(place)
            return self._keep(place, end)
        if kind != _EXTENSION or not label:
            raise _CutOffError(place)
        end = self._data_blocks(place + 2)
        is_shown = self._data[place + 2 : place + 14] in _KEPT_APPLICATIONS
        if label[0] == _CONTROL or (label[0] == _APPLICATION and is_shown):
            self._keep(place, end)
        return end

    def _image_data(self, place: int) -> int:
        """Return where the blocks of the frame at a position begin."""
        return place + 10 + _colours(self._head(place)[4]) + 1

    def _count_frame(self, place: int) -> None:
        left, top, width, height, _ = self._head(place)
        if not self.frames:  # a frame larger than the screen enlarges it
            self.width, self.height = max(self.width, left + width), max(self.height, top + height)
        self.frames += 1
        self.frame_pixels += width * height

    def _head(self, place: int) -> tuple[int, int, int, int, int]:
        """Return left, top, width, height and flags of the frame at a position."""
        head = self._data[place + 1 : place + 10]
        if self._data[place] != _IMAGE or len(head) < 9:
            raise ValueError("no picture")
        left, top, width, height, flags = struct.unpack("<HHHHB", head)
        return left, top, width, height, flags

    def _data_blocks(self, place: int) -> int:
        """Return where a sequence of blocks ends: each begins with its length, and the last is empty."""
        data, size = self._data, len(self._data)
        whole = place
        while place < size:
            length = data[place]
            place += 1 + length
            self._left -= 1
            if self._left < 0:
                raise ValueError("too many blocks")
            if not length:
                return place
            whole = place if place <= size else whole
        raise _CutOffError(min(whole, size))

    def _keep(self, place: int, end: int) -> int:
        self.kept.append(self._view[place:end])
        return end


def _colours(flags: int) -> int:
    """Return the size of a colour table in bytes."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
