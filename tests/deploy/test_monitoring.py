"""Alerts and dashboard: their rules are sound, and each metric in them is one that we give."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config.settings import Settings
from realtime.app import open_hub
from realtime.operations import probes
from tests.flow.conftest import MARKETS, Environment
from tests.flow.conftest import env as env
from workers.app import open_worker

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOK = Path(__file__).parents[2] / "docs" / "operate" / "runbook.md"
ALERTS = (DEPLOY / "prometheus/alerts.yml").read_text()
BOARD = (DEPLOY / "grafana/dashboards/greenroom.json").read_text()


@pytest.fixture
async def scrape(env: Environment, settings: Settings) -> str:
    """Return what hub, api and worker tell Prometheus; of what they need, Postgres is away."""
    metrics = env.resources.metrics

    async def fails() -> None:
        raise ConnectionRefusedError

    app = web.Application()
    app.add_routes(probes.routes({"redis": env.resources.redis.ping, "database": fails}, metrics))
    async with (
        open_hub(settings, env.resources, MARKETS),
        open_worker(settings, env.resources, env.publisher),
        TestClient(TestServer(app)) as client,
    ):
        metrics.requests.labels("GET", "/", 200).observe(0.1)
        return await (await client.get("/metrics")).text()


def test_a_process_tells_what_it_cannot_reach_when_it_is_asked(scrape: str) -> None:
    assert 'greenroom_ready{check="redis"} 1.0' in scrape
    assert 'greenroom_ready{check="database"} 0.0' in scrape


def test_what_may_fail_is_counted_from_zero_on_so_that_the_first_failure_is_an_increase(scrape: str) -> None:
    assert 'greenroom_jobs_total{name="SendMail",outcome="failed"} 0.0' in scrape
    assert 'greenroom_jobs_total{name="tidy",outcome="failed"} 0.0' in scrape
    assert 'greenroom_errors_total{code="UNAVAILABLE"} 0.0' in scrape


def test_no_metric_has_a_label_that_prometheus_gives_itself(scrape: str) -> None:
    assert re.findall(r"^greenroom_\w+\{[^}]*\b(?:job|instance)=", scrape, re.MULTILINE) == []


async def test_each_metric_of_the_alerts_and_the_dashboard_is_given(scrape: str) -> None:
    given = set(re.findall(r"^(\w+)", scrape, re.MULTILINE))
    wanted = set(re.findall(r"\b(greenroom_\w+)", ALERTS + BOARD))
    assert len(wanted) > 10
    assert wanted - given == set()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_prometheus_takes_our_rules_and_our_metrics(scrape: str) -> None:
    for config in ("prometheus.yml", "processes.yml"):
        await asyncio.to_thread(check, ["config", str(DEPLOY / "prometheus" / config)], "")
    await asyncio.to_thread(check, ["metrics"], scrape)


def check(what: list[str], given: str) -> None:
    """Have Prometheus' own tool look at something."""
    command = ["promtool", "check", *what]
    checked = subprocess.run(command, input=given, capture_output=True, text=True, timeout=20, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_runbook_says_what_to_do_about_each_alert() -> None:
    names = re.findall(r"alert: (\w+)", ALERTS)
    assert names
    assert [name for name in names if f"### {name}\n" not in RUNBOOK.read_text()] == []


def test_each_panel_of_the_dashboard_has_a_title_of_its_own() -> None:
    titles = [panel["title"] for panel in json.loads(BOARD)["panels"]]
    assert len(titles) == len(set(titles))
