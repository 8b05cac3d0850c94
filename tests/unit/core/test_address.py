"""Where a request comes from, behind proxies."""

import pytest

from core.base.errors import MALFORMED_REQUEST, AppError
from core.limits.address import WIDER_FACTOR, AddressBuckets, client_address, is_trusted, masked, subject, subjects
from core.limits.budget import Rate

PROXIES = ("10.0.0.0/8", "192.168.1.1", "::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("1.1.1.1", "", "1.1.1.1"),
        ("1.1.1.1", "2.2.2.2", "1.1.1.1"),
        ("1.1.1.1", None, "1.1.1.1"),
        ("10.1.1.1", None, "10.1.1.1"),
        ("10.1.1.1", "2.2.2.2", "2.2.2.2"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("10.1.1.1", "9.9.9.9, 2.2.2.2, 192.168.1.1", "2.2.2.2"),
        ("10.1.1.1", "9.9.9.9,2.2.2.2 , 10.2.2.2", "2.2.2.2"),
        ("10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("::ffff:10.1.1.1", "2.2.2.2", "2.2.2.2"),
        ("::ffff:1.1.1.1", "2.2.2.2", "1.1.1.1"),
        ("10.1.1.1", "::ffff:2.2.2.2", "2.2.2.2"),
        ("10.1.1.1", "2.2.2.2, ::ffff:10.2.2.2", "2.2.2.2"),
        ("10.1.1.1", "2.2.2.2:4711, 10.2.2.2:80", "2.2.2.2"),
        ("10.1.1.1", "[2001:DB8:0::1]:4711", "2001:db8::1"),
        ("10.1.1.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.1.1.1", "fe80::1%eth0", "fe80::1"),
        ("", "2.2.2.2", ""),
    ],
)
def test_the_nearest_hop_that_is_no_trusted_proxy_is_the_client(peer: str, forwarded: str | None, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.mark.parametrize(
    "forwarded",
    [
        "nonsense",
        "",
        " ",
        ",",
        "2.2.2.2,",
        "2.2.2.2, ,10.2.2.2",
        "unknown",
        "2.2.2.2:",
        "2.2.2.2:port",
        "[::1",
        "::1]:80",
        "2.2.2.256",
        "2.2.2.2:123456",
        "x" * 10_000,
        "२.2.2.2",
    ],
)
def test_what_a_trusted_proxy_forwards_for_must_be_an_address(forwarded: str) -> None:
    for problem in (AppError, ValueError):  # to calls, and to the engine
        with pytest.raises(problem):
            client_address("10.1.1.1", f"9.9.9.9, {forwarded}", PROXIES)
    with pytest.raises(AppError) as refused:
        client_address("10.1.1.1", forwarded, PROXIES)
    assert refused.value.kind == MALFORMED_REQUEST
    assert client_address("1.1.1.1", forwarded, PROXIES) == "1.1.1.1", "nobody asks what strangers make up"


def test_a_network_of_proxies_may_be_written_as_ipv6() -> None:
    assert client_address("10.1.1.1", "2.2.2.2", ["::ffff:10.0.0.0/104"]) == "2.2.2.2"
    assert client_address("11.1.1.1", "2.2.2.2", ["::ffff:10.0.0.0/104"]) == "11.1.1.1"


@pytest.mark.parametrize(
    ("address", "trusted"),
    [("10.1.1.1", True), ("::ffff:10.1.1.1", True), ("11.1.1.1", False), ("::1", True), ("::2", False), ("", False)],
)
def test_a_proxy_of_ours_is_known_however_it_is_written(address: str, *, trusted: bool) -> None:
    assert is_trusted(address, PROXIES) is trusted


@pytest.mark.parametrize(
    ("address", "whose", "wider"),
    [
        ("203.0.113.7", "203.0.113.7", ""),
        ("::ffff:203.0.113.7", "203.0.113.7", ""),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", "", ""),
    ],
)
def test_the_limits_of_an_address_are_those_of_its_network(address: str, whose: str, wider: str) -> None:
    assert subject(address) == whose
    assert [name for name, _ in subjects(address)] == [whose, wider][: 2 if wider else 1]


def test_a_64_has_a_bucket_within_that_of_its_48() -> None:
    buckets = AddressBuckets(Rate("test", 2, 60))
    assert [buckets.take(f"2001:db8:1:1::{host}", 0.0) > 0 for host in range(4)] == [False, False, True, True]
    for net in range(2, 2 + WIDER_FACTOR - 1):
        assert buckets.take(f"2001:db8:1:{net}::1", 0.0, 2.0) == 0.0
    assert buckets.take("2001:db8:1:99::1", 0.0) > 0
    assert buckets.take("2001:db8:2:99::1", 0.0) == 0.0
    buckets.charge("192.0.2.1", 0.0, 2.0)
    assert buckets.wait("192.0.2.1", 0.0) > 0
    assert buckets.wait("192.0.2.2", 0.0) <= 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_a_masked_address_says_where_from_and_not_whose(address: str, network: str) -> None:
    assert masked(address) == network
