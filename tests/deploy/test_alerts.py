"""Each alert fires when it should: Prometheus' own tool plays what processes tell, and says what fires."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ALERTS = Path(__file__).parents[2] / "deploy/prometheus/alerts.yml"

HUB, SECOND, API, WORKER = (f'job="{job}",instance="{name}"' for job, name in
    (("hub", "a"), ("hub", "b"), ("api", "c"), ("worker", "d")))  # fmt: skip
ALL_UP = {f"up{{{process}}}": "1x500" for process in (HUB, SECOND, API, WORKER)}
FAILED = f'greenroom_jobs_total{{{WORKER},name="SendMail",outcome="failed"}}'
REFUSED = f'greenroom_errors_total{{{HUB},code="UNAVAILABLE"}}'
MESSAGES = f"greenroom_messages_total{{{HUB}}}"
DATABASE = f'greenroom_ready{{{HUB},check="database"}}'

Series = Mapping[str, str]


def buckets(name: str, *, slow: str) -> Series:
    """Return a histogram in which one in ten takes longer than the bound before `slow`."""
    bounds = ["0.05", "0.1", "0.25", "0.5"]
    counts = {bound: 90 if float(bound) < float(slow) else 100 for bound in bounds} | {"+Inf": 100}
    return {f'{name}_bucket{{{HUB},le="{bound}"}}': f"0+{count}x360" for bound, count in counts.items()}


# What is told every ten seconds, beside all processes that are up, the minute that is looked at, and what fires then.
CASES: dict[str, tuple[Series, str, list[str]]] = {
    "nothing is wrong": ({MESSAGES: "0+100x360", REFUSED: "0x360", FAILED: "0x360", DATABASE: "1x360"}, "55m", []),
    "a process does not answer": ({f"up{{{HUB}}}": "1x6 0x60"}, "3m", ['alertname="ProcessDown", job="hub"']),
    "one of two hubs has vanished": ({f"up{{{HUB}}}": "1x12 stale"}, "5m", ['alertname="ProcessGone", job="hub"']),
    "the only worker has vanished": ({f"up{{{WORKER}}}": "1x12 stale"}, "5m", ['alertname="ProcessGone", job="worker"']),
    "the only api has vanished": ({f"up{{{API}}}": "1x12 stale"}, "5m", ['alertname="ProcessGone", job="api"']),
    "both hubs have vanished": (
        {f"up{{{HUB}}}": "1x12 stale", f"up{{{SECOND}}}": "1x12 stale"}, "5m", ['alertname="ProcessGone", job="hub"'],
    ),
    "a hub restarts under another address": (
        {f"up{{{HUB}}}": "1x12 stale", 'up{job="hub",instance="e"}': "_x16 1x200"}, "10m", [],
    ),
    "a hub was taken away more than an hour ago": ({f"up{{{HUB}}}": "1x12 stale"}, "64m", []),
    "a hub does not reach Postgres, and nobody writes": (
        {DATABASE: "1x6 0x60", MESSAGES: "0x360"}, "3m", ['alertname="NotReady", job="hub", check="database"'],
    ),
    "Postgres is away and all sends are refused at once": (
        {MESSAGES: "0+100x12 1200x60", REFUSED: "0x12 0+100x60"}, "5m", ['alertname="SocketErrors"'],
    ),
    "one send in a thousand was refused": ({MESSAGES: "0+1000x360", REFUSED: "0+1x360"}, "10m", []),
    "a hub does not hear a Redis server": (
        {f'greenroom_bus_deaf_seconds_total{{{HUB},server="redis-b"}}': "0x6 0+10x60"}, "3m",
        ['alertname="HubDeaf", job="hub"'],
    ),
    "messages wait for Postgres": (
        {f"greenroom_journal_waiting{{{HUB}}}": "0x6 5000x60"}, "3m", ['alertname="JournalBehind", job="hub"'],
    ),
    "commits are slow": (
        buckets("greenroom_journal_batch_seconds", slow="0.5"), "15m", ['alertname="CommitSlow"'],
    ),
    "a hub has too much to do": (
        buckets("greenroom_loop_lag_seconds", slow="0.25"), "15m", ['alertname="LoopLate"'],
    ),
    "a hub's core is full": (
        {f"process_cpu_seconds_total{{{HUB}}}": "0+9x360"}, "20m", ['alertname="HubFull", job="hub"'],
    ),
    "frames get lost on the bus": ({f"greenroom_bus_gaps_total{{{HUB}}}": "0+20x360"}, "15m", ['alertname="BusGaps"']),
    "clients are slow": (
        {f"greenroom_slow_sessions{{{HUB}}}": "20x360", f"greenroom_connections{{{HUB}}}": "100x360"}, "10m",
        ['alertname="SlowClients"'],
    ),
    "calls are answered with errors": (
        {
            f'greenroom_http_request_seconds_count{{{API},status="200"}}': "0+90x360",
            f'greenroom_http_request_seconds_count{{{API},status="500"}}': "0+10x360",
        },
        "15m", ['alertname="ErrorsAnswered"'],
    ),
    "the first job since the start has failed": ({FAILED: "0x6 1x60"}, "2m", ['alertname="JobsFail", name="SendMail"']),
    "a job failed an hour ago": ({FAILED: "0x6 1x360"}, "55m", []),
    "jobs have been dead for an hour": ({f"greenroom_dead_jobs{{{WORKER}}}": "1x500"}, "65m", ['alertname="JobsDead"']),
}  # fmt: skip


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("case", CASES)
def test_that_fires_which_should_and_nothing_else(case: str, tmp_path: Path) -> None:
    series, at, firing = CASES[case]
    told = [{"series": name, "values": values} for name, values in (ALL_UP | dict(series)).items()]
    expected = {
        "expr": 'count by (alertname, job, name, check) (ALERTS{alertstate="firing"})',
        "eval_time": at,
        "exp_samples": [{"labels": f"{{{labels}}}", "value": 1} for labels in firing],
    }
    tests = [{"interval": "10s", "input_series": told, "promql_expr_test": [expected]}]
    page = tmp_path / "tests.yml"
    page.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "10s", "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", page], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    fired = {labels.split('"')[1] for _, _, firing in CASES.values() for labels in firing}
    assert fired == set(re.findall(r"alert: (\w+)", ALERTS.read_text()))
