"""Previews of search results: the part of the text around the first match, and the positions of the matches in it."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from core.platform.db import Db, Many
from core.text.wording import PREVIEW

BEFORE: Final = 40  # characters ahead of the first match
MOST_WORDS: Final = 2000  # of a page that are compared; later ones are not marked
# Characters that search_split treats as separators, except those in C++, C# and .NET.
_WORD = re.compile(
    r"[^\s!\"$%&'()*,\-/:;<=>?@\[\\\]^_`{|}~\u00a0-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u060c\u061b\u061f"
    r"\u0964\u0965\u2010-\u2029\u2030-\u205e\u20a0-\u2bff\u2e00-\u2fff\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe19\ufe30-\ufe6f"
    r"\uff01-\uff0f\uff1a-\uff20]+"
)


class Match(msgspec.Struct, frozen=True):
    """Where a word is in a preview, in characters (code points, not UTF-16 units)."""

    start: int
    length: int


class Compared(msgspec.Struct, frozen=True):
    """A matching word: its normal form, and the first part of the query that occurs within it, without spaces."""

    word: str
    normal: str
    within: str | None


# Those of the words $1 that match the query $2; $3 is its search_keyed_query.
COMPARE = Many(
    Compared,
    """
    select w.word, search_normal(w.word) as normal, (
        select part from unnest(string_to_array(search_normal(left($2::text, 400)), ' ')) part
        where search_is_unspaced(part) and strpos(search_normal(w.word), part) > 0 limit 1
    ) as within
    from unnest($1::text[]) as w (word)
    where search_text(w.word, 'B') @@ replace(replace($3::text, ')&(', ')|('), '~', '')::tsquery""",
)


async def of(db: Db, contents: Sequence[str], text: str, asked: str) -> list[tuple[str, list[Match]]]:
    """Return a preview of each content and the matches in it, for a query and its search_keyed_query."""
    words = [[(one.start(), one[0].rstrip(".")) for one in _WORD.finditer(content)] for content in contents]
    distinct = list(dict.fromkeys(word[:100] for spots in words for _, word in spots))[:MOST_WORDS]
    known = {one.word: one for one in await COMPARE(db, distinct, text, asked)} if distinct else {}
    return [_preview(content, _spots(spots, known)) for content, spots in zip(contents, words, strict=True)]


def _spots(words: Sequence[tuple[int, str]], known: dict[str, Compared]) -> list[Match]:
    return [_spot(start, word, known[word]) for start, word in words if word in known]


def _spot(start: int, word: str, compared: Compared) -> Match:
    if compared.within and len(compared.normal) == len(
        word
    ):  # otherwise positions in the normal form are not those in the word
        return Match(start + compared.normal.index(compared.within), len(compared.within))
    return Match(start, len(word))


def _preview(content: str, spots: Sequence[Match]) -> tuple[str, list[Match]]:
    begin = max(0, spots[0].start - BEFORE) if spots else 0
    if begin and (blank := content.find(" ", begin, spots[0].start)) >= 0:
        begin = blank + 1
    end = begin + PREVIEW
    inside = [Match(one.start - begin, one.length) for one in spots if one.start + one.length <= end]
    return content[begin:end], inside
