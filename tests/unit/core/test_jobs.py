"""core/work/jobs.py: where the queue is."""

from config.settings import Settings
from core.platform.sealing.sealing import Sealing
from core.work.jobs import queue


def test_the_queue_is_on_the_first_server_unless_it_has_one_of_its_own() -> None:
    first = Settings(redis_urls=("redis://one", "redis://two"))
    own = Settings(redis_urls=("redis://one",), jobs_redis_url="redis://jobs")
    hosts = [queue(settings, Sealing({}, b"")).connection_pool.connection_kwargs["host"] for settings in (first, own)]
    assert hosts == ["one", "jobs"]
