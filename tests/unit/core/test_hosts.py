"""Links that users give lead to the public web."""

import msgspec
import pytest

from core.base.hosts import is_public, may_connect
from core.text.fields import WebUrl


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "http://example.com:8080/a?b#c", "https://bücher.example/ä", "https://93.184.216.34/a",
        "https://local.example.com/",
    ],
)  # fmt: skip
def test_a_link_into_the_public_web_is_one(url: str) -> None:
    msgspec.convert(url, WebUrl)
    assert is_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://10.0.0.1:80/", "http://192.168.1.1", "http://169.254.169.254/latest/meta-data",
        "http://172.16.0.1", "http://0.0.0.0", "http://100.64.0.1", "http://224.0.0.1", "http://127.1/", "http://0x7f.1/",
        "http://0177.0.0.1/", "http://1.2.3.4.5", "http://printer.local/", "http://a.localhost/", "http://db.internal",
        "http://DB.INTERNAL./x", "http://nas.home.arpa",
    ],
)  # fmt: skip
def test_a_link_to_a_private_host_is_none_however_it_is_written(url: str) -> None:
    try:
        msgspec.convert(url, WebUrl)
    except msgspec.ValidationError:
        return
    assert not is_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "ftp://example.com", "//example.com", "https://localhost", "https://me:pw@example.com",
        "https://[::1]/", "https://example.com/a b", "https://example.com\n", "https://exam\tple.com", "https://",
        "https://2130706433/", "https://example.com\\@127.0.0.1",
    ],
)  # fmt: skip
def test_what_is_no_link_at_all_does_not_get_that_far(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(url, WebUrl)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"])
def test_the_server_connects_to_addresses_of_the_internet(address: str) -> None:
    assert may_connect(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds keep their credentials
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",  # the same as IPv6, in each way to write it
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
    ],
)
def test_the_server_connects_to_no_other_address(address: str) -> None:
    assert not may_connect(address)
