"""What people can see of a text: names and titles are one visible line, and no text changes how the one after it is shown.

Joiners stay where letters and emoji need them (Persian, Indic scripts, families); what is dropped shows nothing anywhere.
"""

import re
from collections.abc import Callable
from typing import Final
from unicodedata import category

# Nothing to see: blanks, fillers, controls, marks of direction, joiners and variation selectors without a character, tags,
# private and surrogate code points. Not those that are unassigned: Python knows this year's emoji only later.
_UNSEEN: Final = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufdd0-\ufdef\ufffe\uffff\ud800-\uf8ff"
    r"\U0001bca0-\U0001bca3\U00013430-\U0001343f\U0001d159\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")  # letters, says Unicode
_SEEN = re.compile(f"[^{_UNSEEN}]")
# Around a name: also the marks of direction that come along when text is copied out of a messenger.
_EDGE: Final = r"[\s\xad\u061c\u115f\u1160\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0]"
_EDGES = re.compile(f"^{_EDGE}+|{_EDGE}+$")
_LINE_END = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# In a line: zero-width spaces, soft hyphens, annotations, all formatting of direction but the marks; tags that follow no flag.
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
    """A value cannot be what it is given for; says why, in words for people, once or more often."""


# Returns a text as it is stored, "" if there is nothing to see in it; raises UnfitError.
Rule = Callable[[str], str]


def is_visible(text: str) -> bool:
    """Say whether there is anything to see in a text: a letter, a digit, a sign, an emoji."""
    first = text[:1]
    if first.isalnum() and first not in _FILLERS:
        return True
    return any(category(found[0])[0] != "M" for found in _SEEN.finditer(text))


def line(text: str) -> str:
    """Return a name or title: one line, without what cannot be seen in it or around it."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    tidy = _EDGES.sub("", _DROPPED.sub(r"\1", text))
    if _LINE_END.search(tidy):
        raise UnfitError("Must be a single line")
    if _CONTROL.search(tidy):
        raise UnfitError("Must not contain control characters")
    return tidy if is_visible(tidy) else ""


def prose(text: str) -> str:
    """Return a text of any number of lines, as it was written, that cannot turn around what is shown after it."""
    if "\0" in text:
        raise UnfitError("Must not contain the character U+0000")
    if text.isascii() and "!" <= text[:1] <= "~":  # what most of them are, and messages are many
        return text
    return contained(text) if is_visible(text) else ""


def contained(text: str) -> str:
    """Return a text without overrides of direction, and embeddings and isolates that nothing closes in their paragraph."""
    for character in _DIRECTED:  # nine quick scans; a pattern takes three times as long
        if character in text:
            dropped = _leaking(text)
            return "".join(character for place, character in enumerate(text) if place not in dropped)
    return text


def _leaking(text: str) -> set[int]:
    """Return the places of formatting characters that go on beyond their paragraph, override, or end nothing."""
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
            while text[start := opened.pop()] not in _ISOLATES:  # it ends what was opened in it, too
                dropped.add(start)
            isolates -= 1
        elif character in (_POP, _POP_ISOLATE):
            dropped.add(place)
        else:
            dropped.update(opened)
            opened.clear()
            isolates = 0
    return dropped.union(opened)
