"""What the README prints: its commands run as printed, but for the places that stand for the reader's own servers."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from tests.chaos.stage import free_port
from tests.flow.cli.commands import ACCOUNT, ROOT, Running, call, port_of, running

NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
README = (ROOT / "README.md").read_text()
MAKE, REAL, SEED = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
(SNIPPET,) = re.findall(r"```js\n(.*?)```", README, re.DOTALL)
TALENT = ACCOUNT | {"email": "tom@example.com", "userType": "talent"}
WAIT = """
for port in 8001 8002 8003; do
    curl --silent --fail --retry 40 --retry-delay 1 --retry-all-errors http://127.0.0.1:$port/readyz || exit 1
done
kill $(jobs -p)
wait
"""
CLIENT = """
import {{ io }} from "socket.io-client";
let [token, conversationId] = {arguments};
setTimeout(() => process.exit(2), 20_000).unref();
{snippet}
console.log(`acknowledged ${{seq}}`);
setTimeout(() => process.exit(0), 500);
"""


def run(script: str, *, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a script of the README in bash."""
    # The checkout's own command, also where it is not installed as .venv/bin/greenroom.
    ours = script.replace(".venv/bin/greenroom", f"{sys.executable} -m cli")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ = inherited | {"PYTHONPATH": str(ROOT)}
    # Processes that a failing script leaves behind would work on the data of the tests that follow.
    command = ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{ours}"]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=90, check=False)


def on(settings: Settings, script: str) -> str:
    """Put the test's servers and free ports into the places of the README's."""
    places = {
        "postgresql://greenroom:secret@db/greenroom": f"'{settings.database_url}'",
        "redis://cache:6379": f"'{settings.redis_urls[0]}'",
        "http://s3:9000 GREENROOM_S3_KEY=greenroom GREENROOM_S3_SECRET=secret": (
            f"{settings.s3_url} GREENROOM_S3_KEY={settings.s3_key} GREENROOM_S3_SECRET={settings.s3_secret}"
        ),
        **{str(8000 + place): str(free_port()) for place in (1, 2, 3)},
    }
    for printed, own in places.items():
        assert printed in script, f"the README does not print {printed} any more"
        script = script.replace(printed, own)
    return script


def test_the_two_commands_of_the_readme_are_targets_of_make() -> None:
    names = re.findall(r"^make (\w+)", MAKE, re.MULTILINE)
    assert names == ["run", "test"]
    assert run("\n".join(f"make --dry-run {name} >/dev/null" for name in names)).returncode == 0


def test_the_three_processes_run_as_the_readme_prints_it(settings: Settings) -> None:
    done = run(on(settings, REAL + WAIT))
    assert done.stdout.count('"ok"') >= 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_database_is_filled_as_the_readme_prints_it(settings: Settings, tmp_path: Path) -> None:
    servers = f"export GREENROOM_DATABASE_URL='{settings.database_url}' GREENROOM_JWT_KEYS='{settings.jwt_keys[0]}'\n"
    done = run(servers + SEED, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "seed" / "tokens.txt").read_text().splitlines()) == 10_000


@pytest.fixture
def dev(folder: Path) -> Iterator[Running]:
    """Return `greenroom dev`."""
    with running("dev", "--port", "0", until="Ctrl-C", DATA_DIR=str(folder)) as command:
        yield command


def test_the_client_of_the_readme_sends_a_message_and_gets_its_ack(dev: Running, tmp_path: Path) -> None:
    port = port_of(dev)
    creator, talent = (call(port, "/api/auth/signup", body) for body in (ACCOUNT, TALENT))
    conversation = call(port, "/api/conversations", {"participantId": talent["user"]["id"]}, creator["accessToken"])
    arguments = [creator["accessToken"], conversation["id"]]
    script = CLIENT.format(arguments=arguments, snippet=SNIPPET.replace(":8000", f":{port}"))
    (tmp_path / "client.mjs").write_text(script)
    (tmp_path / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    done = subprocess.run([NODE, "client.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert "acknowledged 1" in done.stdout, done.stdout + done.stderr
    assert "Ada Hello!" in done.stdout
