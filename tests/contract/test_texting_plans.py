"""What hooks, gates and tidying ask of texts and verifications is found by index."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from cli.embedded.process import Server
from core.platform.db import Query
from core.texting import sent
from core.verification import requests
from tests.contract.test_plans import plan_of
from tests.databases import cloned, execute, run

USER, MOMENT = UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)
FILL = """
create function pg_temp.id(n int) returns uuid language sql immutable as
    $$ select ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
insert into users (id, market, email, password_hash, name, role)
select pg_temp.id(n), 'bazaar', n || '@example.com', '', 'x', 'buyer' from generate_series(1, 5000) n;
insert into texts_sent (id, market, user_id, channel, number_hash, country, template, parts, state, provider_id, created_at,
    claimed_until)
select id, 'bazaar', id, 'sms', 'x', 1, 'code', 1, 'sent', 'SM' || id, now() - interval '1 hour' * random() * 700, now()
from users;
insert into verifications (id, market, user_id, kind, state, person_hash, ref, created_at, expires_at, decided_at)
select id, 'bazaar', id, 'identity', case when n % 10 = 0 then 'pending' when n % 10 < 9 then 'approved' else 'rejected' end,
    sha256(id::text::bytea), 'r' || id, now(), now(), case when n % 10 > 0 then now() end
from (select id, row_number() over () as n from users) u;
analyze;
"""


@pytest.fixture(scope="module")
def filled(postgres: Server) -> Iterator[str]:
    with cloned(postgres.url, "texting_plans") as url:
        run(execute(url, FILL))
        yield url


@pytest.mark.parametrize(
    ("query", "args", "indexes"),
    [
        (
            sent.TELL,
            ([USER], ["x"], ["sent"], [None], [""], MOMENT),
            {"texts_sent_pkey", "texts_sent_provider"},
        ),
        (sent.FORGET, (MOMENT, 100), {"texts_sent_created"}),
        (requests.IS_VERIFIED, (USER, "identity"), set()),  # by either index of users
        (requests.VALID, (USER, "identity"), {"verifications_valid"}),
        (requests.OF_USER, (USER,), {"verifications_user"}),
        (requests.FIND, ("bazaar", "identity", USER, "r"), {"verifications_pkey", "verifications_ref"}),
        (requests.EXPIRE, (MOMENT, 100), {"verifications_open"}),
        (requests.FORGET, (MOMENT, 100), {"verifications_decided"}),
    ],
    ids=lambda one: one.sql[:40] if isinstance(one, Query) else "",
)
async def test_it_is_found_by_index(filled: str, query: Query, args: tuple[object, ...], indexes: set[str]) -> None:
    connection = await asyncpg.connect(filled)
    try:
        plan = await plan_of(connection, query, *args)
    finally:
        await connection.close()
    assert indexes <= {step.get("Index Name", "") for step in plan}, query.sql
    assert [step["Relation Name"] for step in plan if step["Node Type"] == "Seq Scan"] == []
