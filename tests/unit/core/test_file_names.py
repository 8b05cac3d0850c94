"""core/files/names.py: names that users give, and those in the storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.names import MAX_KEY_BYTES, extension_of, key_name, problem_of

NAMES = st.text(st.characters(exclude_categories=()), max_size=300)


@given(NAMES, st.sampled_from(["png", "PDF", "mp4"]), st.sampled_from(["", "avatar"]))
def test_a_name_that_is_accepted_makes_one_short_segment_of_a_key(stem: str, extension: str, instead: str) -> None:
    name = f"{stem}.{extension}"
    if problem_of(name):
        return
    key = key_name(name, instead)
    assert len(key.encode()) <= MAX_KEY_BYTES
    assert "/" not in key
    assert key not in (".", "..")
    assert extension_of(key) == extension.lower() == extension_of(name)


@given(NAMES)
def test_whatever_a_name_is_it_is_judged(name: str) -> None:
    if not problem_of(name):
        name.encode()
        assert 1 <= len(name) <= 255
        assert not set(name) & set("/\\\0\r\n\u202e")


def test_ordinary_names_are_fine() -> None:
    for name in ("logo.png", "Final (2).PDF", "über uns.jpg", "写真.png", "a.tar.zip", "..hidden.png", "👩‍👩‍👧.gif"):
        assert problem_of(name) == ""


def test_two_files_of_one_stem_keep_their_extensions() -> None:
    assert key_name("Me.PNG", "avatar") == "avatar.png"
    assert key_name("Final.PDF") == "Final.PDF"


@pytest.mark.parametrize("stem", ["", ". .", "\u200b", "\u3164\u2800", "\u0301", "\ufe0f"])
def test_a_name_shows_something_before_its_extension(stem: str) -> None:
    assert problem_of(f"{stem}.png")
