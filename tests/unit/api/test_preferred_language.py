"""Which language of a cached route a caller gets."""

import pytest

from api.calls.caching import preferred


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ar", "ar"),
        ("ar-SA", "ar"),
        ("AR", "ar"),
        ("fr", "en"),
        ("fr, ar;q=0.5", "ar"),
        ("en;q=0.5, ar;q=0.9", "ar"),
        ("ar;q=0", "en"),
        ("ar;q=x", "en"),
        ("ar;q=nan, en", "en"),
        (",;,=;q=", "en"),
        ("ar," * 10_000, "ar"),
    ],
)
def test_it_is_the_one_that_the_caller_likes_best_of_those_that_there_are(accepted: str, language: str) -> None:
    assert preferred(accepted, ("en", "ar")) == language


def test_a_route_without_languages_has_one_answer() -> None:
    assert preferred("ar", ()) == ""
