"""The search in messages goes by its index, also for who has very many conversations, or one that is very large."""

import itertools
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from cli.embedded.process import Server
from core.base.paging import BEGINNING
from core.messages.search import ASKED, FIND, MISSING, START, STORE
from tests.contract.test_plans import steps
from tests.databases import cloned, execute, run

BUSY, QUIET = UUID(int=1), UUID(int=2)
CROWD, OTHER = UUID(int=1), UUID(int=2)
QUERIES = [("word77", 21), ("common", 21), ("word", 21), ("nothing", 0), ("word77 common", 21)]
# 100,000 messages: of 2,000 conversations, which Busy has all and Quiet 20 of, and one that has half of them.
FILL = """
create function pg_temp.id(n int) returns uuid language sql immutable as
    $$ select ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
insert into users (id, market, email, password_hash, name, role)
select pg_temp.id(n), 'onswift', n || '@example.com', '', 'x', 'creator' from generate_series(1, 200) n;
insert into conversations (id, market, kind, title, last_seq, version)
select pg_temp.id(n), 'onswift', 'group', 'x', 25, 25 from generate_series(1, 2000) n;
insert into members (conversation_id, user_id) select id, pg_temp.id(1) from conversations;
insert into members (conversation_id, user_id) select pg_temp.id(n), pg_temp.id(n % 100 + 2) from generate_series(1, 2000) n;
insert into messages (conversation_id, seq, version, changed_at, id, sender_id, body, created_at)
select pg_temp.id(case when n % 2 = 0 then 1 else n / 2 % 2000 + 1 end), n, n, now(), pg_temp.id(n), pg_temp.id(1), 'x', now()
from generate_series(1, 100000) n;
insert into message_words (message_id, conversation_id, sent_at, words)
select m.id, m.conversation_id, m.created_at,
    format('''%1$scommon'' ''%1$sword%2$s''', search_key(m.conversation_id), m.seq % 5000)::tsvector
from messages m;
insert into message_words_stored (conversation_id, seq) select conversation_id, max(seq) from messages group by 1;
analyze
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(postgres: Server) -> Iterator[str]:
    """Return the address of a database with messages. What a test changes in it, it takes back."""
    with cloned(postgres.url, "filled") as url:
        run(execute(url, FILL))
        yield url


async def explained(connection: asyncpg.Connection, sql: str, *args: object) -> list[dict[str, Any]]:
    """Return the steps of a plan after it has run."""
    plan = json.loads(await connection.fetchval("explain (analyze, format json) " + sql, *args))
    return steps(plan[0]["Plan"])


async def test_a_search_goes_by_the_words_of_each_conversation(connection: asyncpg.Connection) -> None:
    for plan, who, (q, most) in itertools.product(("custom", "generic"), (BUSY, QUIET), QUERIES):
        await connection.execute(f"set plan_cache_mode = force_{plan}_plan")
        asked = await ASKED(connection, q)
        found = await explained(connection, FIND.sql, who, None, asked, BEGINNING.at, BEGINNING.id, 21)
        words = [step for step in found if step.get("Relation Name") == "message_words"]
        assert {step["Node Type"] for step in words} == {"Bitmap Heap Scan"}, (plan, who, q)
        indexes = {step["Index Name"] for step in found if step["Node Type"] == "Bitmap Index Scan"}
        assert indexes >= {"message_words_search"}, (plan, who, q)
        assert not indexes & {"message_words_pkey"}, (plan, who, q)
        assert not [step for step in found if step["Node Type"] == "Seq Scan" and step["Relation Name"] == "messages"]
        assert found[0]["Actual Rows"] <= most, (plan, who, q)


async def test_storing_words_reads_only_what_is_new_and_a_page_of_conversations(connection: asyncpg.Connection) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("delete from message_words_stored where conversation_id = any ($1)", [CROWD, OTHER])
    found = await explained(connection, STORE.sql, [CROWD, OTHER, UUID(int=5)], ["onswift"], 10)
    read = [step for step in found if step.get("Relation Name") == "messages"]
    assert "Seq Scan" not in {step["Node Type"] for step in read}
    assert sum(step["Actual Rows"] * step["Actual Loops"] for step in read) <= 20
    found = await explained(connection, MISSING.sql, ["onswift"], START, 100)
    assert sum(step["Actual Rows"] for step in found if step.get("Relation Name") == "conversations") <= 100
    await transaction.rollback()
