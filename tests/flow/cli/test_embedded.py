"""cli/embedded/: servers that start anywhere, keep what they are given, and never outlive us unnoticed."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from cli.embedded import ctype
from cli.embedded.postgres import embedded_postgres
from cli.embedded.process import Server
from cli.embedded.redis import embedded_redis
from cli.embedded.servers import any_database, embedded_servers
from cli.errors import CommandError
from cli.migrate import migrate_database
from config.settings import Settings
from core.platform.migrate import migrate
from tests.flow.cli.processes import wait_for_end


class Reports:
    """Collects what is reported."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        self.titles.append(title)
        yield


def hold(folder: Path, **environ: str) -> tuple[subprocess.Popen[str], int, int]:
    """Start the servers of a folder from another process; return it and the two servers' process ids."""
    command = [sys.executable, "-m", "tests.flow.cli.hold", str(folder)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ})
    assert holder.stdout
    postgres, redis = holder.stdout.readline().split()
    return holder, int(postgres), int(redis)


def kill(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


async def execute(server: Server, statement: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_what_is_stored_is_there_after_a_restart(folder: Path) -> None:
    with embedded_postgres(folder / "postgres") as postgres, embedded_redis(folder / "redis") as redis:
        await execute(postgres, "create table kept as select 1 as value")
        Redis.from_url(redis.url).set("kept", "1")
    wait_for_end(postgres.process.pid)
    with embedded_postgres(folder / "postgres") as postgres, embedded_redis(folder / "redis") as redis:
        assert await execute(postgres, "select value from kept") == 1
        assert Redis.from_url(redis.url).get("kept") == b"1"


async def test_postgres_listens_on_its_socket_only_and_speaks_utf8(folder: Path) -> None:
    with embedded_postgres(folder / "postgres") as postgres:
        assert await execute(postgres, "show listen_addresses") == ""
        assert await execute(postgres, "show fsync") == "on"
        assert await execute(postgres, "select lower('ÄÖÜ')") == "äöü"


@pytest.mark.parametrize("name", ["a b%20c?&d#é", "comma,comma", "long" * 25])
async def test_a_folder_may_have_any_name(folder: Path, name: str) -> None:
    inner = folder / name
    inner.mkdir()
    with embedded_postgres(inner / "postgres", fsync=False) as postgres, embedded_redis(inner / "redis") as redis:
        assert await execute(postgres, "select 1") == 1
        assert Redis.from_url(redis.url).ping()


def test_servers_end_when_the_process_that_started_them_is_killed(folder: Path) -> None:
    if not shutil.which("setpriv"):
        pytest.skip("only with setpriv do servers hear of their parent's death")
    holder, postgres, redis = hold(folder)
    kill(holder)
    wait_for_end(postgres)
    wait_for_end(redis)


async def test_servers_that_were_left_behind_are_ended_by_the_next_start(folder: Path) -> None:
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("unshare", "true", "test"):
        if path := shutil.which(tool):
            (tools / tool).symlink_to(path)
    holder, old_postgres, old_redis = hold(folder, PATH=str(tools))  # without setpriv nobody tells them
    kill(holder)
    reports = Reports()
    with embedded_postgres(folder / "postgres", report=reports) as postgres:
        wait_for_end(old_postgres)
        assert await execute(postgres, "select 1") == 1
    with embedded_redis(folder / "redis", report=reports):
        wait_for_end(old_redis)
    assert f"Ending the postgres that an earlier run left behind (process {old_postgres})" in reports.titles
    assert f"Ending the redis that an earlier run left behind (process {old_redis})" in reports.titles


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that has nothing to do with us."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


async def test_a_killed_postgres_recovers_although_its_pid_was_reused(
    folder: Path, bystander: subprocess.Popen[bytes]
) -> None:
    with embedded_postgres(folder / "postgres") as postgres:
        await execute(postgres, "create table kept as select 1 as value")
        postgres.process.kill()
        postgres.process.wait()
    pid_file = folder / "postgres" / "postmaster.pid"
    _, rest = pid_file.read_text().split("\n", 1)
    pid_file.write_text(f"{bystander.pid}\n{rest}")
    with embedded_postgres(folder / "postgres") as postgres:
        assert await execute(postgres, "select value from kept") == 1
    assert bystander.poll() is None, "it was taken for a Postgres"


async def test_a_query_that_goes_on_after_its_postgres_was_killed_is_ended(folder: Path) -> None:
    reports = Reports()
    with embedded_postgres(folder / "postgres") as postgres:
        connection = await asyncpg.connect(postgres.url)
        backend = await connection.fetchval("select pg_backend_pid()")
        query = asyncio.create_task(connection.execute("select count(*) from generate_series(1, 10000000000)"))
        while await execute(postgres, f"select state from pg_stat_activity where pid = {backend}") != "active":
            pass
        postgres.process.kill()
        postgres.process.wait()
        with embedded_postgres(folder / "postgres", report=reports) as again:
            wait_for_end(backend)
            assert await execute(again, "select 1") == 1
        with pytest.raises(asyncpg.PostgresConnectionError):
            await query
    assert any(title.startswith("Ending the postgres that an earlier run left behind") for title in reports.titles)


async def test_a_first_start_that_was_interrupted_is_begun_anew(folder: Path) -> None:
    unfinished = folder / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with embedded_postgres(folder / "postgres", fsync=False) as postgres:
        assert await execute(postgres, "select current_database()::text") == "greenroom"
    assert not unfinished.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another name")
async def test_without_user_namespaces_root_starts_postgres_as_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded_postgres(folder / "postgres", fsync=False) as postgres:
        await execute(postgres, "create table kept as select 1 as value")
    which: Callable[[str], str | None] = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "unshare" else which(name))
    try:
        with embedded_postgres(folder / "postgres", fsync=False) as postgres:
            assert await execute(postgres, "select value from kept") == 1
            assert (folder / "postgres").stat().st_uid != 0
    except CommandError as refused:
        pytest.skip(f"nobody may not enter this environment: {refused}")


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    with embedded_postgres(folder / "postgres", fsync=False):
        pass
    (folder / "postgres" / "postgresql.auto.conf").write_text("shared_buffers = nonsense\n")
    with pytest.raises(CommandError, match=r"^Postgres .* did not start: .*shared_buffers"), start(folder):
        pass


def start(folder: Path) -> AbstractContextManager[Server]:
    return embedded_postgres(folder / "postgres", fsync=False)


def test_a_data_folder_has_one_owner_whose_database_others_find(folder: Path) -> None:
    settings = Settings(data_dir=str(folder))
    reports = Reports()
    with embedded_servers(settings, reports) as (owned, servers):
        assert [server.url for server in servers] == [owned.database_url, *owned.redis_urls, owned.s3_url]
        with pytest.raises(CommandError, match=rf"^Another greenroom \(process {os.getpid()}\) is using "):
            embedded_servers(settings, reports).__enter__()
        with any_database(settings, reports) as found:
            assert found == owned
    ended = len(reports.titles)
    with any_database(settings, reports) as own:
        assert own.jwt_keys == owned.jwt_keys
        assert not own.redis_urls
    assert [title.split()[:2] for title in reports.titles[ended:]] == [["Starting", "Postgres"]]


def test_what_the_settings_name_is_not_started(folder: Path) -> None:
    settings = Settings(
        data_dir=str(folder),
        database_url="postgresql://elsewhere/x",
        redis_urls=("redis://elsewhere",),
        jwt_keys=("k:s",),
        operator_tokens=("o:s",),
        s3_url="http://elsewhere",
    )
    reports = Reports()
    with embedded_servers(settings, reports) as (owned, servers):
        assert owned == settings
        assert not servers
        assert not reports.titles
        with any_database(Settings(data_dir=str(folder)), reports) as found:
            assert found.database_url == "postgresql://elsewhere/x"


def test_secrets_in_the_data_folder_are_for_its_owner_only(folder: Path) -> None:
    data = folder / "data"
    with embedded_servers(Settings(data_dir=str(data)), Reports()):
        assert data.stat().st_mode & 0o077 in (0, 0o011), "nobody may have to pass through"
        assert {path.name: path.stat().st_mode & 0o077 for path in data.iterdir() if path.suffix != ".log"} == {
            "postgres": 0,
            "redis": 0,
            "files": 0,
            "servers.json": 0,
            "signing-key": 0,
            "operator-token": 0,
        }


def test_a_data_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(CommandError, match=r"^GREENROOM_DATA_DIR=.*/file/data cannot be used: Not a directory$"):
        embedded_servers(Settings(data_dir=str(folder / "file" / "data")), Reports()).__enter__()


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(folder: Path) -> None:
    with embedded_redis(folder / "redis") as redis:
        assert os.getpgid(redis.process.pid) != os.getpgid(0)


SEES = "select cardinality(show_trgm('मुंबई')) > 0 and cardinality(show_trgm('é')) > 0"


async def test_the_database_has_trigrams_of_all_scripts(folder: Path) -> None:
    with embedded_postgres(folder / "postgres") as postgres:
        await migrate(postgres.url)
        assert await execute(postgres, SEES)


async def test_data_that_was_made_before_gets_its_trigrams(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = """
    insert into users (id, market, email, password_hash, name, role)
    values (gen_random_uuid(), 'onswift', 'm@example.com', '', 'Мария Иванова', 'talent')"""
    with monkeypatch.context() as before:
        before.setattr(ctype, "known_ctype", lambda: None)
        with embedded_postgres(folder / "postgres") as postgres:
            await migrate(postgres.url)
            await execute(postgres, add)
            assert not await execute(postgres, SEES)
    for _ in range(2):
        with embedded_postgres(folder / "postgres") as postgres:
            assert await execute(postgres, SEES)
            await execute(
                postgres, "alter role greenroom set enable_seqscan = off"
            )  # by the index, which was made without them
            assert await execute(postgres, "select count(*) from onswift.talents where 'ивановаа' <% name") == 1


async def test_migrate_warns_of_a_database_without_trigrams_of_all_scripts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as before:
        before.setattr(ctype, "known_ctype", lambda: None)
        with embedded_postgres(folder / "postgres") as postgres:
            assert "0024_fill_search" in await migrate_database(Settings(database_url=postgres.url))
    assert "LC_CTYPE" in caplog.text
    caplog.clear()
    with embedded_postgres(folder / "postgres") as postgres:
        await migrate_database(Settings(database_url=postgres.url))
    assert "LC_CTYPE" not in caplog.text
