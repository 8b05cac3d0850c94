"""The hot queries use their index, on tables with enough rows for Postgres to mean it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from core import conversations, identity, messages, notifications, rooms, sessions
from core.clock import now
from core.db import Query
from core.ids import uuid7

USER = UUID(int=1)
CONVERSATION = UUID(int=1)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
FILL = """
create function pg_temp.id(n int) returns uuid language sql immutable as
    $$ select ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
insert into users (id, market, email, password_hash, name, role)
select pg_temp.id(n), 'onswift', n || '@example.com', '', 'x', 'creator' from generate_series(1, 3000) n;
insert into sessions (id, user_id) select id, id from users;
insert into refresh_tokens (id, session_id, issued_at) select id, id, now() from users;
insert into conversations (id, market, kind, title, last_seq, version, last_message_at)
select id, 'onswift', 'group', 'x', 20, 20, now() from users;
insert into members (conversation_id, user_id)
select pg_temp.id(n), pg_temp.id((n + k * 37) % 3000 + 1) from generate_series(1, 3000) n, generate_series(0, 7) k;
insert into members (conversation_id, user_id) select id, id from users;
insert into messages (conversation_id, seq, version, changed_at, id, sender_id, client_id, body, created_at)
select c.id, n, n, now(), gen_random_uuid(), c.id, 'c' || n, 'x', now() from conversations c, generate_series(1, 20) n;
insert into reactions (conversation_id, seq, emoji, user_id)
select id, n, 'x', id from conversations, generate_series(1, 5) n;
insert into mentions (conversation_id, seq, user_id)
select id, n, id from conversations, generate_series(1, 5) n;
insert into notifications (id, user_id, type, title, message, fold_key, fold_seq)
select gen_random_uuid(), user_id, 'message_received', 'x', 'x', conversation_id, 1 from members;
analyze
"""


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection to a database with rows."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(FILL)
    yield connection
    await connection.close()


def steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all steps of a plan."""
    return [plan, *(step for part in plan.get("Plans", []) for step in steps(part))]


async def plan_of(connection: asyncpg.Connection, query: Query, *args: object) -> list[dict[str, Any]]:
    explained = json.loads(await connection.fetchval("explain (format json) " + query.sql, *args))
    return steps(explained[0]["Plan"])


HOT: list[tuple[Query, tuple[object, ...], set[str]]] = [
    (messages.PAGE_BEFORE, (CONVERSATION, 15, 10), {"messages_pkey", "reactions_pkey", "mentions_pkey"}),
    (messages.CHANGES, ([CONVERSATION], [15], [18], 20), {"messages_version"}),
    (messages.NEWEST, ([CONVERSATION], [15], [10]), {"messages_pkey"}),
    (messages.STOOD_AT, ([CONVERSATION], [MOMENT]), {"messages_pkey", "messages_version"}),
    (messages.BY_ID, (CONVERSATION, UUID(int=3)), {"messages_id"}),
    (messages.SEQ_OF, (CONVERSATION, UUID(int=3)), {"messages_id"}),
    (conversations.LIST_OF_USER, (USER, 20, 0), {"members_user", "conversations_pkey", "messages_pkey"}),
    (conversations.STANDING, (CONVERSATION, USER, "onswift"), {"conversations_pkey", "members_pkey"}),
    (rooms.LIVE_SESSIONS, ([USER],), {"sessions_pkey", "users_pkey"}),
    (rooms.ROOM_STATES, ([CONVERSATION],), {"conversations_pkey"}),
    (rooms.ROOM_MEMBERS, ([CONVERSATION],), {"members_pkey"}),
    (identity.USER_BY_EMAIL, ("onswift", "1@example.com"), {"users_email"}),
    (sessions.LOCK_REFRESH_TOKEN, (USER, "onswift"), {"refresh_tokens_pkey"}),
    (notifications.LIST_OF_USER, (USER, None, 20, 0), {"notifications_user"}),
    (notifications.WRITTEN_SINCE, (UUID(int=2**128 - 1),), {"messages_id"}),
    (
        notifications.FOLD_MESSAGES,
        ([CONVERSATION], now()),
        {"conversations_pkey", "messages_pkey", "members_pkey", "notifications_told"},
    ),
]


async def test_the_hot_queries_use_their_indexes_and_scan_no_table(connection: asyncpg.Connection) -> None:
    for query, args, indexes in HOT:
        plan = await plan_of(connection, query, *args)
        assert indexes <= {step.get("Index Name", "") for step in plan}, query.sql
        assert [step["Relation Name"] for step in plan if step["Node Type"] == "Seq Scan"] == [], query.sql


async def test_an_append_finds_repeats_and_replies_by_index(connection: asyncpg.Connection) -> None:
    reply_to = await connection.fetchval("select id from messages where conversation_id = $1 and seq = 5", CONVERSATION)
    arrays = [[uuid7(), uuid7()], [CONVERSATION] * 2, [USER] * 2, ["c7", "new"], ["x"] * 2, [None, reply_to], [], []]
    async with connection.transaction():
        rows = await connection.fetch("select * from append_messages($1, $2, $3, $4, $5, $6, $7, $8)", *arrays)
        scans = await connection.fetch(
            "select relname, seq_scan from pg_stat_xact_user_tables where relname in ('messages', 'members')"
        )
    assert [row["repeated"] for row in rows] == [True, False]
    assert {row["relname"]: row["seq_scan"] for row in scans} == {"messages": 0, "members": 0}
