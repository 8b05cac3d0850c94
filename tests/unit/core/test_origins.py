"""Which web pages may call and connect."""

import pytest

from core.base.origins import LOOPBACK, forwarded_hosts, is_listed, is_of


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ("https://app.example", True),
        ("HTTPS://App.Example", True),
        ("https://app.example:443", True),
        ("http://app.example", False),
        ("https://app.example:8443", False),
        ("https://app.example.evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_is_listed_in_any_spelling_of_its_own(origin: str, *, listed: bool) -> None:
    assert is_listed(origin, ("https://app.example",)) is listed
    assert is_listed(origin, ("https://APP.example:443",)) is listed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:3000", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:3000", True),
        ("https://shop.localhost", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://192.168.0.2:3000", False),
    ],
)
def test_while_one_develops_all_pages_of_this_machine_may_connect(origin: str, *, allowed: bool) -> None:
    assert is_listed(origin, (LOOPBACK,)) is allowed
    assert not is_listed(origin, ())


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://app.example", "app.example", True),
        ("https://app.example", "app.example:443", True),
        ("http://app.example", "app.example:80", True),
        ("http://app.example:8000", "APP.example:8000", True),
        ("http://app.example:8000", "app.example", False),
        ("https://app.example", "app.example:80", False),
        ("null", "", False),
    ],
)
def test_a_page_is_of_the_host_that_it_asks(origin: str, host: str, *, same: bool) -> None:
    assert is_of(origin, (host,)) is same


def test_proxies_say_what_they_were_asked_for_in_either_header() -> None:
    assert forwarded_hosts("a.example, b.example:8080", 'for=1.2.3.4;HOST="c.example:81", host=d.example') == [
        "a.example",
        "b.example:8080",
        "c.example:81",
        "d.example",
    ]
