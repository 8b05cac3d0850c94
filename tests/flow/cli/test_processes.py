"""`greenroom dev`, `hub`, `api` and `worker`: they come up, answer, and end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from tests.flow.cli.commands import ACCOUNT, call, port_of, ready, running
from tests.flow.cli.processes import server_pids, wait_for_end

WEDGED = """
import asyncio
from cli import lifetime
lifetime.STOP_SECONDS = {seconds}
async def main(stop):
    print("up", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    await asyncio.sleep(600)
lifetime.run(main)
"""


@pytest.mark.parametrize("command", ["hub", "api", "worker"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_each_process_gets_ready_alone_and_ends_at_a_signal(
    command: str, stop: signal.Signals, settings: Settings
) -> None:
    environ = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URLS": settings.redis_urls[0],
        "JWT_KEYS": settings.jwt_keys[0],
    }
    with running(command, "--port", "0", **environ) as process:
        ready(port_of(process))
        assert process.end(stop) == 0
        assert "Traceback" not in process.output


def test_dev_ends_with_its_servers_and_finds_all_again(folder: Path) -> None:
    data = folder / "a folder 100%"
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(data)) as dev:
        ready(port_of(dev))
        call(port_of(dev), "/api/auth/signup", ACCOUNT)
        pids = server_pids(data)
        assert dev.end(signal.SIGINT) == 0
        assert "Traceback" not in dev.output
    for pid in pids:
        wait_for_end(pid)
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(data)) as dev:
        assert call(port_of(dev), "/api/auth/login", {name: ACCOUNT[name] for name in ("email", "password")})


def test_dev_survives_the_kill_of_its_process_group(folder: Path) -> None:
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder)) as dev:
        call(port_of(dev), "/api/auth/signup", ACCOUNT)
        assert dev.end(signal.SIGKILL) == -signal.SIGKILL
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder)) as dev:
        assert call(port_of(dev), "/api/auth/login", {name: ACCOUNT[name] for name in ("email", "password")})


def test_a_second_dev_on_the_same_folder_is_refused_and_the_first_goes_on(folder: Path) -> None:
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder)) as dev:
        with running("dev", "--port", "0", until="greenroom: Another greenroom", DATA_DIR=str(folder)) as second:
            assert second.process.wait(10) == 1
        ready(port_of(dev))


def test_dev_ends_when_its_postgres_does(folder: Path) -> None:
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder)) as dev:
        postgres, redis = server_pids(folder)
        subprocess.run(["kill", "-QUIT", str(postgres)], check=True)
        dev.read_until("greenroom: Postgres")
        assert dev.process.wait(10) == 1
        wait_for_end(redis)


def test_dev_prints_mails(folder: Path) -> None:
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder)) as dev:
        call(port_of(dev), "/api/auth/signup", ACCOUNT)
        call(port_of(dev), "/api/auth/forgot-password", {"email": ACCOUNT["email"]})
        assert "ada@example.com" in dev.read_until("--- mail to")


@pytest.mark.parametrize(("seconds", "signals", "code"), [(600, 2, 130), (1, 1, -signal.SIGALRM)])
def test_a_second_signal_or_the_end_of_its_time_ends_a_process_that_hangs(
    seconds: int, signals: int, code: int
) -> None:
    command = [sys.executable, "-c", WEDGED.format(seconds=seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        for _ in range(signals - 1):
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == code
