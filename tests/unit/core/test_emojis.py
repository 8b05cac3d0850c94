"""One emoji is one reaction, however it is spelled, and nothing else is."""

import pytest

from core.base import emojis

HEART = "\u2764\ufe0f"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("\u2764", HEART),
        ("\u2764\ufe0e", HEART),
        (HEART, HEART),
        ("1\u20e3", "1\ufe0f\u20e3"),
        ("👍", "👍"),
        ("👍\ufe0f", "👍"),
        ("👍🏽", "👍🏽"),
        ("👩\u200d\u2764\u200d👩", "👩\u200d\u2764\ufe0f\u200d👩"),
        ("👨\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧\u200d👦"),
        ("🇩🇪", "🇩🇪"),
        (ENGLAND, ENGLAND),
        ("\U0001fae8", "\U0001fae8"),  # of Unicode 15, which Python 3.11 does not know
    ],
)
def test_an_emoji_has_one_spelling(text: str, spelled: str) -> None:
    assert emojis.spelled(text) == spelled
    assert emojis.spelled(spelled) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "ok",
        "1",
        "#",
        "👍👍",
        "👍 ",
        "👍x",
        "🏽",
        "🇩",
        "\ufe0f",
        "\u200d",
        "👩\u200d",
        "👍\u200d👎",
        "\u3164",
    ],
)
def test_nothing_else_is_one(text: str) -> None:
    assert emojis.spelled(text) is None


def test_skin_tones_are_emoji_of_their_own() -> None:
    assert len({emojis.spelled(f"👋{tone}") for tone in ("", "🏻", "🏼", "🏽", "🏾", "🏿")}) == 6
