"""EXIF (a TIFF): only the orientation is read and kept."""

import struct

_ORIENTATION = 0x0112


def orientation_of(tiff: bytes) -> int:
    """Return the orientation in the first directory, 1 to 8, or 1 if there is none."""
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


def only_orientation(orientation: int) -> bytes:
    """Return a TIFF with only the orientation: a header, and a directory of one entry (0112, SHORT, 1)."""
    entry = struct.pack("<HHIH2x", _ORIENTATION, 3, 1, orientation)
    return b"II*\0\x08\0\0\0" + b"\x01\0" + entry + bytes(4)
