"""Folders that servers can live in."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.flow.cli.processes import server_pids, wait_for_end


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder with a path that is short enough for sockets and that all may enter."""
    folder = Path(mkdtemp(prefix="greenroom-test-"))
    folder.chmod(0o755)
    yield folder
    for inner in (folder, *folder.iterdir()):
        for pid in server_pids(inner):
            wait_for_end(pid)
    shutil.rmtree(folder)
