"""What a command says when it cannot do its work: one line that names the cause, exit code 1, no traceback."""

import socket
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from cli.embedded.postgres import embedded_postgres
from config.settings import Settings
from tests.databases import execute
from tests.flow.cli.commands import ROOT, greenroom

JWT_KEYS = "test:a-secret-of-tests-that-is-long-enough"


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    """Return settings with which `greenroom hub` would start."""
    return {
        "PORT": str(settings.port),
        "DATA_DIR": settings.data_dir,
        "DATABASE_URL": settings.database_url,
        "REDIS_URLS": settings.redis_urls[0],
        "JWT_KEYS": JWT_KEYS,
    }


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Return a port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done
    assert done.stderr.startswith("greenroom: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("command", ["hub", "api", "worker"])
def test_a_taken_port(command: str, environ: dict[str, str], taken_port: int) -> None:
    done = greenroom(command, **environ | {"PORT": str(taken_port)})
    assert_refused(done, f"Port {taken_port} on 127.0.0.1 is taken", "--port")


def test_a_taken_port_in_dev(folder: Path, taken_port: int) -> None:
    done = greenroom("dev", "--port", str(taken_port), DATA_DIR=str(folder / "data"))
    assert_refused(done, f"Port {taken_port} on 127.0.0.1 is taken")


def test_an_address_that_is_not_ours(environ: dict[str, str]) -> None:
    assert_refused(greenroom("hub", "--host", "192.0.2.1", **environ), "Cannot listen on port", "192.0.2.1")


@pytest.mark.parametrize("command", ["hub", "migrate"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"database": "nothing"}, ['database "nothing" does not exist']),
        ({"user": "stranger"}, ['role "stranger" does not exist']),
    ],
)
def test_a_wrong_database(command: str, environ: dict[str, str], change: dict[str, str], words: list[str]) -> None:
    url = environ["DATABASE_URL"].replace("/test?", f"/{change.get('database', 'test')}?")
    environ["DATABASE_URL"] = url.replace("greenroom@", f"{change.get('user', 'greenroom')}@")
    assert_refused(greenroom(command, **environ), "The database does not answer", *words)


@pytest.mark.parametrize("command", ["hub", "migrate", "dev"])
def test_a_database_that_is_not_there(command: str, environ: dict[str, str], free_port: int) -> None:
    environ["DATABASE_URL"] = f"postgresql://user:hunter2@127.0.0.1:{free_port}/x"
    done = greenroom(command, **environ)
    assert_refused(done, "The database does not answer", "refused", f"user:***@127.0.0.1:{free_port}")
    assert "hunter2" not in done.stderr


def test_a_database_url_that_makes_no_sense(environ: dict[str, str]) -> None:
    environ["DATABASE_URL"] = "postgresql://host:port/x"
    assert_refused(greenroom("hub", **environ), "The database does not answer", "postgresql://host:port/x")


async def test_a_wrong_password(environ: dict[str, str], folder: Path) -> None:
    with embedded_postgres(folder / "postgres", fsync=False) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("alter role greenroom password 'right'")
        await connection.close()
    (folder / "postgres" / "pg_hba.conf").write_text("local all all scram-sha-256\n")
    with embedded_postgres(folder / "postgres", fsync=False) as server:
        environ["DATABASE_URL"] = server.url.replace("greenroom@", "greenroom:wrong@")
        done = greenroom("hub", **environ)
    assert_refused(done, 'password authentication failed for user "greenroom"', "greenroom:***@")


async def test_a_database_that_was_not_migrated(environ: dict[str, str], folder: Path) -> None:
    with embedded_postgres(folder / "postgres", fsync=False) as server:
        environ["DATABASE_URL"] = server.url
        assert_refused(greenroom("hub", **environ), "0001_core", "run `greenroom migrate` first")
        assert greenroom("migrate", **environ).stdout.startswith("applied 0001_core\n")
        assert greenroom("migrate", **environ).stdout == "nothing to do: the database is up to date\n"


async def test_a_migration_that_was_changed(environ: dict[str, str], fresh_database_url: str) -> None:
    environ["DATABASE_URL"] = fresh_database_url
    await execute(fresh_database_url, "update schema_migrations set checksum = 'another' where name = '0001_core'")
    assert_refused(greenroom("migrate", **environ), "0001_core.sql was changed")


def test_a_redis_that_is_not_there(environ: dict[str, str], free_port: int) -> None:
    environ["REDIS_URLS"] = f"redis://:hunter2@127.0.0.1:{free_port}/0"
    done = greenroom("hub", **environ)
    assert_refused(done, "Redis does not answer", f":***@127.0.0.1:{free_port}")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("command", ["hub", "api", "worker"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URLS", "JWT_KEYS"])
def test_a_setting_that_only_dev_can_do_without(command: str, name: str, environ: dict[str, str]) -> None:
    del environ[name]
    assert_refused(greenroom(command, **environ), f"GREENROOM_{name} is not set")


def test_a_marketplace_that_does_not_exist(environ: dict[str, str]) -> None:
    assert_refused(greenroom("hub", **environ, MARKETPLACES="onswift,offswift"), "'offswift'", "onswift")


def test_an_unknown_setting_and_a_wrong_option() -> None:
    assert_refused(greenroom("config", PROT="1"), "GREENROOM_PROT", "GREENROOM_PORT")
    assert_refused(greenroom("dev", "--port", "http"), "GREENROOM_PORT=http is not accepted")


def test_config_shows_the_effective_settings() -> None:
    done = greenroom("config", PORT="9000", JWT_KEYS=JWT_KEYS)
    assert done.returncode == 0
    assert "GREENROOM_PORT=9000\nGREENROOM_PUBLIC_URL=http://127.0.0.1:9000\n" in done.stdout
    assert "GREENROOM_JWT_KEYS=test:***\n" in done.stdout
    assert done.stderr == "GREENROOM_CLAMD_URL is not set: files are not scanned for viruses\n"
    assert not greenroom("config", CLAMD_URL="tcp://clamd:3310").stderr


def test_version_is_the_project_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert greenroom("version", PROT="not looked at").stdout == f"greenroom {project['version']}\n"


def test_help_lists_every_command() -> None:
    done = greenroom("--help")
    assert done.returncode == 0
    for command in ("dev", "hub", "api", "worker", "migrate", "jobs", "seed", "config", "version"):
        assert f"\n    {command} " in done.stdout
