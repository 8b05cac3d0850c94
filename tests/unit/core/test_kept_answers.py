"""Whom an answer names is found wherever she stands in it, and loses her name there."""

import msgspec
import pytest

from core.base.ids import uuid7
from core.work.kept_answers import DELETED_NAME, named_in, without_name

ANN, BOB = uuid7(), uuid7()


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"members": [{"role": "x"} | one]}, lambda one: [[one]]])
@pytest.mark.parametrize("key", ["id", "userId"])
def test_who_is_named_is_found_and_loses_name_and_picture(wrap: object, key: str) -> None:
    assert callable(wrap)
    body = msgspec.json.encode([wrap({key: ANN, "name": "Ann", "avatarUrl": "a"}), wrap({key: BOB, "name": "Bob"})])
    assert named_in(body) == [ANN, BOB]
    gone = wrap({key: str(ANN), "name": DELETED_NAME, "avatarUrl": None})
    assert msgspec.json.decode(without_name(body, ANN)) == [gone, wrap({key: str(BOB), "name": "Bob"})]


def test_an_id_without_a_name_and_a_name_without_an_id_of_a_user_are_left_alone() -> None:
    body = msgspec.json.encode({"createdBy": ANN, "id": BOB, "skill": {"id": "editing", "name": "Editing"}})
    assert named_in(body) == []
    assert without_name(body, ANN) == without_name(body, BOB) == body


def test_no_answer_names_nobody() -> None:
    assert (named_in(b""), without_name(b"", ANN)) == ([], b"")
