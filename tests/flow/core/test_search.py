"""The normal form, and what finds a name: in the database itself, as triggers and queries use it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.platform.migrate import MIGRATIONS
from core.search.totals import SECONDS, Totals
from tests.flow.core.name_pairs import ORDERS, RIGHT, TEXTS, WRONG, WRONG_TEXTS

FINDS = """
select p.words @@ q.normal or p.words @@ q.near
from (select search_name($2) as words) p, search_query($1) q"""
FINDS_TEXT = """
select coalesce(p.words @@ q.normal, false) from (select search_text($2, $3) as words) p, search_query($1) q"""
LONGEST = 20_000


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def pairs(of: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [pair for listed in of.values() for pair in listed]


async def test_a_name_is_found_by_its_spellings_in_its_own_script(db: asyncpg.Connection) -> None:
    assert len(pairs(RIGHT)) + len(pairs(WRONG)) >= 120
    assert [pair for pair in pairs(RIGHT) if not await db.fetchval(FINDS, *pair)] == []


async def test_another_name_is_not_found(db: asyncpg.Connection) -> None:
    assert [pair for pair in pairs(WRONG) if await db.fetchval(FINDS, *pair)] == []


@pytest.mark.parametrize("weight", ["B", "C"])
async def test_a_text_is_found_by_words_that_others_write_as_one_or_as_several(
    db: asyncpg.Connection, weight: str
) -> None:
    assert [pair for pair in TEXTS if not await db.fetchval(FINDS_TEXT, *pair, weight)] == []
    assert [pair for pair in WRONG_TEXTS if await db.fetchval(FINDS_TEXT, *pair, weight)] == []


async def test_words_of_a_title_are_found_as_one(db: asyncpg.Connection) -> None:
    for pair in [
        ("aftereffects", "After Effects artist"),
        ("WordPress", "Word Press developer"),
        ("voiceover", "Voice over"),
    ]:
        assert [await db.fetchval(FINDS_TEXT, *pair, weight) for weight in "BC"] == [True, False], pair


@pytest.mark.parametrize(("q", "names"), ORDERS)
async def test_as_typed_comes_before_the_normal_form_then_joined_words_then_a_slip(
    db: asyncpg.Connection, q: str, names: list[str]
) -> None:
    insert = """
    insert into users (id, market, email, password_hash, name, role)
    select gen_random_uuid(), 'onswift', n || '@example.com', '', name, 'talent'
    from unnest($1::text[]) with ordinality _ (name, n)"""
    await db.execute(insert, names[::-1])
    found = await db.fetchval(
        "select ids from onswift.find_talents($1, '{}', null, null, null, '{}', 200, 200, 0, 20)", q
    )
    by_id = dict(await db.fetch("select id, name from users"))
    assert [by_id[id] for id in found] == names


async def test_those_who_were_there_before_are_found_as_before_and_entered_anew(db: asyncpg.Connection) -> None:
    await db.execute(
        "insert into users (id, market, email, password_hash, name, role)"
        " select gen_random_uuid(), 'onswift', n || '@example.com', '', 'José Editor', 'talent' from generate_series(1, 450) n"
    )
    await db.execute(
        "update onswift.talents set form = 0, name = 'José Editor', words = to_tsvector('english', 'José Editor')"
    )
    find = "select total from onswift.find_talents($1, '{}', null, null, null, '{}', 1000, 200, 0, 20)"
    assert await db.fetchval(find, "editors") == 450
    fill = (MIGRATIONS / "0033_fill_search.sql").read_text()
    for _ in range(2):  # it may be run again
        await db.execute(fill)
        assert [await db.fetchval(find, q) for q in ("editor", "jose")] == [450, 450]
    assert await db.fetchval("select count(*) from onswift.talents where form < 2") == 0


async def test_users_who_were_there_before_are_entered_for_operators_and_erased_ones_are_not(
    db: asyncpg.Connection,
) -> None:
    await db.execute(
        "insert into users (id, market, email, password_hash, name, role, deleted_at)"
        " select gen_random_uuid(), 'onswift', n || '@example.com', '', 'José ' || n, 'creator',"
        " case when n > 440 then now() end from generate_series(1, 450) n"
    )
    entered = "select count(*) from user_search where words @@ (select normal from search_query('jose'))"
    assert await db.fetchval(entered) == 440
    await db.execute("delete from user_search where words @@ (select normal from search_query('1'))")
    fill = (MIGRATIONS / "0037_fill_user_search.sql").read_text()
    for _ in range(2):  # it may be run again
        await db.execute(fill)
        assert await db.fetchval(entered) == 440


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40), min_size=8, max_size=8
    )
)
async def test_the_normal_form_is_its_own_and_nothing_makes_it_or_a_search_fail(
    db: asyncpg.Connection, texts: list[str]
) -> None:
    for text, normal, again in await db.fetch(
        "select t, search_normal(t), search_normal(search_normal(t)) from unnest($1::text[]) t", texts
    ):
        assert again == normal, ascii(text)
        assert normal == " ".join(normal.split(" "))
        assert len(normal) <= LONGEST
    await db.fetch("select search_name(t), search_text(t, 'B'), search_text(t, 'C') from unnest($1::text[]) t", texts)
    for text in texts:
        await db.fetchrow("select * from search_query($1)", text)


@pytest.mark.parametrize(
    "text", ["\ufdfa" * 12_000, "a" * 12_000, "山" * 12_000, "C++" * 5_000, "न्द" * 5_000, "x " * 9_000, "a-b " * 5_000]
)
async def test_a_long_text_has_a_form_of_bounded_length(db: asyncpg.Connection, text: str) -> None:
    normal = await db.fetchval("select search_normal($1)", text)
    assert 0 < len(normal) <= LONGEST
    assert len(await db.fetchval("select search_name($1)::text", text)) < 50_000
    await db.fetchval("select search_text($1, 'C')", text)
    await db.fetchrow("select * from search_query($1)", text)


async def test_a_search_is_counted_once_a_minute() -> None:
    now = 0.0
    counted: list[int] = []

    async def count() -> int:
        counted.append(1)
        return len(counted)

    totals = Totals(lambda: now)
    assert [await totals.get("a", count), await totals.get("a", count), await totals.get("b", count)] == [1, 1, 2]
    now = SECONDS
    assert await totals.get("a", count) == 3
