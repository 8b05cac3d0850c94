"""What is known of a user, as a registry that every module joins: she can have all of it, and have it erased.

Each table that names users is in one entry of the registry; a test holds that. Who is gone stays as a row without anything
personal, so that what others have (conversations, projects) stays whole, under the name DELETED_NAME.

What opens anything or shows who she was goes in the transaction of the call. All that may be much or holds what others wait for
follows in a job, a little at a time (core/privacy/erasure.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from uuid import UUID

import msgspec

from core import files
from core.accounts import sessions
from core.base import clock
from core.chat.conversations import MEMBERS_HAVE_CHANGED
from core.notifications.said import ENTITY_ID, MESSAGE, SAID
from core.platform.db import Connection, Run, Scalar, Texts
from core.privacy.exports import write_export
from core.text.wording import shown
from core.work.context import Ctx
from core.work.jobs import FinishErasure
from core.work.kept_answers import DELETED_NAME
from core.work.unit_of_work import unit_of_work


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What some tables know of users.

    `export` is made by `rows_of`, `erase` are statements on a user's id ($1). `later` are those for what may be much: they erase
    so many rows ($2) at most, and run until they find less. `last` is as `erase`, but once nobody is storing anything of hers:
    for rows that others lock after hers of `users`. `kept` says why something stays and what.
    """

    name: str
    tables: frozenset[str]
    export: Texts | None = None
    erase: tuple[Run, ...] = ()
    later: tuple[Run, ...] = ()
    last: tuple[Run, ...] = ()
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
        await sessions.end_all(work, user_id, "account deleted")
        await work.record("user.delete", user_id)
        await files.detach(work, user_id)
        await _run(work.db, [statement for one in (*own, *CORE) for statement in one.erase], user_id)
        # Waits for all who are storing something of hers at this moment, and lets nobody begin. Taken after all other locks.
        await LOCK_OUT(work.db, user_id)
        await erase_at_once(work.db, own, user_id)
        work.enqueue(FinishErasure(str(user_id)))


async def erase_at_once(db: Connection, own: Sequence[PersonalData], user_id: UUID) -> None:
    """Run all statements of `erase` and `last`; harmless to repeat."""
    await _run(db, [statement for one in (*own, *CORE) for statement in (*one.erase, *one.last)], user_id)


async def _run(db: Connection, statements: Sequence[Run], user_id: UUID) -> None:
    for statement in statements:
        await statement(db, user_id)


LOCK_OUT = Scalar(UUID, "select id from users where id = $1 for update")

# Conversations (c) that a user ($1) was in and that nobody can read any more, because nobody is left in them.
_UNREAD = """
    members d join conversations c on c.id = d.conversation_id and not exists (
        select from members o join users u on u.id = o.user_id and u.deleted_at is null
        where o.conversation_id = d.conversation_id and o.left_at is null
    ) and d.user_id = $1"""

# Codes that were sent to a user ($1), or to her number.
_PHONE_CODES = "user_id = $1 or (market, subject) = (select market, phone from users where id = $1)"

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
        "codes",
        frozenset({"one_time_tokens"}),
        rows_of("select purpose, expires_at, used_at from one_time_tokens where user_id = $1"),
        (Run("delete from one_time_tokens where user_id = $1"),),
    ),
    PersonalData(
        "login providers",
        frozenset({"oauth_accounts"}),
        rows_of(
            """
            select provider, subject, linked_at, last_used_at from oauth_accounts where user_id = $1 order by provider"""
        ),
        (Run("delete from oauth_accounts where user_id = $1"),),
    ),
    PersonalData(
        "api keys",
        frozenset({"api_keys"}),
        rows_of(
            """
            select id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at, successor_id
            from api_keys where user_id = $1 order by id"""
        ),
        (Run("delete from api_keys where user_id = $1"),),
    ),
    PersonalData(
        "phone codes",
        frozenset({"one_time_codes"}),
        rows_of(f"select purpose, subject as phone, expires_at, tries from one_time_codes where {_PHONE_CODES}"),  # noqa: S608
        (Run(f"delete from one_time_codes where {_PHONE_CODES}"),),  # noqa: S608
    ),
    PersonalData(
        "email changes",
        frozenset({"email_changes"}),
        rows_of(
            """
            select old_email, new_email, asked_at, expires_at, old_confirmed_at, new_confirmed_at, changed_at
            from email_changes where user_id = $1 order by id"""
        ),
        (Run("delete from email_changes where user_id = $1"),),
    ),
    PersonalData(
        "repeatable calls",
        frozenset({"idempotency_keys"}),
        rows_of(
            """
            select key, status, created_at, case when body <> '' then convert_from(body, 'UTF8')::json end as answer
            from idempotency_keys where user_id = $1 order by created_at"""
        ),
        (Run("delete from idempotency_keys where user_id = $1"),),
    ),
    PersonalData(
        "devices",
        frozenset({"devices"}),
        rows_of("select id, platform, token, created_at from devices where user_id = $1 order by created_at"),
        (Run("delete from devices where user_id = $1"),),
    ),
    PersonalData(
        "notification preferences",
        frozenset({"notification_preferences"}),
        rows_of("select type, in_app, email, push from notification_preferences where user_id = $1 order by type"),
        (Run("delete from notification_preferences where user_id = $1"),),
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
            select c.id, c.kind, m.role, m.joined_at, m.left_at, m.last_read_at,
                case when m.left_at is null or c.created_by = m.user_id and c.subject_id is null then c.title end as title
            from members m join conversations c on c.id = m.conversation_id where m.user_id = $1 order by m.joined_at"""
        ),
        later=(
            Run(
                f"""
                update conversations set title = '' where id in (
                    select c.id from {_UNREAD} where c.title <> '' limit $2
                )"""  # noqa: S608 - no input in it
            ),
        ),
        kept="That someone was a member, without her name; the title of a group, as long as anybody is in it.",
    ),
    PersonalData(
        "invitations",
        frozenset({"invitations"}),
        rows_of(
            """
            select conversation_id, user_id, invited_by, created_at, answer, answered_at
            from invitations where user_id = $1 or invited_by = $1 order by id"""
        ),
        last=(
            # Those whom she has invited are told by her name.
            Run(
                """
                delete from notifications n using invitations i
                where i.invited_by = $1 and n.user_id = i.user_id and n.type = 'invitation_received'
                    and n.entity_id = i.conversation_id"""
            ),
            Run("delete from invitations where user_id = $1 or invited_by = $1"),
        ),
    ),
    PersonalData(
        "blocks",
        frozenset({"blocks"}),
        # By whom she is blocked is theirs to know.
        rows_of("select blocked_id, created_at from blocks where user_id = $1 order by created_at"),
        last=(Run("delete from blocks where user_id = $1 or blocked_id = $1"),),
    ),
    PersonalData(
        "mutes",
        frozenset({"mutes"}),
        rows_of("select muted_id, kind, until, created_at from mutes where user_id = $1 order by created_at"),
        last=(Run("delete from mutes where user_id = $1 or muted_id = $1"),),
    ),
    PersonalData(
        "reports",
        frozenset({"reports"}),
        # Those that others have made of her would tell who they are.
        rows_of(
            """
            select id, user_id, conversation_id, message_id, reason, text, created_at from reports
            where reporter_id = $1 order by id"""
        ),
        last=(
            Run("update reports set text = '' where reporter_id = $1 and text <> ''"),
            Run("update reports set note = '' where (reporter_id = $1 or user_id = $1) and note <> ''"),
        ),
        kept="For a year: that something was reported, and what a reported message said, without the names of either.",
    ),
    PersonalData(
        "messages",
        frozenset({"messages"}),
        rows_of(
            f"""
            select m.id, m.conversation_id, m.seq, m.kind, {shown("m", "body")} as body,
                case when not starts_with(m.client_id, e'\\x1f') then m.client_id end as client_id,
                m.reply_to, m.created_at, m.edited_at, m.deleted_at
            from members c join messages m on m.conversation_id = c.conversation_id and m.sender_id = c.user_id
            where c.user_id = $1 order by m.id"""  # noqa: S608 - no input in it
        ),
        later=(
            Run(
                f"""
                update messages set body = '' where (conversation_id, seq) in (
                    select m.conversation_id, m.seq from {_UNREAD} join messages m on m.conversation_id = c.id
                    join users s on s.id = m.sender_id and s.deleted_at is not null
                    where m.kind = 'text' and m.body <> ''
                    order by m.conversation_id, m.seq limit $2 for update of m skip locked
                )"""  # noqa: S608 - no input in it
            ),
            Run(
                """
                update messages set client_id = null where (conversation_id, seq) in (
                    select m.conversation_id, m.seq from members c
                    join messages m on m.conversation_id = c.conversation_id and m.sender_id = c.user_id
                    where c.user_id = $1 and m.client_id is not null
                    order by m.conversation_id, m.seq limit $2 for update of m skip locked
                )"""
            ),
            # What the version before this one writes names everybody who comes and goes.
            Run(
                f"""
                update messages set body = '{MEMBERS_HAVE_CHANGED}' where (conversation_id, seq) in (
                    select m.conversation_id, m.seq from members c join messages m on m.conversation_id = c.conversation_id
                    where c.user_id = $1 and m.kind = 'system' and m.wording is null and m.body <> '{MEMBERS_HAVE_CHANGED}'
                    order by m.conversation_id, m.seq limit $2 for update of m skip locked
                )"""  # noqa: S608 - no input in it
            ),
        ),
        kept="What she wrote to others is theirs too; it stays, without her name, as long as anybody can read it.",
    ),
    PersonalData(
        "earlier texts",
        frozenset({"message_edits"}),
        rows_of(
            """
            select e.conversation_id, e.seq, e.version, e.body, e.replaced_at
            from members c join message_edits e on e.conversation_id = c.conversation_id
            join messages m on m.conversation_id = e.conversation_id and m.seq = e.seq and m.sender_id = c.user_id
            where c.user_id = $1 order by e.replaced_at"""
        ),
        later=(
            Run(
                """
                delete from message_edits where (conversation_id, seq, version) in (
                    select e.conversation_id, e.seq, e.version
                    from members c join message_edits e on e.conversation_id = c.conversation_id
                    join messages m on m.conversation_id = e.conversation_id and m.seq = e.seq and m.sender_id = c.user_id
                    where c.user_id = $1 limit $2
                )"""
            ),
        ),
    ),
    PersonalData(
        "mentions",
        frozenset({"mentions"}),
        rows_of(
            """
            select t.conversation_id, t.seq from members c
            join mentions t on t.conversation_id = c.conversation_id and t.user_id = c.user_id
            where c.user_id = $1 order by t.conversation_id, t.seq"""
        ),
        later=(
            Run(
                """
                delete from mentions where (conversation_id, seq, user_id) in (
                    select t.conversation_id, t.seq, t.user_id from members c
                    join mentions t on t.conversation_id = c.conversation_id and t.user_id = c.user_id
                    where c.user_id = $1 limit $2
                )"""
            ),
        ),
    ),
    PersonalData(
        "reactions",
        frozenset({"reactions"}),
        rows_of(
            """
            select r.conversation_id, r.seq, r.emoji, r.created_at from members c
            join reactions r on r.conversation_id = c.conversation_id and r.user_id = c.user_id
            where c.user_id = $1 order by r.created_at"""
        ),
        kept="As messages.",
    ),
    PersonalData(
        "files",
        frozenset({"files"}),
        rows_of(
            """
            select id, purpose, file_name, mime_type, size, status, entity_id, created_at, deleted_at
            from files where owner_id = $1 order by created_at"""
        ),
        kept="The content of what she handed in with work for others, under a name that tells its type only.",
    ),
    PersonalData(
        "reviews",
        frozenset({"reviews", "ratings"}),
        rows_of(
            """
            select id, subject_id, author_id, context_id, rating, text, created_at, updated_at
            from reviews where subject_id = $1 and deleted_at is null or author_id = $1"""
        ),
        (
            Run("update reviews set text = '', deleted_at = coalesce(deleted_at, now()) where subject_id = $1"),
            Run("update reviews set text = '' where author_id = $1 and deleted_at is not null"),
            Run("delete from ratings where subject_id = $1"),
        ),
        kept="What she wrote about others, without her name.",
    ),
    PersonalData(
        "audit log",
        frozenset({"audit_log"}),
        rows_of(
            # Of what operators did about her account what they did and why, not who and from where.
            """
            select action, entity_id, facts - 'operator' as facts, case when actor_id = $1 then request_id end as request_id,
                case when actor_id = $1 then remote end as ip, recorded_at
            from audit_log where actor_id = $1 or entity_id = $1 and action = 'user.set_status' order by recorded_at"""
        ),
        later=(
            Run(
                """
                update audit_log set remote = '', request_id = '', facts = '{}' where id in (
                    select id from audit_log
                    where actor_id = $1 and (remote <> '' or request_id <> '' or facts <> '{}') limit $2
                )"""
            ),
            Run(
                """
                update audit_log set facts = facts - 'reason' where id in (
                    select id from audit_log
                    where entity_id = $1 and action = 'user.set_status' and facts ? 'reason' limit $2
                )"""
            ),
        ),
        kept="What was done, by an id that has no name any more.",
    ),
    PersonalData(
        "dead jobs",
        frozenset({"dead_jobs"}),
        rows_of(
            """
            select id, name, arguments, failed_at from dead_jobs
            where name = 'MailAlert' and position($1::uuid::text in arguments) > 0 order by failed_at"""
        ),
        # From where somebody has logged in. Of a user's other jobs only ids are kept, or nothing.
        (Run("delete from dead_jobs where name = 'MailAlert' and position($1::uuid::text in arguments) > 0"),),
    ),
    PersonalData(
        "notifications",
        frozenset({"notifications"}),
        rows_of(
            f"""
            select n.id, n.type, n.title, {MESSAGE}, n.entity_type, {ENTITY_ID}, n.created_at, n.read_at
            from notifications n {SAID} where n.user_id = $1 order by n.created_at"""  # noqa: S608 - no input in it
        ),
        later=(
            Run(
                """
                delete from notifications where id in (
                    select id from notifications where user_id = $1 order by id limit $2 for update skip locked
                )"""
            ),
            # What the version before this one has stored for others names her.
            Run(
                """
                update notifications set message = 'New message' where id in (
                    select n.id from members c join members o on o.conversation_id = c.conversation_id
                    join notifications n on n.user_id = o.user_id and n.fold_key = c.conversation_id
                    where c.user_id = $1 and n.wording is null and n.message <> 'New message'
                    order by n.id limit $2 for update of n skip locked
                )"""
            ),
        ),
        kept="Those of other people, in which she has no name any more: names are filled in when they are read.",
    ),
    # The last: ratings are locked before the rows that follow them, as reviews do it.
    PersonalData(
        "account",
        frozenset({"users", "user_search"}),
        rows_of(
            """
            select id, email, phone, name, role, avatar_url, created_at, updated_at, last_seen_at, email_verified_at,
                phone_verified_at, status, status_until
            from users where id = $1"""
        ),
        (
            Run(
                f"""
                update users set email = '', password_hash = '', name = '{DELETED_NAME}', avatar_url = null,
                    last_seen_at = null, email_verified_at = null, phone = null, phone_verified_at = null,
                    status = 'active', status_until = null, updated_at = coalesce(deleted_at, now()),
                    deleted_at = coalesce(deleted_at, now())
                where id = $1"""  # noqa: S608
            ),
        ),
        kept="The row, its role and dates, without anything personal: others' conversations and projects refer to it.",
    ),
)
