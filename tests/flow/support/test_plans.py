"""What runs often uses its index, on tables with enough rows for Postgres to mean it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.platform.db import Query
from core.support import desk, following, tickets
from core.support.states import WRITTEN
from tests.flow.support.conftest import Support

pytestmark = pytest.mark.parametrize("env", ["bazaar"], indirect=True)
FILL = """
insert into users (id, market, email, password_hash, name, role)
select gen_random_uuid(), 'bazaar', 'plan' || n || '@example.com', '', 'x', case when n % 2 = 0 then 'agent' else 'buyer' end
from generate_series(1, 200) n;
insert into support_agents (user_id, market, capacity, is_available)
select id, 'bazaar', 5, true from users where role = 'agent' and email like 'plan%';
insert into conversations (id, market, kind) select gen_random_uuid(), 'bazaar', 'support' from generate_series(1, 6000);
insert into support_tickets (id, market, customer_id, category, priority, description, created_at, state, resolved_at, agent_id)
select c.id, 'bazaar', (select id from users where email = 'plan' || (n % 100 * 2 + 1) || '@example.com'), 'other', 'low', '',
    now(), case when n % 20 = 0 then 'open' else 'closed' end, case when n % 20 <> 0 then now() end,
    case when n % 20 <> 0 then (select id from users where email = 'plan' || (n % 100 * 2 + 2) || '@example.com') end
from (select id, row_number() over () as n from conversations where kind = 'support') c;
analyze users, support_agents, conversations, support_tickets"""
NOW = datetime(2027, 1, 1, tzinfo=UTC)
NOBODY = UUID(int=1)
PAGE = (NOBODY, "bazaar", None, 21, NOW, NOBODY)


@pytest.mark.parametrize(
    ("query", "arguments", "index"),
    [
        (following.NEWS, ([NOBODY] * 50, "bazaar", list(WRITTEN)), "support_tickets_pkey"),
        (desk.PLACE, ("bazaar", ["agent"]), "support_tickets_waiting"),
        (following.DUE, ("bazaar", NOW, 100), "support_tickets_due"),
        (tickets.PAGE["customer"], PAGE, "support_tickets_customer"),
        (tickets.PAGE["agent"], PAGE, "support_tickets_"),
        (tickets.PAGE["supervisor"], PAGE, "support_tickets_latest"),
    ],
    ids=["news", "place", "due", "customer", "agent", "supervisor"],
)
async def test_a_statement_uses_its_index(
    support: Support, query: Query, arguments: tuple[object, ...], index: str
) -> None:
    async with support.env.resources.db.acquire() as connection, connection.transaction():
        await connection.execute(FILL)
        rows = await connection.fetch(f"explain (costs off) {query.sql}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert index in plan, plan
    assert "Seq Scan on support_tickets" not in plan, plan
