"""The dialect of a marketplace, as a value: how errors, names, ids and pages look to its clients. The default is core's format.

Core's structs, errors and ids are the same for all marketplaces. JSON is translated at the edge in both directions, guided by
the types (translation.py); parts that a dialect does not change are not translated.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from core.market.error_forms import ENVELOPE, ErrorForm
from core.market.socket_dialect import SocketDialect

_USUAL: Final = SocketDialect()
_CAPITAL: Final = re.compile(r"(?<=[A-Za-z0-9])[A-Z]")  # also the second one of "isAMember"
_QUOTED: Final = re.compile(r"`[a-z][\w.]*`")  # not "`GET`"


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

    `snake_case`: names of fields are so, instead of in camelCase.
    `bigint_ids`: ids are bigints that leave as decimal strings; the schema of the marketplace has a sequence `ids`.
    `data`: what holds each answer, but for pages and errors; "": it stands bare.
    What clients hand back as it is stays as core has it: the claims of tokens, and ids within addresses, as of files.
    `keeps_cookies`: clients get their tokens in cookies, unless they ask for them in the body with `X-Token-Transport: body`.
    `sockets`: the names and namespaces of events. What they carry has the names of fields, ids and errors that calls have.
    """

    errors: ErrorForm = ENVELOPE
    snake_case: bool = False
    bigint_ids: bool = False
    pages: Pages = Pages()
    data: str = ""
    keeps_cookies: bool = False
    sockets: SocketDialect = _USUAL

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
        return names | self.page_names(fields)

    def page_names(self, fields: Container[str]) -> dict[str, str]:
        """Return what clients call the fields of a struct that chooses a page, or says which one it is; else nothing."""
        if not ("page" in fields and "limit" in fields):
            return {}
        return {name: own for name, own in self.pages.names.items() if name in fields}


def is_page(fields: Container[str]) -> bool:
    """Return whether a struct with these fields, by core's names, is a page of a list."""
    return "pagination" in fields


DEFAULT: Final = Dialect()
