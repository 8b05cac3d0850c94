"""Texts that name people."""

from uuid import UUID

import pytest

from core.base.people import Person
from core.text.wording import worded

ANN, BOB = Person(UUID(int=1), "Ann"), Person(UUID(int=2), "{Bob}")


@pytest.mark.parametrize(
    ("template", "text", "nameless"),
    [
        ("{ann} added {bob}", "Ann added {Bob}", "Someone added Someone"),
        ("{ann}: {said}", "Ann: {ann} 5 {{", "Someone: {ann} 5 {{"),
        ("{{{said}}} by {bob}", "{{ann} 5 {{} by {Bob}", "{{ann} 5 {{} by Someone"),
        ("nobody {rating}", "nobody 5", "nobody 5"),
        ("", "", ""),
    ],
)
def test_people_are_named_or_not_and_nothing_else_is_taken_for_a_name(template: str, text: str, nameless: str) -> None:
    wording = worded(template, {"ann": ANN, "bob": BOB, "said": "{ann} 5 {{", "rating": 5})
    assert (wording.text(), wording.nameless()) == (text, nameless)
    assert len(wording.pieces) == len(wording.ids) + 1


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(KeyError):
        worded("{ann}", {})
