"""Places on earth: distances, who is within a radius, and positions that give no more away than a cell of a grid.

The database has the same functions (migration 0056), without extensions. A table indexes `geo_cell(lat, lon)`; a query takes the
ranges of `cover`, then the exact distance: see docs/geo.md.
"""

from hashlib import sha256
from math import asin, cos, degrees, floor, radians, sin, sqrt
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

EARTH: Final = 6_371_008.8  # metres: the mean radius
DEGREE: Final = radians(1) * EARTH  # metres of a meridian
BITS: Final = 26  # of a cell's row and of its column
MOST: Final = 16  # cells that cover a radius
MARGIN: Final = 1 + 1e-9  # around a box: sums of floats are not exact

Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]


class Place(msgspec.Struct, frozen=True):
    """A place, in degrees."""

    lat: Lat
    lon: Lon


class Nearer(msgspec.Struct, frozen=True, array_like=True):
    """The position of an entry in a list by distance, the nearest first."""

    metres: float
    id: UUID


NEAREST: Final = Nearer(-1.0, UUID(int=0))  # before the first entry


def distance(one: Place, other: Place) -> float:
    """Return the metres between two places."""
    lat, lon = radians(other.lat - one.lat), radians(other.lon - one.lon)
    half = sin(lat / 2) ** 2 + cos(radians(one.lat)) * cos(radians(other.lat)) * sin(lon / 2) ** 2
    return 2 * EARTH * asin(min(1.0, sqrt(half)))


def cover(place: Place, metres: float) -> tuple[list[int], list[int]]:
    """Return disjoint ranges of cells, as their first and last ones: all that is within so many metres of a place is in them."""
    south, north, boxes = _box(place, metres)
    for level in range(BITS, -1, -1):
        rows = _span(south, north, -90, 180, level)
        spans = [_span(west, east, -180, 360, level) for west, east in boxes]
        if len(rows) * sum(map(len, spans)) <= MOST or level == 0:
            break
    shift = 2 * (BITS - level)
    columns = {one for span in spans for one in span}
    lows = sorted((_spread(row) << 1 | _spread(column)) << shift for row in rows for column in columns)
    return lows, [low + (1 << shift) - 1 for low in lows]


def fuzzed(place: Place, metres: float, owner: UUID) -> Place:
    """Return the centre of the cell of a grid that a place is in: cells are at least so many metres wide and high.

    Each owner has a grid of their own, always the same one: asking again tells nothing more, and no border is the border of all.
    """
    digest = sha256(owner.bytes).digest()
    down, right = (int.from_bytes(part) / 2**64 for part in (digest[:8], digest[8:16]))
    rows = max(1, floor(180 * DEGREE / metres))
    height = 180 / rows
    # The rows that the poles cut off belong to the ones next to them.
    row = min(max(floor((place.lat + 90) / height - down), 0), max(0, rows - 2))
    south = -90 + (row + down) * height
    narrow = 0.0 if row in (0, rows - 2) else cos(radians(max(abs(south), abs(south + height))))
    columns = max(1, floor(360 * DEGREE * narrow / metres))
    width = 360 / columns
    column = floor((place.lon + 180) / width - right) % columns
    lon = (column + right + 0.5) * width % 360 - 180
    return Place(min(90.0, max(-90.0, south + height / 2)), lon)


def _box(place: Place, metres: float) -> tuple[float, float, list[tuple[float, float]]]:
    """Return the box around a circle: south, north, and from west to east; two of these across the 180th meridian."""
    angle = metres / EARTH * MARGIN + 1e-12
    south, north = place.lat - degrees(angle), place.lat + degrees(angle)
    if south <= -90 or north >= 90:  # a pole is in it
        return max(south, -90.0), min(north, 90.0), [(-180.0, 180.0)]
    wide = degrees(asin(min(1.0, sin(angle) / cos(radians(place.lat))))) * MARGIN + 1e-10
    west, east = place.lon - wide, place.lon + wide
    if west < -180:
        return south, north, [(west + 360, 180.0), (-180.0, east)]
    if east > 180:
        return south, north, [(west, 180.0), (-180.0, east - 360)]
    return south, north, [(west, east)]


def _span(low: float, high: float, start: float, whole: float, level: int) -> range:
    """Return the rows or columns of a level that a part of the whole touches."""
    first, last = (min(floor((one - start) / whole * 2**BITS), 2**BITS - 1) >> (BITS - level) for one in (low, high))
    return range(first, last + 1)


def _spread(number: int) -> int:
    """Return a number with a zero before each of its bits."""
    return sum((number >> bit & 1) << 2 * bit for bit in range(BITS))
