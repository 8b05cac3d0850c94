"""What people can see of a text: names are one visible line, and no text turns around what follows it."""

from unicodedata import bidirectional, category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import texts

UNSEEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u3164\uffa0\u115f\u2800\u00ad\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
    "\ufe0f\U000e0041\U000e007f\n\r\t \u2028\u00a0\u0301"
)
NAMES = [
    "Zoë",
    "Nguyễn",
    "山田太郎",
    "김민수",
    "علی‌رضا",  # Persian, with a ZWNJ
    "क्‍ष",  # Indic, with a ZWJ
    "葛\U000e0100城",  # a Japanese variant
    "C++",
    ".",
    "👩‍👩‍👧‍👦",
    "❤️",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # England
    "1️⃣",
    "👍🏽 crew",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_stays_as_it_is(name: str) -> None:
    assert texts.line(name) == name
    assert texts.prose(name) == name


@given(st.text(st.sampled_from(UNSEEN)))
def test_a_text_without_visible_characters_is_empty(text: str) -> None:
    assert not texts.is_visible(text)
    assert texts.prose(text) == ""


@pytest.mark.parametrize("unseen", UNSEEN)
def test_a_name_without_visible_characters_is_empty_or_refused(unseen: str) -> None:
    try:
        assert texts.line(unseen * 3) == ""
    except texts.UnfitError:
        assert category(unseen) == "Cc" or unseen == "\u2028"


@pytest.mark.parametrize("end", "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
def test_a_name_is_one_line(end: str) -> None:
    with pytest.raises(texts.UnfitError, match="single line"):
        texts.line(f"Ann{end}Admin")
    assert texts.line(f"{end}Ann{end}") == "Ann"


@given(st.text())
def test_a_name_is_visible_on_one_line_and_turns_nothing_around(text: str) -> None:
    try:
        line = texts.line(text)
    except texts.UnfitError:
        return
    assert line == "" or texts.is_visible(line)
    assert line.splitlines() in ([], [line])
    assert not {bidirectional(character) for character in line} & {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    assert texts.line(line) == line


@given(st.text(st.sampled_from("ab\n\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")))
def test_a_text_closes_what_it_opens(text: str) -> None:
    contained = texts.contained(text)
    assert texts.contained(contained) == contained
    assert not set("\u202d\u202e") & set(contained)
    for paragraph in contained.split("\n"):
        opened: list[str] = []
        for character in paragraph:
            if character in "\u202a\u202b\u2066\u2067\u2068":
                opened.append("\u202c" if character in "\u202a\u202b" else "\u2069")
            elif character in "\u202c\u2069":
                assert opened.pop() == character
        assert not opened
    drop = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
    assert contained.translate(drop) == text.translate(drop)


def test_a_quotation_in_the_other_direction_stays() -> None:
    text = "he said \u2067\u05e9\u05dc\u05d5\u05dd, world\u2069 and \u202b\u0639\u0627\u0644\u0645\u202c left"
    assert texts.prose(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_ordinary_text_is_stored_as_written(text: str) -> None:
    has_direction = any(
        bidirectional(one) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} for one in text
    )
    if "\0" not in text and not has_direction:
        assert texts.prose(text) in (text, "")


@given(
    st.characters(categories=["L", "N", "S", "P"], exclude_characters="\u115f\u1160\u3164\uffa0\u2800\ufffc\U0001d159")
)
def test_every_letter_digit_and_sign_can_be_seen(character: str) -> None:
    assert texts.is_visible(character)
    assert texts.line(f"\u200b {character} ") == character


@given(st.characters(categories=["Cc", "Zs", "Zl", "Zp", "Cs", "Co"]))
def test_no_control_or_blank_can_be_seen(character: str) -> None:
    assert not texts.is_visible(character)
