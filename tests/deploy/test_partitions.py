"""migrations/optional/partitioned_messages.sql: applied while people talk; all goes on, in one part for each conversation."""

import re

import asyncpg
import pytest

from config.settings import Settings
from core.base.ids import uuid7
from core.messages.catchup import CHANGES
from core.messages.history import PAGE_BEFORE
from core.platform.migrate import MIGRATIONS
from tests.chaos.crowd import gathered
from tests.chaos.stage import Stage
from tests.contract.test_sql import declared, problems
from tests.deploy.test_runbook import stage as stage
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env
from tests.flow.conftest import two_hubs as two_hubs

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
DDL = (MIGRATIONS / "optional" / "partitioned_messages.sql").read_text()


async def partition(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(DDL)
    finally:
        await connection.close()


async def test_messages_are_split_while_people_talk_and_none_is_lost(stage: Stage) -> None:
    async with gathered(stage, conversations=8) as crowd:
        async with crowd.talking():
            await crowd.said(120)
            await partition(stage.servers.postgres.url)
            await crowd.said(120)
        assert await crowd.settled() == []


@pytest.fixture
def database_url(fresh_database_url: str) -> str:
    """Return the address of a database whose schema may change."""
    return fresh_database_url


@pytest.fixture
async def split(settings: Settings) -> str:
    """Return the address of a database that was split."""
    await partition(settings.database_url)
    return settings.database_url


async def test_replies_mentions_repeats_edits_and_history_work_on_parts(
    split: str, env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann, bob = [await env.chatter(name, url) for name, url in zip(("Ann", "Bob"), two_hubs, strict=True)]
    group = await env.group(ann.user, bob.user)
    for person in (ann, bob):
        await person.connect()
        await person.join(group)
    first = await ann.send(group, "First", clientId="one")
    again = await ann.send(group, "First", clientId="one")
    assert (again["id"], again["duplicate"]) == (first["id"], True)
    reply = await bob.send(group, "Second", replyTo=first["id"], mentions=[str(ann.user.id)])
    assert "error" not in reply
    assert (await bob.send(group, "None", replyTo=str(uuid7())))["error"]["code"] == "MESSAGE_NOT_FOUND"
    about = {"conversationId": str(group), "messageId": first["id"]}
    await ann.call("message:edit", **about, content="First, better")
    await bob.call("message:react", **about, emoji="👍")
    page = await env.resources.db.fetch(PAGE_BEFORE.sql, group, 2**62, 10)
    assert [(row["content"], row["reply_to"] is not None) for row in page][-2:] == [
        ("Second", True),
        ("First, better", False),
    ]
    changed = await env.resources.db.fetch(CHANGES.sql, [group], [0], [2**62], 10)
    assert [row["content"] for row in changed][-1] == "First, better"


async def test_each_declared_statement_works_on_parts_and_a_page_is_read_from_one(split: str) -> None:
    connection = await asyncpg.connect(split)
    try:
        wrong = {query.sql: found for query in declared() if (found := await problems(connection, query))}
        assert {sql: found for sql, found in wrong.items() if "messages" in sql} == {}
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain {PAGE_BEFORE.sql}", uuid7(), 100, 50))
        assert len(set(re.findall(r"messages_\d\d\b", plan))) == 1, plan
    finally:
        await connection.close()
