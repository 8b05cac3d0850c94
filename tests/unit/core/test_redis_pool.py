"""core/platform/redis_pool.py: what the URLs mean."""

from typing import Any

import pytest

from core.platform.redis_pool import MasterPool, redis_pool, server_name


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://one", {"host": "one"}),
        ("redis://one:7000/", {"host": "one", "port": 7000}),
        ("redis://u:p%40ss@one/2", {"host": "one", "db": 2, "username": "u", "password": "p@ss"}),
        ("rediss://one?ssl_ca_certs=/ca.pem", {"host": "one", "ssl_check_hostname": True, "ssl_ca_certs": "/ca.pem"}),
        ("rediss://one?ssl_check_hostname=no", {"host": "one", "ssl_check_hostname": False}),
        ("unix:///a%20folder/r.sock?db=1", {"path": "/a folder/r.sock", "db": 1}),
    ],
)
def test_a_url_says_where_and_who(url: str, expected: dict[str, Any]) -> None:
    assert redis_pool(url).connection_kwargs == expected


@pytest.mark.parametrize(("scheme", "tls"), [("redis+sentinel", False), ("rediss+sentinel", True)])
def test_sentinels_are_asked_with_their_own_password_for_a_master_that_has_another(scheme: str, tls: bool) -> None:
    pool = redis_pool(f"{scheme}://u:p%40ss@one,two:26380/chat?db=3&sentinel_password=other", socket_timeout=2.0)
    assert isinstance(pool, MasterPool)
    sentinels = [sentinel.get_connection_kwargs() for sentinel in pool.sentinel_manager.sentinels]
    assert [(one["host"], one["port"], one["password"]) for one in sentinels] == [
        ("one", 26379, "other"),
        ("two", 26380, "other"),
    ]
    assert all(one.get("ssl_check_hostname", False) is tls for one in sentinels)
    assert pool.service_name == "chat"
    given = pool.connection_kwargs
    assert (given["db"], given["username"], given["password"], given["socket_timeout"]) == (3, "u", "p@ss", 2.0)
    assert ("SSL" in pool.connection_class.__name__) is tls


def test_a_server_is_known_by_where_it_is_and_not_by_its_password() -> None:
    assert server_name("redis://ann:s%40cret@cache:6379/0") == server_name("redis://cache:6379/0") == "cache:6379/0"
    assert server_name("unix:///run/redis.sock?db=2&password=secret") == "/run/redis.sock?db=2"
    assert server_name("redis://cache:6379?db=0") == "cache:6379"
    assert server_name("redis+sentinel://:secret@a:1,b:2/chat?sentinel_password=x") == "a:1,b:2/chat"
