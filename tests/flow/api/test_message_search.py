"""Members search in their own messages."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

import api.app
import marketplaces
from core.base.ids import uuid7
from core.base.publisher import Draft, Stored
from core.chat import blocking, conversations
from core.messages import editing
from core.messages import search as message_search
from core.messages.rows import MessageRow
from core.messages.search import START, store_missing, store_words
from core.platform.db import Many
from core.work.context import User
from marketplaces import onswift
from tests.flow.api.conftest import Api, Caller, Reply, serving
from tests.flow.conftest import Environment
from tests.policies import with_policy

SEARCH = "/conversations/messages/search"
BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@dataclass
class Talk:
    """Ann and Bob talk in a room; Eve is elsewhere."""

    api: Api
    env: Environment
    ann: User
    bob: User
    eve: User
    room: UUID

    async def say(self, *texts: str, room: UUID | None = None, who: User | None = None) -> list[Stored]:
        sender, place = who or self.ann, room or self.room
        drafts = [Draft(uuid7(), place, sender.person, text) for text in texts]
        stored = [await self.env.publisher.append(draft) for draft in drafts]
        await store_words(self.env.resources.db, ["onswift"], [place])
        return stored

    async def ask(self, q: str, who: User | None = None, **query: Any) -> Reply:
        caller = Caller(self.api.client, access_token=self.env.token(who or self.bob))
        return await caller.get(SEARCH, q=q, **query)

    async def found(self, q: str, who: User | None = None, **query: Any) -> list[str]:
        reply = await self.ask(q, who, **query)
        assert reply.status == 200, reply
        return [one["message"]["content"] for one in reply.body["results"]]

    async def stored(self) -> list[str]:
        return [str(row["words"]) for row in await self.env.resources.db.fetch("select words from message_words")]


@pytest.fixture
async def talk(api: Api, env: Environment) -> Talk:
    ann, bob, eve = [(await env.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    return Talk(api, env, ann, bob, eve, await env.group(ann, bob))


@pytest.mark.parametrize(
    ("text", "queries", "others"),
    [
        (
            "The budget for José's edits",
            ["budget", "BUDGET jose", "bud", "edit", "edits", "the"],
            ["get", "budgets for Eve"],
        ),
        ("Ищем редактора", ["редактор", "ищем", "РЕДАКТОРА"], ["тора"]),
        ("写真家の山田太郎さん", ["写真", "山田", "太郎", "山"], ["田山"]),
        ("김민수 님, 안녕하세요", ["민수", "김민수"], ["수민"]),
        ("الميزانية على الطاولة", ["الميزانيه", "علي"], ["كرسي"]),
        ("हिंदी में २०२६", ["हिन्दी", "2026"], ["तमिल"]),
        ("We write C++ and .NET", ["C++", ".NET", "c++ write"], ["C", "C#"]),
    ],
)
async def test_words_are_found_in_every_script_by_the_one_normal_form(
    talk: Talk, text: str, queries: list[str], others: list[str]
) -> None:
    await talk.say(text, "Something else")
    for query in queries:
        assert await talk.found(query) == [text], query
    for query in others:
        assert await talk.found(query) == [], query


async def test_a_hit_says_where_it_is_and_previews_it_as_plain_text_with_the_places_of_the_words(talk: Talk) -> None:
    _, long = await talk.say("<b>no</b> budget", "word " * 60 + "the Budget <b>is</b> here 👍 budgets " + "word " * 60)
    hit = (await talk.ask("budget")).body["results"][0]
    assert (hit["conversationId"], hit["seq"], hit["message"]["id"]) == (str(talk.room), long.seq, str(long.id))
    preview = hit["preview"]
    assert len(preview) <= 140
    assert preview in hit["message"]["content"]
    marked = [preview[one["start"] : one["start"] + one["length"]] for one in hit["matches"]]
    assert marked == ["Budget", "budgets"]
    await talk.say("明日写真家です")
    hit = (await talk.ask("写真")).body["results"][0]
    assert hit["matches"] == [{"start": 2, "length": 2}]


async def test_only_what_one_can_read_is_found(talk: Talk) -> None:
    await talk.say("a secret budget")
    assert await talk.found("budget", talk.eve) == []
    assert (await talk.ask("budget", talk.eve, conversationId=str(talk.room))).code == "NOT_A_MEMBER"
    other = await talk.env.group(talk.eve, talk.bob)
    await talk.say("Eve's budget", room=other, who=talk.eve)
    assert await talk.found("budget") == ["Eve's budget", "a secret budget"]
    assert await talk.found("budget", conversationId=str(talk.room)) == ["a secret budget"]
    await talk.env.resources.db.execute("update members set left_at = now() where user_id = $1", talk.bob.id)
    assert await talk.found("budget") == []


async def test_what_two_said_before_a_block_is_still_found(talk: Talk) -> None:
    ann, bob = talk.env.ctx(talk.ann), talk.env.ctx(talk.bob)
    pair, _ = await conversations.create_pair(ann, talk.bob.id)
    await talk.say("our budget", room=pair.id)
    await blocking.block(bob, talk.ann.id)
    assert await talk.found("budget") == await talk.found("budget", talk.ann) == ["our budget"]


async def test_an_edit_is_found_and_nothing_of_an_earlier_or_deleted_text_stays(talk: Talk) -> None:
    (one,) = await talk.say("the first budget")
    ann = talk.env.ctx(talk.ann)
    await editing.edit(ann, talk.room, one.id, "the second storyboard")
    assert (await talk.found("budget"), await talk.found("storyboard")) == ([], ["the second storyboard"])
    assert "budget" not in str(await talk.stored())
    await editing.delete(ann, talk.room, one.id)
    assert (await talk.found("storyboard"), await talk.stored()) == ([], [])
    await store_missing(talk.env.resources.db, ["onswift"], START)
    assert await talk.stored() == []


async def test_an_edit_at_the_moment_in_which_words_are_stored_leaves_none_of_the_old_text(talk: Talk) -> None:
    db = talk.env.resources.db
    stored = await talk.env.publisher.append(Draft(uuid7(), talk.room, talk.ann.person, "old"))
    async with db.acquire() as connection, connection.transaction():
        await message_search.STORE(connection, [talk.room], ["onswift"], 10)
        edit = asyncio.create_task(editing.edit(talk.env.ctx(talk.ann), talk.room, stored.id, "new"))
        await waiting_for_a_lock(talk.env)
    await edit
    assert (await talk.found("old"), await talk.found("new")) == ([], ["new"])


async def waiting_for_a_lock(env: Environment) -> None:
    async with asyncio.timeout(20):
        while not await env.resources.db.fetchval(BLOCKED):  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(0.01)


async def test_pages_show_nothing_twice_and_lose_nothing_while_more_is_said(talk: Talk) -> None:
    other = await talk.env.group(talk.ann, talk.bob)
    for place in range(4):
        await talk.say(f"budget {place}")
        await talk.say(f"other budget {place}", room=other)
    first = (await talk.ask("budget", limit=3)).body
    await talk.say("a new budget")
    pages = [first]
    while cursor := pages[-1]["nextCursor"]:
        pages.append((await talk.ask("budget", limit=3, cursor=cursor)).body)
    texts = [one["message"]["content"] for page in pages for one in page["results"]]
    assert texts == [f"{kind}budget {place}" for place in (3, 2, 1, 0) for kind in ("other ", "")]
    assert (await talk.ask("budget", cursor="?")).fields == ["cursor"]


@pytest.mark.parametrize("q", ["", "  ", "?!", "\u200b", "a\0b", "x" * 201])
async def test_a_query_without_a_word_is_refused(talk: Talk, q: str) -> None:
    assert (await talk.ask(q)).fields == ["q"]


async def test_a_search_that_takes_too_long_is_given_up(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk.say("budget")
    monkeypatch.setattr(message_search, "FIND", Many(MessageRow, endless()))
    monkeypatch.setattr(message_search, "MOST_MILLISECONDS", 20)
    reply = await talk.ask("budget")
    assert (reply.status, reply.code) == (503, "SEARCH_TOO_BROAD")


def endless() -> str:
    return message_search.FIND.sql.replace(
        "m.deleted_at is null order", "m.deleted_at is null and pg_sleep(60) is null order"
    )


async def test_what_was_there_before_the_search_is_entered_by_and_by_and_what_a_job_lost(talk: Talk) -> None:
    db = talk.env.resources.db
    texts = [f"budget {place}" for place in range(7)]
    for text in texts:
        await talk.env.publisher.append(Draft(uuid7(), talk.room, talk.ann.person, text))
    assert await talk.found("budget") == []
    assert await store_missing(db, ["onswift"], START) == START
    assert await talk.found("budget") == texts[::-1]
    await db.execute("delete from message_words_stored")
    await asyncio.gather(*(store_words(db, ["onswift"], [talk.room]) for _ in range(4)))
    assert await talk.found("budget") == texts[::-1]


async def test_more_than_one_round_of_a_conversation_is_stored(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_search, "AT_ONCE", 2)
    for place in range(5):
        await talk.env.publisher.append(Draft(uuid7(), talk.room, talk.ann.person, f"budget {place}"))
    await store_words(talk.env.resources.db, ["onswift"], [talk.room])
    assert len(await talk.found("budget")) == 5


async def test_a_market_whose_messages_are_sealed_has_no_search_and_stores_no_words(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = with_policy(onswift.MARKETPLACE, seals_messages=True)
    configured: Callable[..., Any] = lambda _names: (sealed,)  # noqa: E731
    monkeypatch.setattr(marketplaces, "configured", configured)
    monkeypatch.setattr(api.app, "configured", configured, raising=False)
    await talk.env.publisher.append(Draft(uuid7(), talk.room, talk.ann.person, "budget"))
    async with serving(talk.env) as served:
        caller = Caller(served.client, access_token=talk.env.token(talk.bob))
        assert (await caller.get(SEARCH, q="budget")).code == "NOT_FOUND"
        assert (await caller.get(f"/conversations/{talk.room}/messages")).status == 200
    assert len(sealed.routes) == len(onswift.MARKETPLACE.routes) - 1
    await store_missing(talk.env.resources.db, [], START)
    assert await talk.stored() == []
