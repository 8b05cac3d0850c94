"""docs/operate/runbook.md, "Backup and restore": back to a moment, from a base backup and the archived log of Postgres."""

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from cli.embedded.postgres import embedded_postgres
from core.platform.migrate import migrate
from tests.chaos.conftest import SEED
from tests.chaos.crowd import Crowd, gathered
from tests.chaos.promises import Log, broken
from tests.chaos.servers import Restartable, open_servers
from tests.chaos.stage import Stage, open_stage
from tests.deploy.postgres import base_backup
from tests.deploy.test_runbook import stored

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
PATIENCE = 30.0


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Return a stage on a Postgres that archives its log, in a folder to which whoever runs it may write."""
    with open_servers() as servers:
        archive = servers.folder / "archive"
        archive.mkdir()
        archive.chmod(0o777)
        await migrate(servers.postgres.url)
        await run(servers.postgres.url, f"alter system set archive_command = 'cp %p {archive}/%f'")
        await run(servers.postgres.url, "alter system set archive_mode = on")
        servers.postgres.end(signal.SIGINT)
        servers.start()
        async with open_stage(servers, SEED) as stage:
            yield stage


async def run(url: str, statement: str) -> object:
    """Run a statement and return what comes of it."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def quiet_moment(url: str, crowd: Crowd) -> tuple[datetime, Log]:
    """Return a moment at which nothing was being stored, and the log as it was."""
    async with asyncio.timeout(PATIENCE):
        while True:
            before = await stored(url, crowd.conversations)
            moment = await run(url, "select clock_timestamp()")
            assert isinstance(moment, datetime)
            await asyncio.sleep(0.2)
            if await stored(url, crowd.conversations) == before:
                return moment, before


async def archived(url: str) -> None:
    """Return when all that has been written is in the archive."""
    name = await run(url, "select pg_walfile_name(pg_switch_wal())")
    async with asyncio.timeout(PATIENCE):
        while str(await run(url, "select last_archived_wal from pg_stat_archiver") or "") < str(name):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@contextmanager
def restored(folder: Path, moment: datetime) -> Iterator[str]:
    """Start what the base backup and the archive say about a moment, and yield its address."""
    base = folder / "base"
    settings = {
        "archive_mode": "off",
        "restore_command": f"cp {shlex.quote(f'{folder}/archive')}/%f %p",
        "recovery_target_time": moment.isoformat(),
        "recovery_target_action": "promote",
    }
    with (base / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    (base / "recovery.signal").touch()
    server = Restartable(lambda: embedded_postgres(base, fsync=False))
    server.start()
    try:
        yield server.url
    finally:
        server.close()


async def test_a_database_goes_back_to_a_moment_and_has_all_that_was_acked_until_then_and_nothing_later(
    stage: Stage,
) -> None:
    url = stage.servers.postgres.url
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            await base_backup(url, stage.servers.folder / "base")
            await crowd.said(60)
        assert await crowd.settled() == []
        moment, then = await quiet_moment(url, crowd)
        async with crowd.talking():
            await crowd.said(60)
        assert await crowd.settled() == []
        await archived(url)
        with restored(stage.servers.folder, moment) as copy:
            async with asyncio.timeout(PATIENCE):
                while await run(copy, "select pg_is_in_recovery()"):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert await stored(copy, crowd.conversations) == then
            assert broken(then, []) == []
