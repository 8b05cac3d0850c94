"""core/jobs.py: where the queue is."""

import pytest
from arq.connections import RedisSettings

from config.settings import Settings
from core.jobs import arq_settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://one", RedisSettings(host="one")),
        ("redis://one:7000/", RedisSettings(host="one", port=7000)),
        ("redis://u:p%40ss@one/2", RedisSettings(host="one", database=2, username="u", password="p@ss")),
        ("unix:///a%20folder/r.sock?db=1", RedisSettings(unix_socket_path="/a folder/r.sock", database=1)),
    ],
)
def test_the_queue_is_where_every_other_client_of_this_url_would_look(url: str, expected: RedisSettings) -> None:
    assert arq_settings(Settings(redis_urls=(url, "redis://two"))) == expected


def test_the_queue_may_have_a_redis_of_its_own() -> None:
    settings = Settings(redis_urls=("redis://one",), jobs_redis_url="redis://jobs")
    assert arq_settings(settings).host == "jobs"
