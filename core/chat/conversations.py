"""Conversations and their members: pairs (one per two people and market) and groups of any size."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.events import ConversationClosed, ConversationCreated
from core.base.paging import CursorPagination, CursorQuery, Position, cursor_pagination, page_of
from core.chat import blocks, notes
from core.chat.membership import ADD_MEMBERS, LOCK, MEMBERS_OF, require_member
from core.chat.unread import unread
from core.platform.db import Many, One, Run, Scalar
from core.text.wording import said
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

MEMBERS_SHOWN = 50


class Member(msgspec.Struct, frozen=True, rename="camel"):
    """Someone in a conversation."""

    id: UUID
    name: str
    avatar_url: str | None
    user_type: str
    role: str
    last_read_seq: int


class LastMessage(msgspec.Struct, frozen=True, rename="camel"):
    """What the list of conversations shows of the newest message; a deleted one has no content."""

    id: UUID
    content: str
    sender_id: UUID
    sent_at: datetime


class Conversation(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation as one member sees it; `members` are the first 50."""

    id: UUID
    kind: str
    title: str | None
    last_seq: int
    version: int
    last_read_seq: int
    member_count: int
    last_message_at: datetime | None
    created_at: datetime
    last_message: LastMessage | None
    members: list[Member]
    subject_id: UUID | None
    closed_at: datetime | None
    unread_count: int


class ConversationRow(msgspec.Struct, frozen=True):
    id: UUID
    kind: str
    title: str | None
    last_seq: int
    version: int
    last_read_seq: int
    member_count: int
    last_message_at: datetime | None
    created_at: datetime
    message_id: UUID | None
    content: str | None
    sender_id: UUID | None
    subject_id: UUID | None
    closed_at: datetime | None
    unread_count: int


class MemberRow(msgspec.Struct, frozen=True):
    conversation_id: UUID
    id: UUID
    name: str
    avatar_url: str | None
    user_type: str
    role: str
    last_read_seq: int


TITLE: Final = "conversations.title"  # sealed are those of tickets (core/support/tickets.py)


def titled(conversation: str) -> str:
    """Return the SQL of a conversation's title, sealed or not."""
    return f"placed({conversation}.title, '{TITLE} ' || {conversation}.id)"


_SEEN_BY_USER = f"""
    select c.id, c.kind, {titled("c")} as title, c.last_seq, c.version, s.last_read_seq,
        (select count(*) from members n where n.conversation_id = c.id and n.left_at is null) as member_count,
        c.last_message_at, c.created_at, m.id as message_id, {said("m")} as content, m.sender_id, c.subject_id,
        c.closed_at, {unread("c", "s")} as unread_count
    from members s
    join conversations c on c.id = s.conversation_id
    left join messages m on m.conversation_id = c.id and m.seq = c.last_seq
    where s.user_id = $1 and s.left_at is null"""  # noqa: S608 - no input in it

LIST_OF_USER = Many(
    ConversationRow,
    _SEEN_BY_USER
    + """ and (coalesce(c.last_message_at, c.created_at), c.id) < ($4, $5)
    order by coalesce(c.last_message_at, c.created_at) desc, c.id desc limit $2 offset $3""",
)
ONE_OF_USER = One(ConversationRow, _SEEN_BY_USER + " and c.id = $2")
COUNT_OF_USER = Scalar(int, "select count(*) from members where user_id = $1 and left_at is null")
MEMBERS_SHOWN_OF = Many(
    MemberRow,
    """
    select m.conversation_id, u.id, u.name, u.avatar_url, u.role as user_type, m.role, m.last_read_seq
    from unnest($1::uuid[]) as c (id)
    cross join lateral (
        select * from members n where n.conversation_id = c.id and n.left_at is null order by n.user_id limit $2
    ) m
    join users u on u.id = m.user_id""",
)
# Taken before a pair is created and before one of the two blocks the other: there may be no row to lock.
LOCK_PAIR = Scalar(int, "select 1 from pg_advisory_xact_lock(hashtextextended($1, 0))")
CREATE_PAIR = Scalar(
    UUID,
    """
    insert into conversations (id, market, kind, pair_key, created_by) values ($1, $2, 'pair', $3, $4)
    on conflict (market, pair_key) where pair_key is not null do nothing returning id""",
)
PAIR_BY_KEY = Scalar(UUID, "select id from conversations where market = $1 and pair_key = $2")
CLOSE = Scalar(
    datetime, "update conversations set closed_at = $2 where id = $1 and closed_at is null returning closed_at"
)
# Conversations (c) of which a user ($1) was a member and that have no members left, so that nobody can read them.
LEFT_BY_ALL = """
    members d join conversations c on c.id = d.conversation_id and not exists (
        select from members o join users u on u.id = o.user_id and u.deleted_at is null
        where o.conversation_id = d.conversation_id and o.left_at is null
    ) and d.user_id = $1"""
PERSONAL_DATA = PersonalData(
    "conversations",
    frozenset({"members", "conversations"}),
    rows_of(
        f"""
        select c.id, c.kind, m.role, m.joined_at, m.left_at, m.last_read_at,
            case when m.left_at is null or c.created_by = m.user_id and c.subject_id is null then {titled("c")} end as title
        from members m join conversations c on c.id = m.conversation_id where m.user_id = $1 order by m.joined_at"""  # noqa: S608
    ),
    later=(
        Run(
            f"""
            update conversations set title = '' where id in (
                select c.id from {LEFT_BY_ALL} where c.title <> '' limit $2
            )"""  # noqa: S608 - no input in it
        ),
    ),
    kept="That someone was a member, without her name; the title of a group, as long as anybody is in it.",
)


async def create_pair(ctx: Ctx, other_id: UUID) -> tuple[Conversation, bool]:
    """Return the caller's conversation with `other_id`, and whether it was created now. The marketplace decides who may.

    Raises USER_UNREACHABLE if there is none yet and one of the two has blocked the other.
    """
    key = pair_key(ctx.user.id, other_id)
    async with unit_of_work(ctx) as work:
        await LOCK_PAIR(work.db, key)
        created = await CREATE_PAIR(work.db, ctx.new_id(), ctx.policy.name, key, ctx.user.id)
        if created:
            await blocks.require_none(work.db, ctx.user.id, other_id)
            await ADD_MEMBERS(work.db, created, [ctx.user.id, other_id], "member", ctx.policy.name, ctx.user.id)
            work.emit([ctx.user.id, other_id], ConversationCreated(created))
    if created:
        return await get(ctx, created), True
    existing = await PAIR_BY_KEY(ctx.db, ctx.policy.name, key)
    assert existing, "a pair that could not be made is there"  # noqa: S101
    return await get(ctx, existing), False


def pair_key(one: UUID, other: UUID) -> str:
    """Return the key of the conversation of two people."""
    return ":".join(sorted((str(one), str(other))))


async def get(ctx: Ctx, id: UUID) -> Conversation:
    """Return one conversation of the caller; raises CONVERSATION_NOT_FOUND, NOT_A_MEMBER."""
    row = await ONE_OF_USER(ctx.db, ctx.user.id, id)
    if row is None:
        await require_member(ctx, id)
        raise errors.CONVERSATION_NOT_FOUND.error()
    return (await _with_members(ctx, [row]))[0]


async def list_of_user(ctx: Ctx, query: CursorQuery) -> tuple[list[Conversation], CursorPagination]:
    """Return one page of the caller's conversations, latest first."""
    rows = await LIST_OF_USER(ctx.db, ctx.user.id, *query.bounds)
    page = page_of(query, rows, lambda row: Position(row.last_message_at or row.created_at, row.id))
    total = await COUNT_OF_USER(ctx.db, ctx.user.id) or 0
    return await _with_members(ctx, page.rows), cursor_pagination(query, total, page.next_cursor)


async def close(ctx: Ctx, work: UnitOfWork, id: UUID, template: str) -> None:
    """Close a conversation after a last system message: `template` says why, with "{actor}"."""
    await LOCK(work.db, id)
    closed_at = await CLOSE(work.db, id, clock.now())
    if closed_at:
        await notes.log(work, id, ctx.user.person, template)
        work.emit([row.user_id for row in await MEMBERS_OF(work.db, id)], ConversationClosed(id, closed_at))


async def _with_members(ctx: Ctx, rows: Sequence[ConversationRow]) -> list[Conversation]:
    members: dict[UUID, list[Member]] = {row.id: [] for row in rows}
    for one in await MEMBERS_SHOWN_OF(ctx.db, list(members), MEMBERS_SHOWN):
        members[one.conversation_id].append(
            Member(one.id, one.name, one.avatar_url, one.user_type, one.role, one.last_read_seq)
        )
    sealing = ctx.resources.sealing
    rows = sealing.opened(sealing.opened(rows, "content"), "title")
    return [_as_conversation(row, members[row.id]) for row in rows]


def _as_conversation(row: ConversationRow, members: list[Member]) -> Conversation:
    last = None
    if row.message_id and row.sender_id and row.last_message_at:
        last = LastMessage(row.message_id, row.content or "", row.sender_id, row.last_message_at)
    return Conversation(
        id=row.id,
        kind=row.kind,
        title=row.title,
        last_seq=row.last_seq,
        version=row.version,
        last_read_seq=row.last_read_seq,
        member_count=row.member_count,
        last_message_at=row.last_message_at,
        created_at=row.created_at,
        last_message=last,
        members=members,
        subject_id=row.subject_id,
        closed_at=row.closed_at,
        unread_count=row.unread_count,
    )
