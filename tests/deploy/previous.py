"""The version before this one, from git's history, with this version's dependencies."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.hub import ROOT

# The version that runs where this one is rolled out. Move it at each release, to the commit of the release before.
PREVIOUS = "7e31f88870c36546c8a679dcfd7ff05274d3e5fb"
GIT = shutil.which("git")


def in_history() -> bool:
    """Say whether this is a clone that has the commit."""
    return bool(GIT) and _git("cat-file", "-e", f"{PREVIOUS}^{{commit}}").returncode == 0


def export(folder: Path) -> Path:
    """Write the previous version into a folder."""
    answer = _git("archive", "--format=zip", PREVIOUS)
    answer.check_returncode()
    with zipfile.ZipFile(io.BytesIO(answer.stdout)) as archive:
        archive.extractall(folder)
    return folder


async def migrate(tree: Path, environ: Mapping[str, str]) -> list[str]:
    """Run a version's `greenroom migrate`, and return the migrations that it says to have applied."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "migrate", cwd=tree, env={**os.environ, **environ}, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return [line.removeprefix("applied ") for line in said.decode().splitlines()]


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    assert GIT
    return subprocess.run([GIT, *arguments], cwd=ROOT, capture_output=True, check=False)
