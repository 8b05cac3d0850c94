"""The databases of a test process: one that its tests share, emptied after each, and fresh ones for a test or a file."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

import asyncpg

from tests.bazaar.database import SCHEMA

NAME = "tests"  # of the connection that empties the shared one, in pg_stat_activity

# A deletion costs a test a few milliseconds, where a copy of the template takes a hundred. Its dead rows make the tables grow,
# so where there are many the files are thrown away. What is left of an earlier test may not write any more.
EMPTY = """
do $$ declare filled regclass[]; one regclass; size bigint;
begin
    perform pg_terminate_backend(pid, case state when 'idle' then 0 else 5000 end) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend';
    select array_agg(oid::regclass), sum(pg_relation_size(oid)) into filled, size from pg_class
    where relkind = 'r' and relnamespace::regnamespace::text !~ '^pg_|^information_schema$' and relpersistence <> 't'
        and relname <> 'schema_migrations' and pg_relation_size(oid) > 0;
    if size > 1024 * 1024 then
        set local session_replication_role = replica; -- the ledger lets nobody truncate it
        execute 'truncate ' || array_to_string(filled, ', ') || ' restart identity cascade';
    elsif filled is not null then
        set local session_replication_role = replica; -- no triggers, no foreign keys: all of it goes
        foreach one in array filled loop
            execute 'delete from only ' || one;
        end loop;
    end if;
end $$"""

# Whatever changes the schema would change it for all tests that follow.
GUARD = """
create function refuse_change() returns trigger language plpgsql as $$ begin
    raise 'tests share this database: ask for `fresh_database_url` to change its migrations';
end $$;
create trigger refuse_change before insert or update or delete on schema_migrations execute function refuse_change();
create function refuse_ddl() returns event_trigger language plpgsql as $$ begin
    if tg_event = 'sql_drop' then
        perform from pg_event_trigger_dropped_objects() where not is_temporary;
    else
        perform from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp';
    end if;
    if found then raise 'tests share this database: ask for `fresh_database_url` to change its schema'; end if;
end $$;
create event trigger refuse_ddl on ddl_command_end execute function refuse_ddl();
create event trigger refuse_drop on sql_drop execute function refuse_ddl()"""


class Shared:
    """A database that is emptied again and again, over a connection that outlives the loops of the tests.

    It has the tables of the marketplace of the tests as well.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: asyncpg.Connection | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="shared database", daemon=True)
        self._thread.start()
        self._begun(self._execute(SCHEMA)).result()
        self._begun(self._execute(GUARD)).result()

    async def empty(self) -> None:
        """Delete everything, and end all other connections; the loop of the test sees them end meanwhile."""
        await asyncio.wrap_future(self._begun(self._execute(EMPTY)))

    def close(self) -> None:
        """Hang up."""
        if self._connection:
            self._begun(self._connection.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begun(self, work: Coroutine[None, None, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _execute(self, statement: str) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self.url, server_settings={"application_name": NAME})
        await self._connection.execute(statement)


@contextmanager
def cloned(server_url: str, name: str) -> Iterator[str]:
    """Make a copy of the migrated, empty database for the time of the block, and yield its address."""
    admin = server_url.replace("/greenroom?", "/postgres?")
    run(execute(admin, f"drop database if exists {name} with (force)"))
    run(execute(admin, f"create database {name} template greenroom"))
    yield server_url.replace("/greenroom?", f"/{name}?")
    run(execute(admin, f"drop database {name} with (force)"))


async def execute(url: str, statement: str) -> None:
    """Execute statements on a connection of their own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run(work: Coroutine[None, None, None]) -> None:
    """Run something to its end, before or after tests."""
    # The factory keeps the runner from touching the loop that pytest has set.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)
