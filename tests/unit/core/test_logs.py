"""core/platform/observability/logs.py: lines that say on whose behalf something is done, and that keep secrets."""

import logging
import sys
from typing import Any

import msgspec
import pytest

from core.platform.observability import logs
from core.platform.observability.logs import JsonLines, Lines, Origin, masked


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    failure = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("core.x", logging.WARNING, __file__, 1, message, arguments, failure)


def as_json(line: logging.LogRecord) -> Any:
    return msgspec.json.decode(JsonLines().format(line))


def failure(text: str) -> BaseException:
    try:
        raise ValueError(text)
    except ValueError:
        error = sys.exc_info()[1]
        assert error
        return error


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail to ann.lee+x@example.co.uk failed", "mail to a***@example.co.uk failed"),
        ("<a@example.com>,b_c@sub.example.org", "<a***@example.com>,b***@sub.example.org"),
        ("Authorization: Bearer abc.DEF-123=", "Authorization: Bearer ***"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "token ***!"),
        ("nothing @ all, user@localhost, 3@2", "nothing @ all, user@localhost, 3@2"),
    ],
)
def test_addresses_and_tokens_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("word", ["a", "eyJ", "a@", "a.", "@a", "/%", "eyJaaaaa."])
def test_masking_takes_no_longer_than_the_line_is_long(word: str) -> None:
    assert masked(word * 300_000)


@pytest.mark.parametrize("form", [JsonLines(), Lines()])
def test_nothing_gets_into_a_line_unmasked(form: logging.Formatter) -> None:
    line = form.format(record("no mail to %s", "ann@example.com", error=failure("bob@example.com is no one")))
    assert "ann@" not in line
    assert "bob@" not in line
    assert "a***@example.com" in line
    assert "b***@example.com" in line


def test_a_json_line_says_when_what_where_and_on_whose_behalf() -> None:
    with logs.on_behalf(Origin("request-1")):
        logs.identify("onswift", "user-1")
        line = as_json(record("%d of %d", 1, 2))
        assert logs.request_id() == "request-1"
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "WARNING", "logger": "core.x", "message": "1 of 2",
        "request_id": "request-1", "market": "onswift", "user_id": "user-1",
    }  # fmt: skip
    assert logs.request_id() == ""
    assert "user_id" not in as_json(record("x"))


def test_a_traceback_stays_in_its_line() -> None:
    whole = JsonLines().format(record("it\nfailed", error=failure("why")))
    assert "\n" not in whole
    assert "ValueError: why" in msgspec.json.decode(whole)["trace"]


def test_a_line_for_people_names_the_request_before_the_traceback() -> None:
    with logs.on_behalf(Origin("request-1")):
        first, *rest = Lines().format(record("it failed", error=failure("why"))).split("\n")
    assert first.endswith("WARNING core.x: it failed [request-1]")
    assert rest[-1] == "ValueError: why"
