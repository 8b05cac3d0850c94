"""The snippets of docs/clients.md are run as they are printed; artillery's is, where artillery is installed."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flow.bench.test_locust import LOCUST
from tests.flow.cli.commands import ACCOUNT, ROOT, Running, call, greenroom, port_of, running
from tests.flow.cli.test_readme import NODE, TALENT

PAGE = (ROOT / "docs" / "clients.md").read_text()
AUTH, RETRIES = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
PYTHON, LOCUSTFILE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(YAML,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(SEED,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
ARTILLERY = shutil.which("artillery")
SCRIPT = """
import {{ io }} from "socket.io-client";
const [url, token, conversationId] = {arguments};
const freshToken = async () => token;
const show = (text) => {{
    console.log(text);
    process.exit(0);
}};
setTimeout(() => process.exit(2), 20_000).unref();
{snippet}
"""
CONNECTED = 'socket.on("connect", () => show("connected"));'


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """Return `greenroom dev` without limits, and its folder."""
    folder = tmp_path_factory.mktemp("dev", numbered=True)
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder), RATE_LIMITS="off") as command:
        yield command, folder


@pytest.fixture(scope="module")
def login(dev: tuple[Running, Path]) -> list[str]:
    """Return the address, someone's access token and a conversation of hers."""
    port = port_of(dev[0])
    creator, talent = (call(port, "/api/auth/signup", body) for body in (ACCOUNT, TALENT))
    conversation = call(port, "/api/conversations", {"participantId": talent["user"]["id"]}, creator["accessToken"])
    return [f"http://127.0.0.1:{port}", creator["accessToken"], conversation["id"]]


@pytest.fixture(scope="module")
def seeded(dev: tuple[Running, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `greenroom seed` has been run as the page says, with fewer users."""
    folder = tmp_path_factory.mktemp("load")
    command = SEED.replace(
        "--users 1000 --conversations 100 --out seed", f"--users 6 --conversations 2 --out {folder}/seed"
    )
    done = greenroom(*command.split()[1:], DATA_DIR=str(dev[1]))
    assert done.returncode == 0, done.stderr
    return folder


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("snippet", "shown"), [(AUTH + CONNECTED, "connected"), (RETRIES, "message 1")])
def test_the_snippets_in_javascript_connect_and_send(
    login: list[str], tmp_path: Path, snippet: str, shown: str
) -> None:
    (tmp_path / "client.mjs").write_text(SCRIPT.format(arguments=json.dumps(login), snippet=snippet))
    (tmp_path / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    assert shown in run([NODE, "client.mjs"], tmp_path)


def test_the_snippet_in_python_connects_and_sends(login: list[str], tmp_path: Path) -> None:
    url, token, conversation = login
    start = f"\n\nasyncio.run(main({url!r}, lambda: {token!r}, {conversation!r}))\n"
    (tmp_path / "client.py").write_text(PYTHON + start)
    assert re.search(r"message \d", run([sys.executable, "client.py"], tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(LOCUST is None, reason="needs Locust in an environment of its own: see bench/README.md")
def test_the_locustfile_sends_without_an_error(login: list[str], seeded: Path) -> None:
    (seeded / "locustfile.py").write_text(LOCUSTFILE)
    command = f"{LOCUST} --headless --users 4 --spawn-rate 4 --run-time 8s --csv load --host {login[0]}"
    run(command.split(), seeded)
    counts = {row["Name"]: row for row in csv.DictReader((seeded / "load_stats.csv").read_text().splitlines())}
    for event in ("join:conversation", "message:send"):
        assert int(counts[event]["Request Count"]) >= 4
        assert counts[event]["Failure Count"] == "0"


def scenario() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(YAML)
    return parsed


def test_artillery_reads_the_columns_that_seed_writes(seeded: Path) -> None:
    payload = scenario()["config"]["payload"]
    with (seeded / payload["path"]).open() as file:
        header, *rows = csv.reader(file)
    assert payload["skipHeader"]
    assert header == payload["fields"]
    assert len(rows) == 6
    assert set(re.findall(r"{{ (\w+) }}", YAML)) == set(header)


@pytest.mark.skipif(ARTILLERY is None, reason="artillery is not installed")
def test_artillery_sends_without_an_error(login: list[str], seeded: Path) -> None:
    script = scenario()
    script["config"] |= {"target": login[0], "phases": [{"duration": 2, "arrivalRate": 3}]}
    (think,) = [step for step in script["scenarios"][0]["flow"][1]["loop"] if "think" in step]
    think["think"] = 0.1
    (seeded / "load.yml").write_text(yaml.safe_dump(script))
    assert ARTILLERY
    output = run([ARTILLERY, "run", "load.yml"], seeded)
    assert re.search(r"vusers\.completed:? \.* 6", output), output
