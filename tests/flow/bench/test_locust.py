"""The load tests run as they are: signing up, talking over sockets and over REST, and a report."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flow.cli.commands import ROOT, running

FOLDER = ROOT / "bench" / "locust"
LOCUST = shutil.which("locust", path=str(FOLDER / ".venv" / "bin")) or shutil.which("locust")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(LOCUST is None, reason="needs Locust in an environment of its own: see bench/README.md"),
]


def test_people_sign_up_and_talk_without_an_error(free_port: int, tmp_path: Path) -> None:
    command = f"{LOCUST} --headless --users 8 --spawn-rate 8 --run-time 15s --html report.html --csv load"
    address = f"http://127.0.0.1:{free_port}"
    with running("dev", until="Ctrl-C", PORT=str(free_port), DATA_DIR=str(tmp_path / "data"), RATE_LIMITS="off"):
        done = subprocess.run(
            [*command.split(), "--locustfile", str(FOLDER / "locustfile.py"), "--host", address],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader((tmp_path / "load_stats.csv").read_text().splitlines())
    counts = {row["Name"]: int(row["Request Count"]) for row in rows}
    assert counts["connect and join"] >= 1
    assert counts["message:send"] >= 1
    assert counts["message:received"] >= 1
    assert counts["/api/conversations"] >= 1
    assert (tmp_path / "report.html").stat().st_size > 0
