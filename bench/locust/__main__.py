"""`python -m bench.locust [--users 600] [--minutes 5]`: the users of locustfile.py against nginx, hubs, API and worker.

Meanwhile hubs are restarted, added and killed, and a Redis goes away: see story.py. Writes docs/load.md and its chart.
Needs nginx, and bench/locust/.venv with the packages of bench/locust/requirements.txt.
"""

import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from bench.locust import page
from bench.locust.deployment import Deployment
from bench.locust.story import GATHERED, Happening, play
from bench.machine import busy_seconds, description, usage
from bench.process import progress

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
LOCUST = HERE / ".venv" / "bin" / "locust"
MEMBERS = 10  # of each conversation


def main(arguments: Sequence[str]) -> int:
    """Play the story and write the page; returns 1 if any user saw an error."""
    parser = ArgumentParser(prog="bench.locust", description=__doc__)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the page")
    args = parser.parse_args(arguments)
    if not LOCUST.exists() or not shutil.which("nginx"):
        raise SystemExit("This needs nginx and bench/locust/.venv: see bench/README.md")
    with folder() as place, closing(Deployment(place)) as deployment:
        progress("starting nginx, two hubs, API, worker, Postgres and two servers of Redis")
        deployment.start()
        deployment.seed(args.users, args.users // MEMBERS)
        run = crowd(deployment, args.users, args.minutes * 60)
        errors = deployment.errors()
        report = page.read(place / "load", run, errors)
    page.write(args.out, report, f"{args.users} users for {args.minutes:g} minutes", description())
    print((args.out / "load.md").read_text())
    return int(report.failures > 0 or sum(errors.values()) > 0)


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a folder for all files; Postgres may run as another user."""
    place = Path(mkdtemp(prefix="greenroom-load-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def crowd(deployment: Deployment, users: int, seconds: float) -> page.Run:
    """Run the users for the duration of the story."""
    environment = {
        **os.environ,
        "GREENROOM_TOKENS": str(deployment.folder / "tokens.txt"),
        "GREENROOM_CONVERSATIONS": str(deployment.folder / "conversations.txt"),
    }
    command: list[str | Path] = [
        LOCUST, "--locustfile", HERE / "locustfile.py", "--host", deployment.url, "--headless", "--only-summary",
        "--users", str(users), "--spawn-rate", str(max(users / (GATHERED * seconds), 0.1)), "--run-time", f"{seconds:.0f}s",
        "--stop-timeout", "30", "--csv", deployment.folder / "load", "--csv-full-history",
        "--html", deployment.folder / "load.html",
    ]  # fmt: skip
    log = deployment.folder / "locust.log"
    machine_before, started = busy(), time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603
    happenings: list[Happening] = []
    try:
        happenings = play(deployment, seconds, started)
        while time.monotonic() < started + seconds and process.poll() is None:
            time.sleep(0.2)
        machine, locust = busy() - machine_before, usage([process.pid]).cpu
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    if process.returncode not in (0, 1):  # 1: somebody saw an error
        raise SystemExit(f"Locust failed: {log.read_text(errors='replace')[-2000:]}")
    return page.Run(happenings, seconds, locust / seconds, machine / seconds)


def busy() -> float:
    """Return the busy seconds of the cores."""
    return sum(busy_seconds(core) for core in os.sched_getaffinity(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
