"""Alerts and dashboard: their rules are sound, and each metric in them is one that we give."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from config.settings import Settings
from realtime.app import open_hub
from tests.flow.conftest import MARKETS, House
from tests.flow.conftest import house as house
from workers.app import open_worker

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
ALERTS = (DEPLOY / "prometheus/alerts.yml").read_text()
BOARD = (DEPLOY / "grafana/dashboards/greenroom.json").read_text()


@pytest.fixture
async def scrape(house: House, settings: Settings) -> str:
    """Return what hub, api and worker tell Prometheus."""
    async with open_hub(settings, house.resources, MARKETS), open_worker(settings, house.resources, house.publisher):
        house.resources.metrics.requests.labels("GET", "/", 200).observe(0.1)
        house.resources.metrics.errors.labels("FORBIDDEN").inc()
        house.resources.metrics.jobs.labels("SendMail", "done").inc()
        return generate_latest(house.resources.metrics.registry).decode()


async def test_each_metric_of_the_alerts_and_the_dashboard_is_given(scrape: str) -> None:
    given = set(re.findall(r"^(\w+)", scrape, re.MULTILINE))
    wanted = set(re.findall(r"\b(greenroom_\w+)", ALERTS + BOARD))
    assert len(wanted) > 10
    assert wanted - given == set()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_prometheus_takes_our_rules_and_our_metrics(scrape: str) -> None:
    await asyncio.to_thread(check, ["config", str(DEPLOY / "prometheus/prometheus.yml")], "")
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
