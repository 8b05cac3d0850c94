"""Where a request comes from, behind proxies."""

import pytest

from core.address import client_address, masked

PROXIES = ("10.0.0.0/8", "192.168.1.1", "::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("1.1.1.1", "", "1.1.1.1"),
        ("1.1.1.1", "2.2.2.2", "1.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "2.2.2.2", "2.2.2.2"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("10.1.1.1", "9.9.9.9, 2.2.2.2, 192.168.1.1", "2.2.2.2"),
        ("10.1.1.1", "9.9.9.9,2.2.2.2 , 10.2.2.2", "2.2.2.2"),
        ("10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("10.1.1.1", " ,, ", "10.1.1.1"),
    ],
)
def test_the_nearest_hop_that_is_no_trusted_proxy_is_the_client(peer: str, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_a_masked_address_says_where_from_and_not_whose(address: str, network: str) -> None:
    assert masked(address) == network
