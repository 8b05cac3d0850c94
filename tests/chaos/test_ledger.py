"""The books after processes were killed in the middle of their transfers."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from uuid import UUID

import asyncpg
import pytest

from core.base.ids import uuid7
from core.payments.books import books_balance
from core.payments.ledger import Account
from tests.chaos.hub import ROOT
from tests.chaos.servers import Servers
from tests.chaos.transfers import AT_ONCE, MARKET, STEPS, steps

pytestmark = pytest.mark.chaos

OWNERS = 4
KILLS = 4
BETWEEN = 25  # steps that are done before the next kill
PATIENCE = 60


async def start(servers: Servers, owners: list[UUID]) -> Process:
    dies_with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
    return await asyncio.create_subprocess_exec(
        *dies_with_us, sys.executable, "-m", "tests.chaos.transfers", servers.postgres.url, servers.redis.url,
        *map(str, owners), cwd=ROOT, env=dict(os.environ), stdout=PIPE,
    )  # fmt: skip


async def done(process: Process, most: int | None = None) -> list[str]:
    """Return the keys that a process says are done, `most` of them, or all until it ends."""
    assert process.stdout
    keys: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while (most is None or len(keys) < most) and (line := await process.stdout.readline()):
            keys.append(line.decode().strip())
    return keys


async def test_the_books_balance_after_kills_and_each_transfer_was_made_once(chaos_servers: Servers) -> None:
    db = await asyncpg.connect(chaos_servers.postgres.url)
    owners = [uuid7() for _ in range(OWNERS)]
    for owner in owners:
        await db.execute(
            "insert into users (id, market, email, password_hash, name, role) values ($1, 'onswift', $2, '', 'x', 'talent')",
            owner, f"{owner}@example.com",
        )  # fmt: skip
    acked: set[str] = set()
    for kill in range(1, KILLS + 1):
        process = await start(chaos_servers, owners)
        acked.update(await done(process, kill * BETWEEN))
        process.kill()
        await process.wait()
        stored = {row["key"] for row in await db.fetch("select key from ledger_transfers where market = $1", MARKET)}
        assert acked - stored == set()
        assert await books_balance(db) == []
    process = await start(chaos_servers, owners)
    assert len(await done(process)) == AT_ONCE * STEPS
    assert await process.wait() == 0
    expected = [0] * OWNERS
    for step in (step for place in range(AT_ONCE) for step in steps(place, OWNERS)):
        expected[step.giver] -= step.moved
        expected[step.receiver] += step.moved
    ids = [Account(owner, "debt", "USD").id(MARKET) for owner in owners]
    rows = await db.fetch("select id, posted, reserved from ledger_accounts where market = $1", MARKET)
    assert {row["id"]: (row["posted"], row["reserved"]) for row in rows} == {
        id: (amount, 0) for id, amount in zip(ids, expected, strict=True)
    }
    assert await books_balance(db) == []
    await db.close()
