"""Emoji in one spelling each: Unicode's list from the package `emoji` (whose updates add those of each year).

Variation selectors make no difference; skin tones, joined sequences, flags and keycaps are separate emoji.
"""

from typing import Final

from emoji import EMOJI_DATA, STATUS

SELECTORS: Final = "\ufe0e\ufe0f"  # for text and for picture
_UNSELECTED: Final = str.maketrans("", "", SELECTORS)
# Unicode's spelling, by the emoji without selectors.
_SPELLINGS: Final = {
    emoji.translate(_UNSELECTED): emoji
    for emoji, facts in EMOJI_DATA.items()
    if facts["status"] == STATUS["fully_qualified"]
}


def spelled(text: str) -> str | None:
    """Return an emoji in Unicode's spelling; None: not an emoji, or more than one."""
    return _SPELLINGS.get(text.translate(_UNSELECTED))
