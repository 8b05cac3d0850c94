"""One form of each address, which Python and Postgres agree on."""

import asyncpg
import pytest

from core.accounts import emails

SAME = ("Ann.Example+x@Example.COM", "  ann.example+X@example.com ", "ANN.EXAMPLE+X@EXAMPLE.COM")
NO_ADDRESSES = (
    "\u0130nfo@example.com",  # a dotted capital I, which some lower() make an i
    "\u0131nfo@example.com",
    "in\u212a@example.com",  # the sign of kelvin, which casefold() makes a k
    "ann@example\u0661.com",  # an Arabic digit behind Latin letters
    "ann@a_b\u00fc.example",
    "\u00e9lodie@example.com",
    "ann@" + "\u00fc." * 120 + "com",
    "ann@example.com\0",
    "a" * 250_000 + "@example.com",
    " " * 300 + "ann@example.com",
    "",
)


def test_all_spellings_of_an_address_have_one_form() -> None:
    assert {emails.canonical(one) for one in SAME} == {"ann.example+x@example.com"}


@pytest.mark.parametrize(
    ("spellings", "form"),
    [
        (
            ("ann@b\u00fccher.example", "ann@B\u00dcCHER.example", "ann@bu\u0308cher.example"),
            "ann@xn--bcher-kva.example",
        ),
        (("ann@fa\u00df.example", "ann@XN--FA-HIA.example"), "ann@xn--fa-hia.example"),  # not fass, as IDNA 2003 had it
        (("ann@\uff45xample.com", "ann@exam\u00adple.com", "ann@example\u3002com"), "ann@example.com"),
    ],
)
def test_a_domain_has_the_form_that_mail_servers_know_however_it_is_spelled(
    spellings: tuple[str, ...], form: str
) -> None:
    assert {emails.canonical(one) for one in spellings} | {emails.canonical(form)} == {form}


def test_mails_to_one_mailbox_count_together_whatever_stands_behind_a_plus() -> None:
    same = ("ann@example.com", "Ann+1@example.com", "ann+1+2@EXAMPLE.com")
    assert {emails.mailbox(one) for one in same} == {"ann@example.com"}
    assert (
        len({emails.mailbox(one) for one in ("a.nn@example.com", "+1@example.com", "+2@example.com", "ann@b.com")}) == 4
    )


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
