"""Ids that hold a bigint: each becomes the other without a look-up."""

import io
from uuid import UUID

import pytest

from core.base.ids import FIRST_UUID7, ID_LENGTH, MOST_BIGINT, PIECE, BigintIds, uuid7

IDS = BigintIds("bazaar")


@pytest.mark.parametrize("number", [1, 42, 2**31, 2**53 + 1, MOST_BIGINT])
def test_a_bigint_and_its_uuid_are_turned_into_one_another(number: int) -> None:
    id = IDS.uuid(number)
    assert id.int & (2**64 - 1) == number
    assert IDS.shown(str(id)) == str(number)
    assert IDS.taken(str(number)) == str(id)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "01", "1.0", " 1", "1e3", str(2**63), "9" * 19, "9" * 30, "x", "\u0661"]
)
def test_what_is_no_positive_bigint_in_decimal_becomes_no_id(text: str) -> None:
    taken = IDS.taken(text)
    assert taken == text
    with pytest.raises(ValueError, match="UUID"):
        UUID(taken)


def test_each_marketplace_has_ids_of_its_own_and_none_is_a_uuid7() -> None:
    other = BigintIds("souk")
    assert other.uuid(1) != IDS.uuid(1)
    assert other.shown(str(IDS.uuid(1))) == str(IDS.uuid(1)), "another's stays as it is"
    assert IDS.uuid(MOST_BIGINT) < FIRST_UUID7 < uuid7()


@pytest.mark.parametrize("before", range(PIECE - ID_LENGTH - 3, PIECE + 2))
def test_ids_in_a_file_are_found_wherever_its_pieces_end(before: int) -> None:
    ids, target = BigintIds("bazaar"), io.BytesIO()
    id, other = str(ids.uuid(7)).encode(), str(uuid7()).encode()
    rest = b'"%b", "it has %b", "%b", "%b"'
    ids.copy_shown(io.BytesIO(b" " * before + rest % (id, id, other, id)), target)
    assert target.getvalue() == b" " * before + rest % (b"7", id, other, b"7")
