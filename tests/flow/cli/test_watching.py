"""What operators see of a process: its log for machines, its readiness, its refusals."""

import json
import re
from urllib.request import Request, urlopen

import pytest

from config.settings import Settings
from tests.flow.cli.commands import Running, greenroom, running


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    """Return settings with which any process would start, on a free port."""
    return {
        "PORT": "0",
        "DATABASE_URL": settings.database_url,
        "REDIS_URLS": settings.redis_urls[0],
        "JWT_KEYS": settings.jwt_keys[0],
    }


def url_of(process: Running) -> str:
    (url,) = re.findall(r'listening on ([^\s"]+)', process.output)
    return str(url)


def test_a_log_for_machines_is_json_and_names_the_request(environ: dict[str, str]) -> None:
    with running("api", LOG_FORMAT="json", **environ) as api:
        request = Request(f"{url_of(api)}/api/health?x=ann@example.com", headers={"X-Request-Id": "request-1"})
        with urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        line = json.loads(api.read_until("request-1"))
    assert line["message"].startswith("GET /api/health 200 ")
    assert (line["level"], line["logger"], line["request_id"]) == ("INFO", "api.access", "request-1")
    assert line["market"] == "onswift"
    for one in api.output.splitlines():
        assert json.loads(one)["time"]
    assert "ann" not in api.output


def test_a_worker_is_ready_when_its_queue_is(environ: dict[str, str]) -> None:
    with running("worker", **environ) as worker, urlopen(f"{url_of(worker)}/readyz", timeout=10) as answer:
        assert {"database", "redis", "queue"} <= set(json.load(answer)["checks"])


def test_a_worker_counts_dead_jobs_and_open_reports_for_prometheus(environ: dict[str, str]) -> None:
    with running("worker", **environ) as worker, urlopen(f"{url_of(worker)}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
        assert "\ngreenroom_dead_jobs 0.0\n" in metrics
        assert "\ngreenroom_open_reports 0.0\n" in metrics
        assert '\ngreenroom_review_tasks{kind="report",market="onswift"} 0.0\n' in metrics
        assert "\ngreenroom_waiting_tickets 0.0\n" in metrics


def test_a_wrong_service_account_ends_the_worker_with_one_line(environ: dict[str, str]) -> None:
    done = greenroom("worker", FCM_CREDENTIALS="/nowhere/firebase.json", **environ)
    assert done.returncode == 1
    assert done.stderr.startswith("greenroom: GREENROOM_FCM_CREDENTIALS=/nowhere/firebase.json cannot be read")
    assert "Traceback" not in done.stderr
