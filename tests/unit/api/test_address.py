"""Where a request comes from, behind proxies."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from api.address import client_address

PROXIES = ("10.0.0.0/8", "192.168.1.1", "::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("1.1.1.1", [], "1.1.1.1"),
        ("1.1.1.1", ["2.2.2.2"], "1.1.1.1"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["2.2.2.2"], "2.2.2.2"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.1.1.1", ["9.9.9.9, 2.2.2.2, 192.168.1.1"], "2.2.2.2"),
        ("10.1.1.1", ["9.9.9.9", "2.2.2.2 , 10.2.2.2"], "2.2.2.2"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["nonsense"], "nonsense"),
        ("10.1.1.1", [" ,, "], "10.1.1.1"),
    ],
)
def test_the_nearest_hop_that_is_no_trusted_proxy_is_the_client(peer: str, forwarded: list[str], address: str) -> None:
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert client_address(request, PROXIES) == address
