"""Postgres' own programs, as operators run them."""

import asyncio
import os
from pathlib import Path

from cli.embedded.binaries import postgres_binaries


async def pg(program: str, *arguments: str | Path) -> None:
    """Run one of Postgres' programs to its end."""
    folder, _ = postgres_binaries()
    process = await asyncio.create_subprocess_exec(
        folder / program, *map(str, arguments), stderr=asyncio.subprocess.PIPE, env={"PATH": os.defpath}
    )
    _, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()


async def base_backup(url: str, folder: Path, *options: str) -> None:
    """Copy a Postgres that runs into a folder, on which another one can be started."""
    await pg("pg_basebackup", "--checkpoint=fast", "--pgdata", folder, "--dbname", url, *options)
    for copied in folder.glob(".s.PGSQL.*"):  # the socket of the first one may lie in its folder
        copied.unlink()
