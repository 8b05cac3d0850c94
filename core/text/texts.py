"""Visible text: names and titles are one visible line, and no text changes how text after it is displayed.

Joiners stay where letters and emoji need them (Persian, Indic scripts, families); dropped characters are invisible everywhere.
"""

import re
from collections.abc import Callable
from typing import Final
from unicodedata import category

# Invisible: blanks, fillers, controls, direction marks, joiners and variation selectors without a character, tags, private
# and surrogate code points. Unassigned code points count as visible: Python learns of new emoji only later.
_UNSEEN: Final = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufdd0-\ufdef\ufffe\uffff\ud800-\uf8ff"
    r"\U0001bca0-\U0001bca3\U00013430-\U0001343f\U0001d159\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")  # letters, according to Unicode
_SEEN = re.compile(f"[^{_UNSEEN}]")
# Around a name: also direction marks, which are copied along from messengers.
_EDGE: Final = r"[\s\xad\u061c\u115f\u1160\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0]"
_EDGES = re.compile(f"^{_EDGE}+|{_EDGE}+$")
_LINE_END = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# In a line: zero-width spaces, soft hyphens, annotations, all direction formatting except the marks; tags that follow no flag.
_DROPPED = re.compile(
    r"(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)"
    r"|[\xad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_DIRECTED: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_DIRECTED_OR_END = re.compile(r"[\u202a-\u202e\u2066-\u2069\n\r\x1c-\x1e\x85\u2029]")
_OVERRIDES, _ISOLATES = frozenset("\u202d\u202e"), frozenset("\u2066\u2067\u2068")
_OPENERS: Final = _OVERRIDES | _ISOLATES | frozenset("\u202a\u202b")
_POP, _POP_ISOLATE = "\u202c", "\u2069"

REQUIRED: Final = "Required"


class UnfitError(ValueError):
    """A value that does not fit its field; says why, in one or more messages for users."""


# Returns a text as it is stored, "" if nothing in it is visible; raises UnfitError.
Rule = Callable[[str], str]


def is_visible(text: str) -> bool:
    """Return whether a text has a visible character: a letter, a digit, a sign, an emoji."""
    first = text[:1]
    if first.isalnum() and first not in _FILLERS:
        return True
    return any(category(found[0])[0] != "M" for found in _SEEN.finditer(text))


def line(text: str) -> str:
    """Return a name or title: one line, without invisible characters in or around it."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    tidy = _EDGES.sub("", _DROPPED.sub(r"\1", text))
    if _LINE_END.search(tidy):
        raise UnfitError("Must be a single line")
    if _CONTROL.search(tidy):
        raise UnfitError("Must not contain control characters")
    return tidy if is_visible(tidy) else ""


def prose(text: str) -> str:
    """Return a multi-line text as written, unable to change the direction of text after it."""
    if "\0" in text:
        raise UnfitError("Must not contain the character U+0000")
    if text.isascii() and "!" <= text[:1] <= "~":  # the common case, and there are many messages
        return text
    return contained(text) if is_visible(text) else ""


def contained(text: str) -> str:
    """Return a text without direction overrides, and without embeddings and isolates that are not closed in their paragraph."""
    for character in _DIRECTED:  # nine fast scans; a pattern takes three times as long
        if character in text:
            dropped = _leaking(text)
            return "".join(character for place, character in enumerate(text) if place not in dropped)
    return text


def _leaking(text: str) -> set[int]:
    """Return the positions of formatting characters that extend beyond their paragraph, override, or close nothing."""
    dropped, opened, isolates = set[int](), list[int](), 0
    for found in _DIRECTED_OR_END.finditer(text):
        character, place = found[0], found.start()
        if character in _OPENERS:
            opened.append(place)
            isolates += character in _ISOLATES
        elif character == _POP and opened and text[opened[-1]] not in _ISOLATES:
            start = opened.pop()
            if text[start] in _OVERRIDES:
                dropped |= {start, place}
        elif character == _POP_ISOLATE and isolates:
            while text[start := opened.pop()] not in _ISOLATES:  # it also closes everything opened within it
                dropped.add(start)
            isolates -= 1
        elif character in (_POP, _POP_ISOLATE):
            dropped.add(place)
        else:
            dropped.update(opened)
            opened.clear()
            isolates = 0
    return dropped.union(opened)
