"""The queries of webhooks, actions made offline and broadcasts use their indexes, on tables with many rows."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from cli.embedded.process import Server
from core import broadcasts, sync_actions
from core.base.clock import now
from core.platform.db import Query
from core.webhooks import deliveries, endpoints
from tests.databases import cloned, execute, run

ONE = UUID(int=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FILL = """
create function pg_temp.id(n int) returns uuid language sql immutable as
    $$ select ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
insert into users (id, market, email, password_hash, name, role)
select pg_temp.id(n), 'bazaar', n || '@example.com', '', 'x', 'seller' from generate_series(1, 3000) n;
insert into webhook_endpoints (id, market, user_id, url, events, hears_all, secret, created_at)
select id, market, id, 'x', array['listing.sold'], id = pg_temp.id(7), '', now() from users;
insert into webhook_deliveries (id, endpoint_id, event, data, created_at, status, due_at)
select gen_random_uuid(), id, 'listing.sold', '{}', now() - random() * interval '30 days',
    case when n = 1 then 'pending' else 'delivered' end,
    case when n = 1 then now() + interval '1 hour' end
from users, generate_series(1, 20) n;
insert into webhook_deliveries (id, endpoint_id, event, data, created_at, due_at)
select gen_random_uuid(), pg_temp.id(5), 'listing.sold', '{}', now(), now() from generate_series(1, 20000);
insert into sync_actions (user_id, client_id, type, state, at)
select id, n::text, 'x', 'refused', now() from users, generate_series(1, 10) n;
insert into broadcasts (market, version, kind, data, author, created_at)
select 'bazaar', n, 'flags', '{}', 'olga', now() from generate_series(1, 5000) n;
analyze
"""


@pytest.fixture(scope="module")
def filled(postgres: Server) -> Iterator[str]:
    with cloned(postgres.url, "filled_hooks") as url:
        run(execute(url, FILL))
        yield url


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(filled)
    yield connection
    await connection.close()


def steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(step for part in plan.get("Plans", []) for step in steps(part))]


HOT: list[tuple[Query, tuple[object, ...], set[str]]] = [
    (deliveries.HEARING, ("bazaar", "listing.sold", [ONE], ["admin"]), {"webhook_endpoints_user"}),
    (deliveries.TAKE, (now(), now(), 50, ["bazaar"], [ONE]), {"webhook_endpoints_pkey", "webhook_deliveries_due"}),
    (deliveries.NEXT, (ONE, now()), {"webhook_deliveries_due", "webhook_endpoints_pkey"}),
    (deliveries.PAGE, (ONE, 20, now(), ONE, None), {"webhook_deliveries_page"}),
    (deliveries.FORGET, (LONG_AGO, 1000), {"webhook_deliveries_created"}),
    (endpoints.OF_USER, (ONE,), {"webhook_endpoints_user"}),
    (sync_actions.FAILED, (ONE,), {"sync_actions_pkey"}),
    (sync_actions.LAST, (ONE,), {"sync_actions_pkey"}),
    (sync_actions.FORGET, (LONG_AGO, 1000), {"sync_actions_at"}),
    (broadcasts.SINCE, ("bazaar", 4990, 100), {"broadcasts_pkey"}),
    (broadcasts.LAST, ("bazaar",), {"broadcasts_pkey"}),
]


@pytest.mark.parametrize(("query", "args", "indexes"), HOT)
async def test_a_query_uses_its_indexes_and_scans_no_table(
    connection: asyncpg.Connection, query: Query, args: tuple[object, ...], indexes: set[str]
) -> None:
    explained = json.loads(await connection.fetchval("explain (format json) " + query.sql, *args))
    plan = steps(explained[0]["Plan"])
    assert indexes <= {step.get("Index Name", "") for step in plan}, query.sql
    assert [step["Relation Name"] for step in plan if step["Node Type"] == "Seq Scan"] == [], query.sql


async def test_looking_for_what_is_due_reads_one_delivery_of_an_endpoint_however_many_wait(
    connection: asyncpg.Connection,
) -> None:
    async with connection.transaction():
        before = await connection.fetchval("select pg_stat_get_xact_tuples_fetched('webhook_deliveries'::regclass)")
        taken = await connection.fetch(deliveries.TAKE.sql, now(), now(), 50, ["bazaar"], None)
        after = await connection.fetchval("select pg_stat_get_xact_tuples_fetched('webhook_deliveries'::regclass)")
    assert [row["id"] for row in taken] == [UUID(int=5)]
    assert after - before < 100
