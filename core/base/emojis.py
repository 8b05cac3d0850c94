"""Emoji, one spelling for each: those of Unicode's list, as the package `emoji` has it (its updates bring those of each year).

With or without variation selectors it is the same emoji; skin tones, joined sequences, flags and keycaps are emoji of their own.
"""

from typing import Final

from emoji import EMOJI_DATA, STATUS

SELECTORS: Final = "\ufe0e\ufe0f"  # of text and of picture
_UNSELECTED: Final = str.maketrans("", "", SELECTORS)
# By what is left without selectors, how Unicode writes it.
_SPELLINGS: Final = {
    emoji.translate(_UNSELECTED): emoji
    for emoji, facts in EMOJI_DATA.items()
    if facts["status"] == STATUS["fully_qualified"]
}


def spelled(text: str) -> str | None:
    """Return an emoji as Unicode writes it; None: it is not one, or more than one."""
    return _SPELLINGS.get(text.translate(_UNSELECTED))
