"""One form of each address, which Python and Postgres agree on."""

import asyncpg
import pytest

from core import emails

SAME = ("Ann.Example+x@Example.COM", "  ann.example+X@example.com ", "ANN.EXAMPLE+X@EXAMPLE.COM")
NO_ADDRESSES = (
    "\u0130nfo@example.com",  # a dotted capital I, which some lower() make an i
    "\u0131nfo@example.com",
    "in\u212a@example.com",  # the sign of kelvin, which casefold() makes a k
    "ann@exampl\uff45.com",
    "ann@example.com\0",
    "a" * 250_000 + "@example.com",
    " " * 300 + "ann@example.com",
    "",
)


def test_all_spellings_of_an_address_have_one_form() -> None:
    assert {emails.canonical(one) for one in SAME} == {"ann.example+x@example.com"}


@pytest.mark.parametrize("given", NO_ADDRESSES, ids=range(len(NO_ADDRESSES)))
def test_what_is_no_address_has_no_form(given: str) -> None:
    assert emails.canonical(given) is None
    assert emails.trimmed(given) is None
    assert [problem.field for problem in emails.problems(given)] == ["email"]


def test_an_address_is_kept_as_its_user_writes_it() -> None:
    assert emails.trimmed(" Ann@Example.com ") == "Ann@Example.com"


async def test_postgres_makes_the_same_form_whatever_its_locale(database_url: str) -> None:
    every = "".join(map(chr, range(33, 127)))
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval('select lower($1 collate "C")', every) == every.lower()
    assert await connection.fetchval("select lower('\u0130I' collate \"C\")") == "\u0130i"
    await connection.close()
