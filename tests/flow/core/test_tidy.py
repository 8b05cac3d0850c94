"""What nobody can use any more is forgotten; what somebody can is not."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from core.accounts import sessions
from core.base import clock
from core.base.ids import uuid7
from core.operations import tidy
from core.platform.db import transaction
from core.work import dead_jobs
from tests.flow.conftest import PATIENCE, Environment


class Attic:
    """A user's old things."""

    def __init__(self, env: Environment, user_id: UUID) -> None:
        self.db = env.resources.db
        self.user_id = user_id

    async def session(self, *tokens: datetime, ended: datetime | None = None) -> UUID:
        id = uuid7()
        await self.db.execute(
            "insert into sessions (id, user_id, ended_at) values ($1, $2, $3)", id, self.user_id, ended
        )
        for issued in tokens:
            await self.db.execute(
                "insert into refresh_tokens (id, session_id, issued_at) values ($1, $2, $3)", uuid7(), id, issued
            )
        return id

    async def key(self, name: str, created: datetime) -> None:
        await self.db.execute(
            "insert into idempotency_keys (user_id, key, fingerprint, created_at) values ($1, $2, '', $3)",
            self.user_id, name, created,
        )  # fmt: skip

    async def code(self, hash: bytes, expires: datetime) -> None:
        await self.db.execute(
            "insert into one_time_tokens (hash, user_id, purpose, expires_at) values ($1, $2, 'x', $3)",
            hash, self.user_id, expires,
        )  # fmt: skip

    async def email_change(self, expires: datetime, *, done: bool = False) -> UUID:
        id = uuid7()
        await self.db.execute(
            """
            insert into email_changes (id, user_id, session_id, old_email, new_email, asked_at, expires_at, changed_at)
            values ($1, $2, $1, 'x', 'y', $3, $3, $4)""",
            id, self.user_id, expires, expires if done else None,
        )  # fmt: skip
        return id

    async def all(self, column: str, table: str) -> set[object]:
        return {value for (value,) in await self.db.fetch(f"select {column} from {table}")}


@pytest.fixture
async def attic(env: Environment) -> Attic:
    ann, _ = await env.person("Ann")
    await env.resources.db.execute("delete from sessions")
    return Attic(env, ann.id)


def days_ago(days: float) -> datetime:
    return clock.now() - timedelta(days=days)


async def test_answers_and_codes_are_forgotten_when_they_are_good_for_nothing(attic: Attic) -> None:
    await attic.key("old", days_ago(1.01))
    await attic.key("new", days_ago(0.99))
    await attic.code(b"old", days_ago(0.01))
    await attic.code(b"new", days_ago(-0.01))
    await tidy.tidy(attic.db)
    assert await attic.all("key", "idempotency_keys") == {"new"}
    assert await attic.all("hash", "one_time_tokens") == {b"new"}


async def test_changes_of_email_are_forgotten_a_week_after_they_expired_done_or_not(attic: Attic) -> None:
    await attic.email_change(days_ago(7.01), done=True)
    await attic.email_change(days_ago(7.01))
    kept = await attic.email_change(days_ago(6.99), done=True)
    await tidy.tidy(attic.db)
    assert await attic.all("id", "email_changes") == {kept}
    pending = await attic.email_change(days_ago(-0.01))
    await tidy.tidy(attic.db)
    assert await attic.all("id", "email_changes") == {kept, pending}


async def test_sessions_are_forgotten_a_month_after_they_ended_or_lapsed(attic: Attic) -> None:
    await attic.session(days_ago(20), ended=days_ago(31))
    await attic.session(days_ago(40), days_ago(31))
    ended = await attic.session(days_ago(29), ended=days_ago(29))
    used = await attic.session(days_ago(31), days_ago(29))
    without_tokens = await attic.session()
    await tidy.tidy(attic.db)
    assert await attic.all("id", "sessions") == {ended, used, without_tokens}
    assert await attic.all("session_id", "refresh_tokens") == {ended, used}
    assert len(await attic.all("id", "refresh_tokens")) == 2


async def test_sessions_are_kept_for_as_long_as_the_marketplace_with_the_longest_says(attic: Attic) -> None:
    await attic.session(days_ago(70), days_ago(61))
    used = await attic.session(days_ago(70), days_ago(59))
    await tidy.tidy(attic.db, sessions_last=timedelta(days=60))
    assert await attic.all("id", "sessions") == {used}


async def test_a_session_that_is_being_refreshed_is_left_to_the_next_run_and_neither_waits_for_the_other(
    attic: Attic,
) -> None:
    id = await attic.session(days_ago(31), days_ago(31))
    (one, other) = await attic.all("id", "refresh_tokens")
    async with asyncio.timeout(PATIENCE), transaction(attic.db) as refreshing:
        assert await sessions.LOCK_SESSION_OF_TOKEN(refreshing, one) == id
        await tidy.tidy(attic.db)
        await sessions.USE_REFRESH_TOKEN(refreshing, one, clock.now(), other)
    assert await attic.all("session_id", "refresh_tokens") == {id}
    await tidy.tidy(attic.db)
    assert await attic.all("id", "sessions") == await attic.all("id", "refresh_tokens") == set()


async def test_more_than_a_batch_is_forgotten_in_one_go(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "BATCH", 2)
    for number in range(5):
        await attic.key(f"k{number}", days_ago(2))
        await attic.session(days_ago(40), days_ago(39))
    await tidy.tidy(attic.db)
    for table in ("idempotency_keys", "sessions", "refresh_tokens"):
        assert await attic.all("*", table) == set(), table


async def test_dead_jobs_are_kept_for_a_season(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = {"J91": days_ago(91), "J89": days_ago(89)}
    for name, moment in moments.items():
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now", lambda moment=moment: moment)
            await dead_jobs.mark_dead(attic.db, name, "{}", "no", 1, "")
    await tidy.tidy(attic.db)
    assert await attic.all("name", "dead_jobs") == {"J89"}


async def test_earlier_texts_are_kept_for_as_long_as_the_settings_say(attic: Attic) -> None:
    sql = "insert into message_edits values ($1, 1, $2, 'earlier', $3, $4)"
    for days in (31, 29, 2):
        await attic.db.execute(sql, attic.user_id, days, attic.user_id, days_ago(days))
    await tidy.tidy(attic.db, timedelta(days=30))
    assert await attic.all("version", "message_edits") == {29, 2}
    await tidy.tidy(attic.db, timedelta(0))
    assert await attic.all("version", "message_edits") == set()


async def test_an_answered_invitation_is_forgotten_when_it_may_be_repeated(attic: Attic, env: Environment) -> None:
    room = await env.group((await env.person("Bob"))[0])
    for answered in (None, days_ago(29), days_ago(31)):
        eve, _ = await env.person("Eve")
        await attic.db.execute(
            """
            insert into invitations (id, conversation_id, user_id, invited_by, created_at, answer, answered_at)
            values ($1, $2, $3, $4, $5, case when $6::timestamptz is not null then 'declined' end, $6)""",
            uuid7(), room, eve.id, attic.user_id, days_ago(60), answered,
        )  # fmt: skip
    await tidy.tidy(attic.db)
    assert len(await attic.all("id", "invitations")) == 2
