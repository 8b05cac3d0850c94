"""The hot queries use their index, on tables with enough rows for Postgres to mean it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from cli.embedded.process import Server
from core import reports, reviews
from core.accounts import credentials, email_changes, identity, logins, sessions
from core.accounts.phones import accounts
from core.base.clock import now
from core.base.ids import uuid7
from core.chat import blocking, blocks, conversations, groups, invitation_lists, membership, mutes, rooms
from core.files import table as files
from core.messages import catchup, editing, history, mentions, sync
from core.notifications import deliveries, notifications
from core.operations import inspection
from core.payments import books, ledger, statements
from core.payments.checkout import rows as payments
from core.payments.checkout import subscriptions, webhooks
from core.platform.db import Query
from core.privacy import erasure
from core.review_queue import table as review_tasks
from marketplaces.onswift.policy import POLICY
from marketplaces.onswift.queries import deliverables, projects, samples, users
from tests.databases import cloned, execute, run

USER = UUID(int=1)
CONVERSATION = UUID(int=1)
MESSAGE = UUID(int=2**127)  # among the UUIDv7
MINUTES = timedelta(minutes=1)
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
insert into invitations (id, conversation_id, user_id, invited_by, created_at)
select gen_random_uuid(), pg_temp.id(n), pg_temp.id((n + k * 41) % 3000 + 1), pg_temp.id(n), now()
from generate_series(1, 3000) n, generate_series(1, 10) k;
insert into blocks (user_id, blocked_id, created_at)
select pg_temp.id(n), pg_temp.id((n + k * 43) % 3000 + 1), now() from generate_series(1, 3000) n, generate_series(1, 5) k;
insert into mutes (user_id, muted_id, kind, created_at) select user_id, blocked_id, 'user', created_at from blocks;
insert into reports (id, market, reporter_id, user_id, message_id, reason, text, created_at, resolved_at)
select gen_random_uuid(), 'onswift', user_id, blocked_id, gen_random_uuid(), 'x', 'x', now(),
    case when random() < 0.9 then now() end
from blocks;
insert into review_tasks
    (id, market, kind, subject_type, subject_id, user_id, reason, facts, priority, excluded, created_at, due_at, state,
     decided_by, decided_at, held_by, held_until)
select gen_random_uuid(), 'onswift', 'report', 'user', gen_random_uuid(), pg_temp.id(n), 'x', '[]', n % 10, '{}', now(), now(),
    case when n % 4 = 0 then 'open' else 'dismiss' end, case when n % 4 <> 0 then 'operator:' || n % 9 end,
    case when n % 4 <> 0 then now() - n * interval '1 minute' end,
    case when n % 12 = 0 then 'operator:' || n % 9 end, case when n % 12 = 0 then now() end
from generate_series(1, 3000) n;
insert into review_notes (id, task_id, written_by, text, created_at)
select gen_random_uuid(), id, 'operator:x', 'x', now() from review_tasks;
insert into reactions (conversation_id, seq, emoji, user_id)
select id, n, 'x', id from conversations, generate_series(1, 5) n;
insert into mentions (conversation_id, seq, user_id)
select id, n, id from conversations, generate_series(1, 5) n;
insert into notifications (id, user_id, type, title, message, fold_key, fold_seq)
select gen_random_uuid(), user_id, 'message_received', 'x', 'x', conversation_id, 1 from members;
insert into notifications (id, user_id, type, title, message, mention_key, fold_seq)
select gen_random_uuid(), user_id, 'message_received', 'x', 'x', conversation_id, 3 from members;
insert into notification_preferences (user_id, type, push)
select id, type, false from users, unnest(array['message_received', 'x', 'y']) type;
insert into devices (id, user_id, session_id, platform, token, created_at) select id, id, id, 'fcm', id, now() from users;
insert into onswift.projects (id, creator_id, name, description, due_date, created_at, updated_at)
select id, id, 'x', 'x', now(), now(), now() from users;
insert into message_edits (conversation_id, seq, version, body, replaced_by)
select id, n, n, 'x', id from conversations, generate_series(1, 5) n;
insert into audit_log (id, market, actor_id, action, recorded_at)
select gen_random_uuid(), 'onswift', id, 'x', now() from users, generate_series(1, 5);
insert into one_time_tokens (hash, user_id, purpose, expires_at) select id::text::bytea, id, 'x', now() from users;
insert into email_changes (id, user_id, session_id, old_email, new_email, asked_at, expires_at)
select id, id, id, 'x', 'y', now(), now() from users;
insert into idempotency_keys (user_id, key, fingerprint, created_at, named)
select id, 'x', '', now(), array[id] from users;
insert into feeds (user_id, hash, created_at) select id, sha256(id::text::bytea), now() from users;
insert into ratings (subject_id, rating_sum, rating_count) select id, 5, 1 from users;
insert into onswift.profiles (user_id) select id from users;
insert into onswift.project_team (id, project_id, user_id, joined_at)
select gen_random_uuid(), pg_temp.id(n), pg_temp.id((n + k * 37) % 3000 + 1), now()
from generate_series(1, 3000) n, generate_series(0, 3) k;
insert into onswift.tasks (id, project_id, name, assignee_id, due_date, created_at, updated_at)
select id, id, 'x', id, now(), now(), now() from users;
insert into onswift.deliverables
    (id, project_id, task_id, submitted_by_id, title, description, submitted_at, updated_at)
select gen_random_uuid(), id, id, id, 'x', 'x', now(), now() from users, generate_series(1, 5);
insert into onswift.task_comments (id, task_id, author_id, content, created_at)
select gen_random_uuid(), id, id, 'x', now() from users, generate_series(1, 5);
insert into onswift.project_samples (id, project_id, name, type, url, created_at)
select gen_random_uuid(), id, 'x', 'link', 'x', now() from users, generate_series(1, 5);
insert into reviews (id, subject_id, author_id, rating, text, created_at, updated_at)
select gen_random_uuid(), pg_temp.id(n), pg_temp.id((n + k) % 3000 + 1), 5, 'x', now(), now()
from generate_series(1, 3000) n, generate_series(1, 10) k;
insert into files (id, market, owner_id, purpose, key, file_name, mime_type, size, status, entity_id, created_at)
select gen_random_uuid(), 'onswift', id, 'sample', 'x', 'x', 'x', 1, 'released', id, now() from users, generate_series(1, 5);
insert into files (id, market, owner_id, purpose, key, file_name, mime_type, size, session_id, created_at)
select gen_random_uuid(), 'onswift', id, 'sample', 'x', 'x', 'x', 1, id, now() from users;
insert into one_time_tokens (hash, user_id, purpose, expires_at) select uuid_send(id), id, 'password reset', now() from users;
insert into ledger_accounts (id, market, owner_id, kind, currency, may_owe) select id, market, id, 'x', 'USD', true from users;
insert into ledger_transfers (id, market, key, fingerprint, kind, status, account_ids, amounts, reverses_id, facts)
select pg_temp.id(n * 3 + k), 'onswift', n || ':' || k, '', 'x', 'posted', array[pg_temp.id(n), pg_temp.id(n + 1500)],
    case k when 2 then '{2,-2}'::bigint[] else '{-5,5}' end, case k when 2 then pg_temp.id(n * 3 + 1) end, '{}'
from generate_series(1, 1500) n, generate_series(0, 2) k order by k;
insert into payment_intents (id, market, payer_id, payee_id, purpose, subject_id, title, account, amount, fee, currency,
    is_manual, provider, ref, state, captured, attention, created_at, updated_at, expires_at, check_at)
select gen_random_uuid(), 'onswift', id, id, 'x', gen_random_uuid(), 'x', 'x', 2, 0, 'USD', false, 'x', id || ':' || n,
    case n when 1 then 'pending' else 'succeeded' end, 2, case when random() < 0.01 then 'x' else '' end, now(), now(), now(),
    case when random() < 0.1 then now() end
from users, generate_series(1, 3) n;
insert into payment_refunds (id, intent_id, amount, state, requested_by, created_at)
select gen_random_uuid(), id, 1, 'requested', payer_id, now() from payment_intents where captured > 0;
insert into payment_events (id, market, provider, event_id, type, about, ref, state, received_at, check_at)
select gen_random_uuid(), 'onswift', 'x', id || ':' || n, 'x', 'payment', 'x', 'done', now(),
    case when random() < 0.1 then now() end
from users, generate_series(1, 3) n;
insert into payment_subscriptions (id, market, user_id, plan, amount, currency, provider, ref, created_at, updated_at, check_at)
select id, 'onswift', id, 'x', 1, 'USD', 'x', id, now(), now(), case when random() < 0.1 then now() end from users;
insert into entitlements (user_id, market, name, source, expires_at)
select id, 'onswift', n::text, id, now() from users, generate_series(1, 5) n;
analyze
"""


@pytest.fixture(scope="module")
def filled(postgres: Server) -> Iterator[str]:
    """Return the address of a database with rows. What the tests of a file change in it they take back."""
    with cloned(postgres.url, "filled") as url:
        run(execute(url, FILL))
        yield url


def steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all steps of a plan."""
    return [plan, *(step for part in plan.get("Plans", []) for step in steps(part))]


async def plan_of(connection: asyncpg.Connection, query: Query, *args: object) -> list[dict[str, Any]]:
    explained = json.loads(await connection.fetchval("explain (format json) " + query.sql, *args))
    return steps(explained[0]["Plan"])


HOT: list[tuple[Query, tuple[object, ...], set[str]]] = [
    (history.PAGE_BEFORE, (CONVERSATION, 15, 10), {"messages_pkey", "reactions_pkey", "mentions_pkey"}),
    (catchup.CHANGES, ([CONVERSATION], [15], [18], 20), {"messages_version"}),
    (sync.SIZES, ([CONVERSATION], [15], [18], 20), {"messages_version"}),
    (catchup.CHANGES_WITHIN, ([CONVERSATION], [15], [18], 20, 1000), {"messages_version"}),
    (catchup.NEWEST, ([CONVERSATION], [15], [10], 1000), {"messages_pkey"}),
    (catchup.STOOD_AT, ([CONVERSATION], [MOMENT]), {"messages_pkey", "messages_version"}),
    (history.BY_ID, (CONVERSATION, MESSAGE), {"messages_id"}),
    (mentions.OF_MESSAGE, (CONVERSATION, MESSAGE), {"messages_id", "mentions_pkey"}),
    (
        mentions.NOTIFY,
        (CONVERSATION, UUID(int=3), 3, UUID(int=2), [UUID(int=4)], [USER]),
        {"members_pkey", "notifications_told", "devices_user"},
    ),
    (mentions.TAKE_BACK, (CONVERSATION, 3, [USER]), {"members_pkey", "notifications_told", "notifications_mention"}),
    (history.SEQ_OF, (CONVERSATION, MESSAGE), {"messages_id"}),
    (conversations.LIST_OF_USER, (USER, 20, 0, now(), USER), {"members_user", "conversations_pkey", "messages_pkey"}),
    (membership.STANDING, (CONVERSATION, USER, "onswift"), {"conversations_pkey", "members_pkey"}),
    (groups.KNOWN, (USER, [UUID(int=n) for n in range(2, 102)], CONVERSATION), {"members_user", "members_pkey"}),
    (projects.COLLEAGUES, (USER, [UUID(int=2)]), {"projects_creator", "project_team_user", "projects_pkey"}),
    (invitation_lists.LIST_OF_USER, (USER, 20, 0, USER), {"invitations_user", "members_pkey"}),
    (
        groups.REFUSED,
        (CONVERSATION, [UUID(int=n) for n in range(2, 102)], MOMENT, USER),
        {"members_user", "conversations_pkey"},
    ),
    (projects.HAS_LEFT, (CONVERSATION, USER, MOMENT), {"project_team_project_id_user_id_key"}),
    (
        invitation_lists.LIST_OF_GROUP,
        (CONVERSATION, 20, 0, UUID(int=2**128 - 1)),
        {"invitations_conversation_id_user_id_key"},
    ),
    (blocks.BETWEEN, (USER, [UUID(int=n) for n in range(2, 102)]), {"blocks_pkey"}),
    (blocks.OF_USERS, ([USER],), {"blocks_pkey", "blocks_blocked"}),
    (blocking.LIST_OF_USER, (USER, 20, 0, now(), USER), {"blocks_pkey"}),
    (blocking.SET_PAIR, ("onswift", "1:2", USER, UUID(int=2)), {"conversations_pair", "blocks_pkey"}),
    (mutes.LIST_OF_USER, (USER, MOMENT, 20, 0, now(), USER), {"mutes_pkey"}),
    (mutes.COUNT, (USER, MOMENT), {"mutes_pkey"}),
    (reports.PAGE, (UUID(int=2**127), 20, None, None, None), {"reports_pkey"}),
    (reports.PAGE, (None, 20, USER, None, None), {"reports_user"}),
    (reports.PAGE, (UUID(int=2**127), 20, None, True, None), {"reports_open"}),
    (reports.COUNT, (None, True, None), {"reports_open"}),
    (reports.FORGET, (MOMENT, 100), {"reports_created"}),
    (review_tasks.TAKE_NEXT, ("operator:x", ["onswift/report"], MINUTES), {"review_tasks_queue", "review_tasks_pkey"}),
    (review_tasks.HELD, ("operator:x", None), {"review_tasks_held"}),
    (review_tasks.UNDECIDED, ("operator:x", ["onswift/report"], True, False, 20, 0), {"review_tasks_queue"}),
    (review_tasks.DECIDED, ("operator:x", ["onswift/report"], False, 20, 0), {"review_tasks_decided"}),
    (review_tasks.OPEN_ABOUT, ("onswift", "report", USER), {"review_tasks_once"}),
    (review_tasks.OF_SUBJECT, ("operator:x", "onswift", USER, ["report"], 20), {"review_tasks_subject"}),
    (review_tasks.NOTES, (USER, 20), {"review_notes_task"}),
    (review_tasks.FORGET, (MOMENT, 100), {"review_tasks_decided"}),
    (logins.LIVE_SESSIONS, ([USER],), {"sessions_pkey", "users_pkey"}),
    (rooms.ROOM_STATES, ([CONVERSATION],), {"conversations_pkey"}),
    (rooms.ROOM_MEMBERS, ([CONVERSATION],), {"members_pkey"}),
    (inspection.USERS_BY_WORDS, ("ann", 20, 1000), {"users_pkey"}),
    (inspection.USERS_BY_EMAIL, (["onswift"], ["1@example.com"]), {"users_email_canonical"}),
    (inspection.MEMBERS, (CONVERSATION, None, 100), {"members_pkey"}),
    (inspection.MESSAGES_AFTER, (CONVERSATION, 15), {"messages_pkey"}),
    (inspection.MESSAGE, (MESSAGE,), {"messages_id"}),
    (reviews.PAGE, (USER, 20, 0, now(), USER), {"reviews_subject"}),
    (reviews.SUMMARY, (USER,), {"reviews_subject"}),
    (
        deliverables.LIST_OF_CREATOR,
        (USER, None, None, 20, 0, now(), USER),
        {"projects_creator", "deliverables_project"},
    ),
    (deliverables.LIST_OF_SUBMITTER, (USER, None, None, 20, 0, now(), USER), {"deliverables_submitter"}),
    (deliverables.OF_TASK, (USER,), {"deliverables_task"}),
    (samples.OF_PROJECT, (USER,), {"project_samples_project"}),
    (files.OF_ENTITIES, ([USER],), {"files_entity"}),
    (files.DETACH, (USER, MOMENT), {"files_entity"}),
    (files.LEFTOVER, (MOMENT, 100, MOMENT), {"files_leftover"}),
    (credentials.END_UNUSED_UPLOADS, ([USER],), {"files_session"}),
    (credentials.END_DEVICES, ([USER],), {"devices_session"}),
    (credentials.END_ONE_TIME_TOKENS, (USER,), set()),  # either index by user
    (credentials.END_EMAIL_CHANGES, (USER,), set()),  # likewise
    (accounts.LOCK_BY_PHONE, ("onswift", ["+12025550101"]), {"users_phone"}),
    (accounts.LOGIN_BY_PHONE, ("onswift", ["+12025550101"], "127.0.0.1", ""), {"users_phone", "sessions_familiar"}),
    (logins.REFUSED_SESSIONS, ([USER],), {"sessions_pkey", "users_pkey"}),
    (email_changes.FORGET, (MOMENT, 100), {"email_changes_expired"}),
    (users.PROFILE, (USER,), {"users_pkey"}),
    (files.OF_OWNER, (USER, 20), {"files_owner"}),
    (editing.FORGET_EARLIER_TEXTS, (MOMENT, 100), {"message_edits_replaced"}),
    (erasure.ERASED_SINCE, (MOMENT,), {"users_deleted"}),
    (
        erasure.ANSWERS_THAT_NAME,
        (UUID(int=2), UUID(int=0), "", 500),
        {"idempotency_keys_named", "idempotency_keys_unnamed"},
    ),
    (groups.GROUPS_OF, (USER, 100), {"members_user", "conversations_pkey"}),
    (files.UNCHECKED, (MOMENT, 100), {"files_unchecked"}),
    (identity.USER_BY_EMAIL, ("onswift", ["1@example.com"]), {"users_email_canonical"}),
    (
        identity.LOGIN_BY_EMAIL,
        ("onswift", ["1@example.com"], "127.0.0.1", ""),
        {"users_email_canonical", "sessions_familiar"},
    ),
    (sessions.LIST_OF_USER, (USER, USER, MOMENT), {"refresh_tokens_session"}),
    (sessions.END, (USER, None, MOMENT, ""), {"sessions_pkey"}),
    (sessions.END_OF_USER, (USER, USER, MOMENT, ""), set()),  # either index by user: here each has one session
    (sessions.LOCK_SESSION_OF_TOKEN, (USER,), {"refresh_tokens_pkey", "sessions_pkey"}),
    (logins.HOLD, (USER,), {"sessions_pkey"}),
    (sessions.FORGET_EXPIRED, (MOMENT, 100), {"refresh_tokens_issued", "sessions_pkey"}),
    (sessions.REFRESH_TOKEN, (USER, "onswift"), {"refresh_tokens_pkey"}),
    (notifications.LIST_OF_USER, (USER, None, 20, 0, now(), USER), {"notifications_user"}),
    (notifications.WRITTEN_SINCE, (UUID(int=2**128 - 1), now()), {"messages_id", "messages_bigint"}),
    (statements.STATEMENT, (USER, 2, 20), {"ledger_entries_pkey", "ledger_transfers_pkey"}),
    (statements.BALANCES, (USER, "onswift"), {"ledger_accounts_owner_id_kind_currency_market_key"}),
    (ledger.BY_KEY, ("onswift", "1:1"), {"ledger_transfers_market_key_key"}),
    (ledger.LOCK, (UUID(int=4), "onswift"), {"ledger_transfers_pkey"}),
    (books.CLOSE, (100,), {"ledger_accounts_open"}),
    (payments.OPEN, ("onswift", "x", USER, USER), {"payment_intents_open"}),
    (payments.BY_REF, ("x", "x", "onswift"), {"payment_intents_provider_ref_key"}),
    (payments.PAGE_OF_USER, (USER, "onswift", MOMENT, USER, 20), {"payment_intents_payer", "payment_intents_payee"}),
    (payments.CLAIM, (MOMENT, 5, MOMENT, "onswift"), {"payment_intents_check", "payment_intents_pkey"}),
    (payments.WAITING, (USER, 20), {"payment_intents_attention"}),
    (payments.REFUNDS, (USER,), {"payment_refunds_intent"}),
    (webhooks.CLAIM, (MOMENT, 5, MOMENT, "onswift"), {"payment_events_check", "payment_events_pkey"}),
    (webhooks.FORGET, (MOMENT, 100), {"payment_events_received"}),
    (subscriptions.CLAIM, (MOMENT, 5, MOMENT, "onswift"), {"payment_subscriptions_check"}),
    (subscriptions.BY_REF, ("x", "x", "onswift"), {"payment_subscriptions_provider_ref_key"}),
    (subscriptions.ENTITLED, (USER, "onswift", "1", MOMENT), {"entitlements_pkey"}),
    (subscriptions.FORGET, (MOMENT, 100), {"entitlements_expired"}),
    (
        notifications.FOLD_MESSAGES,
        ([CONVERSATION], now()),
        {
            "conversations_pkey",
            "messages_pkey",
            "members_pkey",
            "notifications_told",
            "notification_preferences_pkey",
            "devices_user",
        },
    ),
    (
        deliveries.CLAIM,
        ([USER], False, True, now()),
        {"notifications_pkey", "notification_preferences_pkey", "devices_user", "sessions_pkey"},
    ),
]


async def test_the_hot_queries_use_their_indexes_and_scan_no_table(connection: asyncpg.Connection) -> None:
    for query, args, indexes in HOT:
        plan = await plan_of(connection, query, *args)
        assert indexes <= {step.get("Index Name", "") for step in plan}, query.sql
        assert [step["Relation Name"] for step in plan if step["Node Type"] == "Seq Scan"] == [], query.sql


async def test_operators_find_users_by_the_index_of_words(connection: asyncpg.Connection) -> None:
    scans = "select pg_stat_get_xact_numscans($1::text::regclass)"
    for q in ("ann", "2999", "example", "x exampel"):
        async with connection.transaction():
            await inspection.USERS_BY_WORDS(connection, q, 20, 1000)
            assert await connection.fetchval(scans, "user_search") == 0, q
            assert await connection.fetchval(scans, "user_search_words") > 0, q


# Those that grow with what is said and done; of the others an erasure may read the whole.
LARGE = {
    "audit_log", "conversations", "files", "idempotency_keys", "ledger_entries", "ledger_transfers", "members", "mentions",
    "message_edits", "messages", "notifications", "payment_events", "payment_intents", "payment_refunds", "reactions", "sessions",
    "users",
}  # fmt: skip


async def test_what_exports_and_erasures_run_reads_no_large_table_as_a_whole(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "set enable_seqscan = off"
    )  # some of these tables are small enough here to be read as a whole
    for one in POLICY.personal_data:
        statements = [(query, (USER,)) for query in (*([one.export] if one.export else []), *one.erase, *one.last)]
        for query, args in (*statements, *((later, (USER, 100)) for later in one.later)):
            plan = await plan_of(connection, query, *args)
            read = {step["Relation Name"] for step in plan if step["Node Type"] == "Seq Scan"}
            assert read & LARGE == set(), query.sql


async def test_a_reversal_finds_those_before_it_by_index(connection: asyncpg.Connection) -> None:
    # The body of ledger_open, whose plan nobody can see from outside.
    body = await connection.fetchval("select prosrc from pg_proc where proname = 'ledger_open'")
    asked = "explain (format json) " + re.sub(r"= transfer\b", "= $1", body)
    explained = json.loads(await connection.fetchval(asked, UUID(int=4)))
    plan = steps(explained[0]["Plan"])
    assert {"ledger_transfers_pkey", "ledger_transfers_reverses"} <= {step.get("Index Name", "") for step in plan}


READ = """
    select relname, (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables
    where relname in ('conversations', 'members', 'messages')"""


async def append(connection: asyncpg.Connection, *arrays: object) -> tuple[list[asyncpg.Record], dict[str, int]]:
    """Append messages and take them back; returns the answers and how many rows of each table were read for them."""
    transaction = connection.transaction()
    await transaction.start()
    before = dict(await connection.fetch(READ))
    answers = await connection.fetch("select * from append_messages($1, $2, $3, $4, $5, $6, $7, $8)", *arrays)
    after = dict(await connection.fetch(READ))
    await transaction.rollback()
    return answers, {table: read - before.get(table, 0) for table, read in after.items()}


async def test_an_append_finds_repeats_and_replies_by_index(connection: asyncpg.Connection) -> None:
    reply_to = await connection.fetchval("select id from messages where conversation_id = $1 and seq = 5", CONVERSATION)
    arrays = [[uuid7(), uuid7()], [CONVERSATION] * 2, [USER] * 2, ["c7", "new"], ["x"] * 2, [None, reply_to], [], []]
    answers, read = await append(connection, *arrays)
    assert [answer["repeated"] for answer in answers] == [True, False]
    assert read["messages"] == 2  # an index that fits less well would go through all messages of the conversation


async def test_the_one_plan_of_appends_reads_no_more_per_message_in_a_large_batch(
    connection: asyncpg.Connection,
) -> None:
    """It is made once for each connection, here by a batch of one."""
    members = await connection.fetch(
        "select conversation_id, user_id from members where conversation_id = user_id limit 200"
    )
    for batch in (members[:1], members):
        count = len(batch)
        ids, rooms, users = [uuid7() for _ in batch], [one[0] for one in batch], [one[1] for one in batch]
        names = [f"new {count} {place}" for place in range(count)]
        answers, read = await append(connection, ids, rooms, users, names, ["x"] * count, [None] * count, [], [])
        assert [answer["refusal"] for answer in answers] == [None] * count
        # The conversation to lock it, to number by it, to count in it; the member to be sure and to move the read position.
        assert read == {"conversations": 3 * count, "members": 2 * count, "messages": 0}
