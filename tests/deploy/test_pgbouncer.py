"""Through PgBouncer in transaction mode: hubs, REST and migrations, with fewer connections to Postgres than they have open."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import msgspec
import pytest

from cli.embedded.postgres import _account
from cli.embedded.process import Server, running, wait_until
from config.settings import Settings
from core.platform.migrate import MIGRATIONS, migrate
from tests.databases import NAME
from tests.flow.api.conftest import Api
from tests.flow.api.conftest import api as api
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env
from tests.flow.conftest import two_hubs as two_hubs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), reason="pgbouncer is not installed"),
]
PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") or ""
CONNECTIONS = 3
CONFIG = """
[databases]
* = host={postgres} port=5432 user=greenroom
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
auth_type = any
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
"""


@pytest.fixture(scope="module")
def pgbouncer(postgres: Server, servers_folder: Path) -> Iterator[str]:
    """Return the address of PgBouncer before the tests' Postgres, without a database's name."""
    folder = servers_folder / "pgbouncer"
    folder.mkdir()
    socket, log = folder / ".s.PGSQL.6432", folder.with_suffix(".log")
    sockets = parse_qs(urlsplit(postgres.url).query)["host"][0]
    (folder / "pgbouncer.ini").write_text(CONFIG.format(postgres=sockets, folder=folder, connections=CONNECTIONS))
    account = _account(servers_folder / "postgres")  # it refuses root, as Postgres does
    command: list[str | Path] = [PROGRAM, folder / "pgbouncer.ini"]
    with running(command, folder=folder, log=log, stop=signal.SIGTERM, account=account) as process:
        wait_until(socket.exists, process, "PgBouncer", log)
        yield f"postgresql://greenroom@/%s?host={quote(str(folder))}&port=6432"


@pytest.fixture
def settings(settings: Settings, pgbouncer: str) -> Settings:
    """Return the settings of processes behind PgBouncer."""
    name = urlsplit(settings.database_url).path.strip("/")
    return msgspec.structs.replace(settings, database_url=pgbouncer % name, database_statements="unnamed")


async def test_people_on_two_hubs_talk_while_others_call_the_api(
    env: Environment, two_hubs: tuple[str, str], api: Api, postgres: Server
) -> None:
    people = [await env.chatter(f"P{number}", two_hubs[number % 2]) for number in range(12)]
    group = await env.group(*(person.user for person in people))
    await asyncio.gather(*(person.connect() for person in people))
    await asyncio.gather(*(person.join(group) for person in people))
    callers = [await api.signed_up("creator", f"C{number}") for number in range(4)]
    project = {"name": "Film", "description": "A short one", "dueDate": "2999-12-31"}
    talking = [person.send(group, f"{person.user.id} {n}") for person in people for n in range(5)]
    working = [caller.post("/projects", **project) for caller in callers for _ in range(3)]
    sent, made = await asyncio.gather(asyncio.gather(*talking), asyncio.gather(*working))
    seqs = sorted(answer["seq"] for answer in sent)
    assert seqs == list(range(seqs[0], seqs[0] + len(talking)))
    assert {reply.status for reply in made} == {201}
    for person in people:
        heard = await person.heard.until("message:received", len(talking))
        assert len({event["message"]["id"] for event in heard}) == len(talking)
    about = {"conversationId": str(group), "messageId": sent[0]["id"]}
    await people[0].call("message:edit", **about, content="better")
    await people[0].call("message:react", **about, emoji="👍")
    await people[1].heard.until("message:edited", 1)
    assert await connections(postgres, env.settings) <= CONNECTIONS


async def connections(postgres: Server, settings: Settings) -> int:
    """Return how many connections Postgres has to a database, but for that of the tests."""
    admin = await asyncpg.connect(postgres.url, database="postgres")
    name = urlsplit(settings.database_url).path.strip("/")
    connected = "select count(*) from pg_stat_activity where datname = $1 and application_name <> $2"
    count: int = await admin.fetchval(connected, name, NAME)
    await admin.close()
    return count


async def test_two_who_migrate_at_once_apply_each_migration_once(postgres: Server, pgbouncer: str) -> None:
    admin = await asyncpg.connect(postgres.url, database="postgres")
    await admin.execute("create database bounced")
    try:
        applied = await asyncio.gather(*(migrate(pgbouncer % "bounced") for _ in range(2)))
        assert sorted(applied[0] + applied[1]) == sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
    finally:
        await admin.execute("drop database bounced with (force)")
        await admin.close()
