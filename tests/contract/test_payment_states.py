"""The tables of states are those of the database, which holds them whoever writes."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from core.base.ids import uuid7
from core.payments.states import DISPUTE, INTENT, REFUND, Moves

TABLES = {"intent": INTENT, "refund": REFUND, "dispute": DISPUTE}
INSERT = """
    insert into payment_intents (id, market, payer_id, purpose, subject_id, title, account, amount, fee, currency, is_manual,
        provider, state, captured, created_at, updated_at, expires_at)
    values ($1, 'x', $1, 'x', $1, 'x', '', 1000, 0, 'USD', false, 'x', $2, 1000, now(), now(), now())"""
REFUND_OF = "insert into payment_refunds (id, intent_id, amount, state, created_at) values ($1, $2, $3, $4, now())"


@pytest.fixture
async def filled(database_url: str) -> str:
    """Return the address of the database that is used here."""
    return database_url


@pytest.mark.parametrize("kind", TABLES)
async def test_the_database_allows_what_the_table_says(connection: asyncpg.Connection, kind: str) -> None:
    moves = TABLES[kind]
    for old in moves:
        for new in moves:
            allowed = await connection.fetchval("select payment_may_become($1, $2, $3)", kind, old, new)
            assert allowed == (old == new or new in moves[old]), f"{old} -> {new}"


@pytest.mark.parametrize("kind", TABLES)
def test_every_state_is_reached_and_leads_to_known_ones(kind: str) -> None:
    moves: Moves = TABLES[kind]
    first = next(iter(moves))
    reached, todo = {first}, [first]
    while todo:
        new = moves[todo.pop()] - reached
        reached |= new
        todo += new
    assert reached == moves.keys()


async def test_an_intent_that_was_paid_stays_so(connection: asyncpg.Connection) -> None:
    id = await _intent(connection)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("update payment_intents set state = 'failed' where id = $1", id)


async def test_refunds_of_several_connections_never_exceed_what_was_captured(
    connection: asyncpg.Connection, filled: str
) -> None:
    id = await _intent(connection)

    async def refund() -> None:
        other = await asyncpg.connect(filled)
        try:
            await other.execute(REFUND_OF, uuid7(), id, 400, "requested")
        finally:
            await other.close()

    done = await asyncio.gather(*(refund() for _ in range(6)), return_exceptions=True)
    assert [type(one) for one in done if one] == [asyncpg.CheckViolationError] * 4
    assert await connection.fetchval("select refunding from payment_intents") == 800
    await connection.execute("update payment_refunds set state = 'failed'")
    assert await connection.fetchval("select refunding from payment_intents") == 0


async def test_one_refund_of_a_payment_is_under_way(connection: asyncpg.Connection) -> None:
    id = await _intent(connection)
    await connection.execute(REFUND_OF, uuid7(), id, 1, "sent")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(REFUND_OF, uuid7(), id, 1, "sent")


async def _intent(connection: asyncpg.Connection) -> UUID:
    id = uuid7()
    await connection.execute(
        "insert into users (id, market, password_hash, name, role) values ($1, 'x', '', 'x', 'x')", id
    )
    await connection.execute(INSERT, id, "succeeded")
    return id
