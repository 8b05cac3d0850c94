"""The dialect of a marketplace, as a value: how errors, names, ids and pages look to its clients. The default is core's format.

Core's structs, errors and ids are the same for all marketplaces. JSON is translated at the edge in both directions, guided by
the types (translation.py); parts that a dialect does not change are not translated.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from core.market.error_forms import ENVELOPE, ErrorForm

_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])[A-Z]")
_QUOTED: Final = re.compile(r"`[\w.]+`")


@dataclass(frozen=True, slots=True)
class Pages:
    """The names in paginated answers: `items` is the list ("": as in its struct), `about` core's `pagination`.

    `names`: clients' names for the fields of `pagination` and of the query for a page, by core's names.
    """

    items: str = ""
    about: str = "pagination"
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The dialect of one marketplace.

    `snake_case`: field names are in snake_case instead of camelCase.
    `bigint_ids`: ids are bigints, sent as decimal strings; the marketplace's schema has a sequence `ids`.
    `data`: the field that wraps each answer, except pages and errors; "": no wrapper.
    `keeps_cookies`: clients get their tokens in cookies, unless they ask for them in the body with `X-Token-Transport: body`.
    """

    errors: ErrorForm = ENVELOPE
    snake_case: bool = False
    bigint_ids: bool = False
    pages: Pages = Pages()
    data: str = ""
    keeps_cookies: bool = False

    @property
    def translates(self) -> bool:
        """Whether JSON differs from core's format, so that it must be translated."""
        return self.snake_case or self.bigint_ids or bool(self.data) or self.pages != Pages()

    def name(self, name: str) -> str:
        """Return the clients' name of a field, also of a nested one ("items.fileUrl")."""
        return _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name) if self.snake_case else name

    def worded(self, text: str) -> str:
        """Return a text for clients, with field names (in backticks) replaced by those of the dialect."""
        return _QUOTED.sub(lambda quoted: self.name(quoted[0]), text)

    def names(self, fields: Mapping[str, bool]) -> dict[str, str]:
        """Return the clients' names for the fields of a struct; `fields`: by core's names, whether each is a list."""
        names = {name: self.name(name) for name in fields}
        if is_page(fields):
            names["pagination"] = self.pages.about
            lists = [name for name, is_list in fields.items() if is_list]
            if self.pages.items and len(lists) == 1:
                names[lists[0]] = self.pages.items
        elif fields.keys() >= {"page", "limit"}:
            names |= {name: own for name, own in self.pages.names.items() if name in fields}
        return names


def is_page(fields: Container[str]) -> bool:
    """Return whether a struct with these fields, by core's names, is a page of a list."""
    return "pagination" in fields


DEFAULT: Final = Dialect()
