"""`greenroom hub --processes N`: stock polling clients stay with their hub, one that dies is back, all end together."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator

import pytest

from config.settings import Settings
from tests.flow.cli.commands import Running, greenroom, ready, running
from tests.flow.cli.processes import wait_for_end
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env


@pytest.fixture
def port() -> int:
    """Return a port that is free, as the next one is."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
            return port


def environ(settings: Settings) -> dict[str, str]:
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URLS": settings.redis_urls[0],
        "JWT_KEYS": settings.jwt_keys[0],
    }


@pytest.fixture
def hubs(settings: Settings, port: int) -> Iterator[Running]:
    """Return two hubs that listen."""
    with running("hub", "--processes", "2", "--port", str(port), **environ(settings)) as command:
        command.read_until("listening on")
        yield command
        if command.process.poll() is None:
            command.end(signal.SIGTERM)
        for pid in pids(command).values():
            wait_for_end(pid)


def pids(command: Running) -> dict[int, int]:
    """Return the newest process of each port."""
    return {int(port): int(pid) for port, pid in re.findall(r"hub on port (\d+) is process (\d+)", command.output)}


@pytest.mark.parametrize("transports", [("polling",), ("polling", "websocket"), ("websocket",)], ids="+".join)
async def test_people_on_both_talk_to_each_other(
    hubs: Running, port: int, env: Environment, transports: tuple[str, ...]
) -> None:
    ann = await env.chatter("Ann", f"http://127.0.0.1:{port}")
    bob = await env.chatter("Bob", f"http://127.0.0.1:{port + 1}")
    group = await env.group(ann.user, bob.user)
    for person in (ann, bob):
        await person.connect(transports)
        await person.join(group)
    for number in range(5):
        await ann.send(group, f"to bob {number}")
        await bob.send(group, f"to ann {number}")
    for person in (ann, bob):
        heard = await person.heard.until("message:received", 10)
        assert len({event["message"]["seq"] for event in heard}) == 10


async def test_one_that_dies_is_started_again_and_the_other_goes_on(hubs: Running, port: int, env: Environment) -> None:
    ann = await env.chatter("Ann", f"http://127.0.0.1:{port + 1}")
    group = await env.group(ann.user)
    await ann.connect()
    await ann.join(group)
    before = pids(hubs)
    os.kill(before[port], signal.SIGKILL)
    await asyncio.to_thread(hubs.read_until, "starting it again")
    await ann.send(group, "still here")
    await asyncio.to_thread(hubs.read_until, "listening on")
    await asyncio.to_thread(ready, str(port))
    after = pids(hubs)
    assert after[port] != before[port]
    assert after[port + 1] == before[port + 1]
    assert ann.heard.all("disconnect") == []


async def test_a_signal_sends_the_clients_of_all_away_and_ends_all(hubs: Running, port: int, env: Environment) -> None:
    people = [await env.chatter(f"P{n}", f"http://127.0.0.1:{port + n}") for n in range(2)]
    for person in people:
        await person.connect()
    assert await asyncio.to_thread(hubs.end, signal.SIGINT) == 0
    for person in people:
        assert person.heard.all("server:restarting")
    for pid in pids(hubs).values():
        wait_for_end(pid)
    assert "Traceback" not in hubs.output


async def test_no_hub_outlives_the_process_that_watches_over_it(hubs: Running) -> None:
    assert hubs.end(signal.SIGKILL) == -signal.SIGKILL
    for pid in pids(hubs).values():
        wait_for_end(pid)


def test_a_port_in_use_is_reported_before_any_hub_starts(settings: Settings, port: int) -> None:
    with socket.create_server(("127.0.0.1", port + 1)):
        done = greenroom("hub", "--processes", "2", "--port", str(port), **environ(settings))
    assert done.returncode == 1
    assert f"Port {port + 1} on 127.0.0.1 is taken" in done.stderr
    assert "is process" not in done.stderr


@pytest.mark.parametrize(("count", "port", "word"), [("0", "8000", "--processes 0"), ("2", "0", "GREENROOM_PORT=0")])
def test_a_number_or_port_that_makes_no_sense_is_refused(count: str, port: str, word: str, settings: Settings) -> None:
    done = greenroom("hub", "--processes", count, "--port", port, **environ(settings))
    assert done.returncode == 1
    assert word in done.stderr
