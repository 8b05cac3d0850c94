"""Distances, the cells that cover a circle, and positions that give no more away than a cell."""

from math import asin, atan2, cos, degrees, radians, sin
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.geo import DEGREE, EARTH, MOST, Place, cover, distance, fuzzed

RIYADH, PARIS = Place(24.7136, 46.6753), Place(48.8566, 2.3522)
LONDON, NEW_YORK = Place(51.5074, -0.1278), Place(40.7128, -74.0060)
PLACES = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))
RADII = st.floats(1, 20_000_000)
OWNER = UUID(int=7)


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        (LONDON, PARIS, 343.9),
        (LONDON, NEW_YORK, 5570),
        (Place(0, 179.5), Place(0, -179.5), 111.2),  # across the 180th meridian
        (Place(90, 0), Place(90, 120), 0),  # a pole has all longitudes
        (Place(89.9, 0), Place(89.9, 180), 22.2),  # across a pole
        (Place(90, 0), Place(-90, 0), 20015),
        (Place(0, 0), Place(0, 180), 20015),
    ],
)
def test_distances_are_those_of_the_map(one: Place, other: Place, kilometres: float) -> None:
    assert distance(one, other) / 1000 == pytest.approx(kilometres, rel=0.002, abs=0.05)
    assert distance(one, other) == distance(other, one)


def cell(place: Place) -> int:
    """Return the cell of a place, written anew."""
    row, column = (min(int(part * 2**26), 2**26 - 1) for part in ((place.lat + 90) / 180, (place.lon + 180) / 360))
    bits = f"{row:026b}", f"{column:026b}"
    return int("".join(y + x for y, x in zip(*bits, strict=True)), 2)


def covered(place: Place, ranges: tuple[list[int], list[int]]) -> bool:
    return any(low <= cell(place) <= high for low, high in zip(*ranges, strict=True))


def moved(place: Place, metres: float, bearing: float) -> Place:
    """Return the place at the end of a great circle's arc."""
    angle, lat, turn = metres / EARTH, radians(place.lat), radians(bearing)
    sine = sin(lat) * cos(angle) + cos(lat) * sin(angle) * cos(turn)
    north = asin(max(-1.0, min(1.0, sine)))
    east = atan2(sin(turn) * sin(angle) * cos(lat), cos(angle) - sin(lat) * sin(north))
    return Place(degrees(north), (place.lon + degrees(east) + 180) % 360 - 180)


@given(PLACES, RADII, st.floats(0, 1), st.floats(0, 360))
def test_nobody_within_the_radius_is_missed(centre: Place, radius: float, share: float, bearing: float) -> None:
    other = moved(centre, radius * share, bearing)
    if distance(centre, other) <= radius:
        assert covered(other, cover(centre, radius))


@given(PLACES, PLACES, RADII)
def test_nobody_anywhere_within_the_radius_is_missed(centre: Place, other: Place, radius: float) -> None:
    if distance(centre, other) <= radius:
        assert covered(other, cover(centre, radius))


@given(PLACES, st.floats(1, 300_000))
def test_few_cells_cover_a_circle_and_none_twice(centre: Place, radius: float) -> None:
    lows, highs = cover(centre, radius)
    assert 1 <= len(lows) <= MOST
    assert all(high < low for high, low in zip(highs, lows[1:], strict=False))


def test_a_small_circle_is_not_covered_by_half_the_earth() -> None:
    for centre in (RIYADH, Place(0, 180), Place(60, -179.999)):
        lows, highs = cover(centre, 5000)
        assert sum(high - low + 1 for low, high in zip(lows, highs, strict=True)) < 2**52 / 100_000


@given(PLACES, st.floats(100, 50_000), st.uuids())
def test_a_fuzzed_place_is_the_same_for_all_of_its_cell(place: Place, metres: float, owner: UUID) -> None:
    shown = fuzzed(place, metres, owner)
    assert fuzzed(place, metres, owner) == shown
    assert fuzzed(shown, metres, owner) == shown  # the centre is in the cell: asking about it tells nothing more


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(100, 20_000), st.uuids())
def test_a_fuzzed_place_is_near_the_true_one(lat: float, lon: float, metres: float, owner: UUID) -> None:
    place = Place(lat, lon)
    assert distance(place, fuzzed(place, metres, owner)) < 1.1 * metres


@pytest.mark.parametrize("centre", [RIYADH, Place(0, 180), Place(-77, -179.99), Place(69.6, 18.9)])
def test_who_measures_from_everywhere_learns_the_cell_and_no_more(centre: Place) -> None:
    """All places of a grid of 50 m are shown as one of few, each of which stands for a whole square kilometre."""
    metres, step = 1000.0, 50.0
    lon_step = step / DEGREE / cos(radians(centre.lat))
    counts: dict[Place, int] = {}
    for y in range(-100, 100):
        for x in range(-100, 100):
            lon = (centre.lon + x * lon_step + 180) % 360 - 180
            shown = fuzzed(Place(centre.lat + y * step / DEGREE, lon), metres, OWNER)
            counts[shown] = counts.get(shown, 0) + 1
    assert len(counts) <= 121
    assert sorted(counts.values())[len(counts) // 2] >= (metres / step) ** 2 * 0.95  # those cut off by the edge aside


def test_owners_have_grids_of_their_own() -> None:
    assert len({fuzzed(RIYADH, 1000, UUID(int=one)) for one in range(20)}) == 20


@pytest.mark.parametrize(("lat", "lon"), [("nan", "0"), ("0", "nan"), ("0", "inf"), ("90.1", "0"), ("0", "-180.1")])
def test_what_is_nowhere_on_earth_is_no_place(lat: str, lon: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"lat": lat, "lon": lon}, Place, strict=False)
