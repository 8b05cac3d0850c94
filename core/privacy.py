"""What is known of a user, as a registry that every module joins: she can have all of it, and have it erased.

Each table that names users is in one entry of the registry; a test holds that. Who is gone stays as a row without anything
personal, so that what others have (conversations, projects) stays whole, under the name DELETED_NAME.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from uuid import UUID

import msgspec

from core import clock, files
from core.context import Ctx
from core.db import Run, Scalar, Texts
from core.exports import write_export
from core.identity import LOCK_USER
from core.unit_of_work import unit_of_work

DELETED_NAME = "Deleted user"


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What some tables know of users.

    `export` is made by `rows_of`, `erase` are statements on a user's id ($1). `kept` says why something stays and what.
    """

    name: str
    tables: frozenset[str]
    export: Texts | None = None
    erase: tuple[Run, ...] = ()
    kept: str = ""


class Export(msgspec.Struct, frozen=True, rename="camel"):
    """Everything of a user's: rows, by what they are about, with the names that the database has for them in camelCase."""

    user_id: UUID
    exported_at: datetime
    data: dict[str, msgspec.Raw]


def rows_of(select: str) -> Texts:
    """Declare a query for a user's rows ($1: her id) as JSON."""
    return Texts(f"select row_to_json(r)::text from ({select}) r")  # noqa: S608


async def export(ctx: Ctx, own: Sequence[PersonalData]) -> IO[bytes]:
    """Return a file with everything that is known of the caller (Export); `own` is the marketplace's part of the registry."""
    parts = [(one.name, one.export) for one in (*CORE, *own) if one.export]
    return await write_export(ctx.resources.db, ctx.user.id, clock.now(), parts)


async def erase(ctx: Ctx, own: Sequence[PersonalData]) -> None:
    """Delete the caller: what is hers alone goes, what others have too keeps no name; her sessions end at once."""
    user_id = ctx.user.id
    async with unit_of_work(ctx) as work:
        await LOCK_USER(work.db, user_id)
        sessions = await SESSIONS(work.db, user_id)
        await work.record("user.delete", user_id)
        await files.detach(work, user_id)
        for statement in (statement for one in (*own, *CORE) for statement in one.erase):
            await statement(work.db, user_id)
    ctx.publisher.end_sessions(msgspec.json.decode(sessions or "[]", type=list[UUID]))


SESSIONS = Scalar(
    str, "select coalesce(json_agg(id), '[]')::text from sessions where user_id = $1 and ended_at is null"
)

CORE = (
    PersonalData(
        "sessions",
        frozenset({"sessions", "refresh_tokens"}),
        rows_of(
            "select id, user_agent, remote as ip, created_at, ended_at, end_reason from sessions where user_id = $1"
        ),
        (Run("delete from sessions where user_id = $1"),),
    ),
    PersonalData(
        "codes and repeated calls",
        frozenset({"one_time_tokens", "idempotency_keys"}),
        erase=(
            Run("delete from one_time_tokens where user_id = $1"),
            Run("delete from idempotency_keys where user_id = $1"),
        ),
    ),
    PersonalData(
        "notifications",
        frozenset({"notifications", "notification_preferences", "devices"}),
        rows_of(
            """
            select id, type, title, message, entity_type, entity_id, created_at, read_at
            from notifications where user_id = $1 order by created_at"""
        ),
        (
            Run("delete from notifications where user_id = $1"),
            Run("delete from notification_preferences where user_id = $1"),
            Run("delete from devices where user_id = $1"),
        ),
        kept="Those of other people, which may tell what she did by the name she had, in their own lists.",
    ),
    PersonalData(
        "feeds",
        frozenset({"feeds"}),
        rows_of("select created_at from feeds where user_id = $1"),
        (Run("delete from feeds where user_id = $1"),),
    ),
    PersonalData(
        "conversations",
        frozenset({"members", "conversations"}),
        rows_of(
            """
            select c.id, c.kind, c.title, m.role, m.joined_at, m.left_at, m.last_read_at
            from members m join conversations c on c.id = m.conversation_id where m.user_id = $1 order by m.joined_at"""
        ),
        kept="That someone was a member, without her name.",
    ),
    PersonalData(
        "messages",
        frozenset({"messages", "message_edits", "mentions"}),
        rows_of(
            """
            select m.id, m.conversation_id, m.seq, m.kind, m.body, m.reply_to, m.created_at, m.edited_at, m.deleted_at
            from members c join messages m on m.conversation_id = c.conversation_id and m.sender_id = c.user_id
            where c.user_id = $1 order by m.id"""
        ),
        kept="What she wrote to others is theirs too; it stays, without her name.",
    ),
    PersonalData(
        "reactions",
        frozenset({"reactions"}),
        rows_of("select conversation_id, seq, emoji, created_at from reactions where user_id = $1"),
        kept="As messages.",
    ),
    PersonalData(
        "files",
        frozenset({"files"}),
        rows_of(
            """
            select id, purpose, file_name, mime_type, size, status, entity_id, created_at
            from files where owner_id = $1 and deleted_at is null"""
        ),
        kept="What she handed in with work for others. What is attached to nothing is deleted within a day, as always.",
    ),
    PersonalData(
        "reviews",
        frozenset({"reviews", "ratings"}),
        rows_of(
            """
            select id, subject_id, author_id, context_id, rating, text, created_at, updated_at
            from reviews where $1 in (subject_id, author_id) and deleted_at is null"""
        ),
        (
            Run("update reviews set text = '', deleted_at = coalesce(deleted_at, now()) where subject_id = $1"),
            Run("delete from ratings where subject_id = $1"),
        ),
        kept="What she wrote about others, without her name.",
    ),
    PersonalData(
        "audit log",
        frozenset({"audit_log"}),
        rows_of("select action, entity_id, facts, remote as ip, recorded_at from audit_log where actor_id = $1"),
        (Run("update audit_log set remote = '' where actor_id = $1"),),
        kept="What was done, by an id that has no name any more.",
    ),
    # The last: ratings are locked before the rows that follow them, as reviews do it.
    PersonalData(
        "account",
        frozenset({"users"}),
        rows_of(
            """
            select id, email, name, role, avatar_url, created_at, updated_at, last_seen_at, email_verified_at
            from users where id = $1"""
        ),
        (
            Run(
                f"""
                update users set email = '', password_hash = '', name = '{DELETED_NAME}', avatar_url = null,
                    last_seen_at = null, email_verified_at = null, updated_at = now(), deleted_at = now()
                where id = $1"""  # noqa: S608
            ),
        ),
        kept="The row, its role and dates, without anything personal: others' conversations and projects refer to it.",
    ),
)
