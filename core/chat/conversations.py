"""Conversations and who is in them: pairs (one per two people and market) and groups of any number."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.events import ConversationClosed, ConversationCreated, MembersChanged, Message, MessageReceived
from core.base.paging import CursorPagination, CursorQuery, Position, cursor_pagination, page_of
from core.base.people import Person
from core.chat import blocks
from core.chat.unread import unread
from core.platform.db import Db, Many, One, Run, Scalar, found
from core.text.wording import shown, worded
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work

MEMBERS_SHOWN = 50
NAMED = 3
# What the log's own notes say in `body`, where nobody is named.
MEMBERS_HAVE_CHANGED = "Members changed"


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


class Place(msgspec.Struct, frozen=True):
    """The next place in a conversation, taken in this transaction."""

    seq: int
    version: int
    at: datetime


class MemberId(msgspec.Struct, frozen=True):
    user_id: UUID


class GroupId(msgspec.Struct, frozen=True):
    id: UUID


class Standing(msgspec.Struct, frozen=True):
    """Where a user stands with a conversation that exists; one with a subject is that of core/chat/subjects.py."""

    kind: str
    role: str | None
    subject_type: str | None
    closed_at: datetime | None
    is_blocked: bool


_SEEN_BY_USER = f"""
    select c.id, c.kind, c.title, c.last_seq, c.version, s.last_read_seq,
        (select count(*) from members n where n.conversation_id = c.id and n.left_at is null) as member_count,
        c.last_message_at, c.created_at, m.id as message_id, {shown("m", "body")} as content, m.sender_id, c.subject_id,
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
STANDING = One(
    Standing,
    """
    select c.kind, m.role, c.subject_type, c.closed_at, c.is_blocked from conversations c
    left join members m on m.conversation_id = c.id and m.user_id = $2 and m.left_at is null
    where c.id = $1 and c.market = $3""",
)
# Members, versions and invitations of a conversation are changed under its lock.
LOCK = Scalar(UUID, "select id from conversations where id = $1 for no key update")
# Before it is made and before one of the two blocks the other: a row to lock there may be none.
LOCK_PAIR = Scalar(int, "select 1 from pg_advisory_xact_lock(hashtextextended($1, 0))")
CREATE_PAIR = Scalar(
    UUID,
    """
    insert into conversations (id, market, kind, pair_key, created_by) values ($1, $2, 'pair', $3, $4)
    on conflict (market, pair_key) where pair_key is not null do nothing returning id""",
)
PAIR_BY_KEY = Scalar(UUID, "select id from conversations where market = $1 and pair_key = $2")
# $5 is the user who does it: she takes part, the others have only been put into it so far. What was said before is not unread.
ADD_MEMBERS = Many(
    Person,
    """
    with added as (
        insert into members (conversation_id, user_id, role, took_part, last_read_seq)
        select $1, u.id, $3, u.id = $5, c.last_seq from users u join conversations c on c.id = $1
        where u.id = any ($2::uuid[]) and u.market = $4 and u.deleted_at is null
        on conflict (conversation_id, user_id) do update
            set left_at = null, joined_at = now(), role = excluded.role, took_part = excluded.took_part,
                left_by_choice = false, last_read_seq = greatest(members.last_read_seq, excluded.last_read_seq)
            where members.left_at is not null
        returning user_id
    )
    select u.id, u.name, u.avatar_url from added join users u on u.id = added.user_id""",
)
# $3: whether she leaves by choice.
REMOVE_MEMBER = One(
    Person,
    """
    with removed as (
        update members set left_at = now(), left_by_choice = $3
        where conversation_id = $1 and user_id = $2 and left_at is null returning user_id
    )
    select u.id, u.name, u.avatar_url from removed join users u on u.id = removed.user_id""",
)
MEMBERS_AMONG = Scalar(
    int, "select count(*) from members where conversation_id = $1 and user_id = any ($2::uuid[]) and left_at is null"
)
PASS_OWNERSHIP = Run(
    """
    update members set role = 'owner' where (conversation_id, user_id) in (
        select conversation_id, user_id from members where conversation_id = $1 and left_at is null
        order by joined_at, user_id limit 1
    ) and not exists (select from members where conversation_id = $1 and left_at is null and role = 'owner')"""
)
# Groups that a user is in: which are left, some ($2) at a time, when the account is erased.
GROUPS_OF = Many(
    GroupId,
    """
    select c.id from members m join conversations c on c.id = m.conversation_id and c.kind = 'group'
    where m.user_id = $1 and m.left_at is null limit $2""",
)
CLOSE = Scalar(
    datetime, "update conversations set closed_at = $2 where id = $1 and closed_at is null returning closed_at"
)
MEMBERS_OF = Many(MemberId, "select user_id from members where conversation_id = $1 and left_at is null")
NEXT_PLACE = One(
    Place,
    """
    update conversations
    set last_seq = last_seq + 1, version = version + 1, last_message_at = clock_timestamp(), changed_at = clock_timestamp()
    where id = $1 returning last_seq as seq, version, last_message_at as at""",
)
APPEND_SYSTEM_MESSAGE = Run(
    """
    insert into messages
        (conversation_id, seq, version, changed_at, id, sender_id, kind, body, created_at, wording, people)
    values ($1, $2, $3, $7, $4, $5, 'system', $6, $7, $8, $9)"""
)
# Those ($3) whom the note $2 lets in have read it, and who has caused it ($4), if she has read what came before it.
READ_NOTE = Run(
    """
    update members set last_read_seq = $2, last_read_at = clock_timestamp()
    where conversation_id = $1 and left_at is null and last_read_seq < $2
        and (user_id = any ($3::uuid[]) or user_id = $4 and last_read_seq = $2 - 1)"""
)


async def create_pair(ctx: Ctx, other_id: UUID) -> tuple[Conversation, bool]:
    """Return the caller's conversation with `other_id`, and whether it was made now. Who may is the marketplace's rule.

    Raises USER_UNREACHABLE if there is none yet and one of the two has blocked the other.
    """
    key = pair_key(ctx.user.id, other_id)
    async with unit_of_work(ctx) as work:
        await LOCK_PAIR(work.db, key)
        created = await CREATE_PAIR(work.db, ctx.new_id(), ctx.market, key, ctx.user.id)
        if created:
            await blocks.require_none(work.db, ctx.user.id, other_id)
            await ADD_MEMBERS(work.db, created, [ctx.user.id, other_id], "member", ctx.market, ctx.user.id)
            work.emit([ctx.user.id, other_id], ConversationCreated(created))
    if created:
        return await get(ctx, created), True
    existing = await PAIR_BY_KEY(ctx.db, ctx.market, key)
    assert existing, "a pair that could not be made is there"  # noqa: S101
    return await get(ctx, existing), False


def pair_key(one: UUID, other: UUID) -> str:
    """Return what names the conversation of two people."""
    return ":".join(sorted((str(one), str(other))))


async def get(ctx: Ctx, id: UUID) -> Conversation:
    """Return one conversation of the caller; raises CONVERSATION_NOT_FOUND, NOT_A_MEMBER."""
    row = await ONE_OF_USER(ctx.db, ctx.user.id, id)
    if row is None:
        await require_member(ctx, id)
        raise errors.CONVERSATION_NOT_FOUND.error()
    return (await _with_members(ctx.db, [row]))[0]


async def list_of_user(ctx: Ctx, query: CursorQuery) -> tuple[list[Conversation], CursorPagination]:
    """Return one page of the caller's conversations, the latest first."""
    rows = await LIST_OF_USER(ctx.db, ctx.user.id, *query.bounds)
    page = page_of(query, rows, lambda row: Position(row.last_message_at or row.created_at, row.id))
    total = await COUNT_OF_USER(ctx.db, ctx.user.id) or 0
    return await _with_members(ctx.db, page.rows), cursor_pagination(query, total, page.next_cursor)


async def require_member(ctx: Ctx, id: UUID, db: Db | None = None) -> Standing:
    """Raise CONVERSATION_NOT_FOUND or NOT_A_MEMBER unless the caller is in the conversation."""
    standing = found(await STANDING(db or ctx.db, id, ctx.user.id, ctx.market), errors.CONVERSATION_NOT_FOUND.error())
    if standing.role is None:
        raise errors.NOT_A_MEMBER.error()
    return standing


async def require_open(ctx: Ctx, id: UUID) -> None:
    """Raise as require_member, and CONVERSATION_CLOSED or USER_UNREACHABLE where nothing is said any more."""
    standing = await require_member(ctx, id)
    if standing.closed_at:
        raise errors.CONVERSATION_CLOSED.error()
    if standing.is_blocked:
        raise errors.USER_UNREACHABLE.error()


async def require_members(ctx: Ctx, id: UUID, user_ids: Sequence[UUID], db: Db | None = None) -> None:
    """Raise VALIDATION_ERROR unless all these users (of a mention) are in the conversation."""
    if user_ids and await MEMBERS_AMONG(db or ctx.db, id, list(user_ids)) != len(set(user_ids)):
        raise not_all_members()


def not_all_members() -> errors.AppError:
    """Return the error of a mention of someone who is not in the conversation."""
    return errors.invalid("mentions", "Only members can be mentioned")


async def leave_some(ctx: Ctx, user_id: UUID, most: int) -> int:
    """Take a user whose account is erased out of groups, each in a unit of its own; return how many these were."""
    groups = await GROUPS_OF(ctx.db, user_id, most)
    for group in groups:
        async with unit_of_work(ctx) as work:
            await LOCK(work.db, group.id)
            if gone := await REMOVE_MEMBER(work.db, group.id, user_id, True):
                await PASS_OWNERSHIP(work.db, group.id)
                await _log(work, group.id, gone, "{actor} left")
    return len(groups)


async def close(ctx: Ctx, work: UnitOfWork, id: UUID, template: str) -> None:
    """Have nothing said in a conversation any more, after a last note: `template` says why, by "{actor}"."""
    await LOCK(work.db, id)
    closed_at = await CLOSE(work.db, id, clock.now())
    if closed_at:
        await _log(work, id, ctx.user.person, template)
        work.emit([row.user_id for row in await MEMBERS_OF(work.db, id)], ConversationClosed(id, closed_at))


async def say_joined(
    ctx: Ctx, work: UnitOfWork, id: UUID, people: Sequence[Person], inviter: Person | None = None
) -> None:
    """Tell a group, and these people, that the caller has added them, or has joined it herself.

    Who has invited her is the sender of that note, so that it is not unread for him.
    """
    if people:
        if people[0].id == ctx.user.id:
            await _log(work, id, inviter or ctx.user.person, "{person} joined", people, person=ctx.user.person)
        else:
            await _log_added(work, id, ctx.user.person, people)
        _tell(work, id, people, is_member=True)


async def _log_added(work: UnitOfWork, id: UUID, actor: Person, people: Sequence[Person]) -> None:
    named = {f"person{place}": person for place, person in enumerate(people[:NAMED])}
    names = ", ".join(f"{{{place}}}" for place in named)
    more = f" and {len(people) - NAMED} more" if len(people) > NAMED else ""
    await _log(work, id, actor, "{actor} added " + names + more, people, **named)


async def say_left(ctx: Ctx, work: UnitOfWork, id: UUID, person: Person) -> None:
    """Tell a group, and someone who is out of it, that she has left or was removed by the caller."""
    template = "{actor} left" if person.id == ctx.user.id else "{actor} removed {person}"
    await _log(work, id, ctx.user.person, template, person=person)
    _tell(work, id, [person], is_member=False)


def _tell(work: UnitOfWork, id: UUID, people: Sequence[Person], *, is_member: bool) -> None:
    for person in people:
        work.emit([person.id], MembersChanged(id, person.id, is_member))


async def _log(
    work: UnitOfWork, id: UUID, actor: Person, template: str, joining: Sequence[Person] = (), **people: Person
) -> None:
    text = worded(template, {"actor": actor, **people})
    place = found(await NEXT_PLACE(work.db, id), errors.CONVERSATION_NOT_FOUND.error())
    notice = Message(work.new_id(), id, place.seq, place.version, actor, text.text(), place.at, kind="system")
    numbers = (place.seq, place.version, notice.id, actor.id, MEMBERS_HAVE_CHANGED, place.at)
    await APPEND_SYSTEM_MESSAGE(work.db, id, *numbers, text.pieces, text.ids)
    await READ_NOTE(work.db, id, place.seq, [person.id for person in joining], actor.id)
    work.changed(id, place.version, MessageReceived(notice, id))


async def _with_members(db: Db, rows: Sequence[ConversationRow]) -> list[Conversation]:
    members: dict[UUID, list[Member]] = {row.id: [] for row in rows}
    for one in await MEMBERS_SHOWN_OF(db, list(members), MEMBERS_SHOWN):
        members[one.conversation_id].append(
            Member(one.id, one.name, one.avatar_url, one.user_type, one.role, one.last_read_seq)
        )
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
