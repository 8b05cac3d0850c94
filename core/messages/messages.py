"""The log of a conversation: reading it, and the changes to what is in it. New messages come in by Publisher.append."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.base import emojis, errors
from core.base.events import ConversationRead, Message, MessageDeleted, MessageEdited, MessageReacted, Reaction
from core.base.people import Person
from core.base.publisher import given
from core.chat.conversation_updates import tell_changed, tell_readers
from core.chat.conversations import LOCK, require_member, require_members, require_open
from core.messages import mentions
from core.platform.db import Connection, Db, Many, One, Run, Scalar, found, transaction
from core.text import texts
from core.text.texts import UnfitError
from core.text.wording import shown
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work

MAX_CHARACTERS = 10_000
MAX_REACTIONS = 50


class MessageRow(msgspec.Struct, frozen=True):
    id: UUID
    conversation_id: UUID
    seq: int
    version: int
    sender_id: UUID
    sender_name: str
    sender_avatar_url: str | None
    content: str
    sent_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    kind: str
    client_id: str | None
    reply_to: UUID | None
    mentions: list[UUID]
    reactions: list[dict[str, object]]


class PlacedMessageRow(MessageRow, frozen=True):
    place: int


class SizedMessageRow(MessageRow, frozen=True):
    """A message of several pages, and how large it and those before it in its page are together."""

    octets: int
    place: int


class ReadMark(msgspec.Struct, frozen=True):
    """What became of one asked-for read position; no `last_read_seq`: not a member. `moved`: it was behind before."""

    conversation_id: UUID
    user_id: UUID
    message_id: UUID
    message_found: bool
    last_read_seq: int | None
    moved: bool


class Place(msgspec.Struct, frozen=True):
    seq: int
    version: int


class Change(msgspec.Struct, frozen=True):
    """Where a message stands after a change, and whether that made a difference."""

    seq: int
    version: int
    differs: bool


class Author(msgspec.Struct, frozen=True):
    """What decides who may change a message."""

    sender_id: UUID
    kind: str
    deleted_at: datetime | None


# Stored before there was one spelling of each emoji, or by a version that still runs beside this one: same without selectors.
_UNSELECTED = "translate({}, e'\\ufe0e\\ufe0f', '')"
_REACTIONS = f"""coalesce((
        select jsonb_agg(
            jsonb_build_object('emoji', e.emoji, 'count', cardinality(e.users), 'userIds', e.users[1:100]) order by e.first
        )
        from (
            select max(r.emoji) as emoji, min(r.first) as first, array_agg(r.user_id order by r.first) as users
            from (
                select {_UNSELECTED.format("g.emoji")} as key, max(g.emoji) as emoji, g.user_id, min(g.created_at) as first
                from reactions g where g.conversation_id = m.conversation_id and g.seq = m.seq group by 1, 3
            ) r group by r.key
        ) e
    ), '[]')"""  # noqa: S608 - no input in it
SHOWN = f"""
    select m.id, m.conversation_id, m.seq, m.version, u.id as sender_id, u.name as sender_name,
        u.avatar_url as sender_avatar_url, {shown("m", "body")} as content, m.created_at as sent_at, m.edited_at, m.deleted_at,
        m.kind, m.client_id, m.reply_to,
        array(
            select t.user_id from mentions t
            where t.conversation_id = m.conversation_id and t.seq = m.seq and m.deleted_at is null order by t.user_id
        ) as mentions,
        {_REACTIONS} as reactions
    from messages m join users u on u.id = m.sender_id"""  # noqa: S608 - no input in it

PAGE_BEFORE = Many(MessageRow, SHOWN + " where m.conversation_id = $1 and m.seq < $2 order by m.seq desc limit $3")
# What changed in conversations $1 after versions $2 up to versions $3, each at most $4; `place` says for which.
CHANGES = Many(
    PlacedMessageRow,
    f"""
    select n.*, c.place from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as c (id, since, until, place)
    cross join lateral (
        {SHOWN} where m.conversation_id = c.id and m.version > c.since and m.version <= c.until order by m.version limit $4
    ) n order by c.place, n.version""",  # noqa: S608 - no input in it
)
_OCTETS = "octet_length({0}.content) + octet_length({0}.reactions::text)"


def _begun_within(octets: str, order: str, page: str) -> str:
    """Return the SQL of those messages of a page in front of which there are at most so many octets."""
    return f"""
        select * from (select q.*, sum({_OCTETS.format("q")}) over (order by {order}) as octets from ({page}) q) s
        where s.octets - ({_OCTETS.format("s")}) <= {octets}"""  # noqa: S608 - no input in it


# Likewise, of each at most $5 octets and what goes beyond that.
CHANGES_WITHIN = Many(
    SizedMessageRow,
    f"""
    select n.*, c.place from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as c (id, since, until, place)
    cross join lateral ({
        _begun_within(
            "$5",
            "q.version",
            f'''
        {SHOWN} where m.conversation_id = c.id and m.version > c.since and m.version <= c.until order by m.version limit $4
    ''',
        )
    }) n order by c.place, n.version""",  # noqa: S608 - no input in it
)
# The last $3 messages of conversations $1 up to seqs $2, oldest first, within octets likewise ($4).
NEWEST = Many(
    SizedMessageRow,
    f"""
    select n.*, c.place from unnest($1::uuid[], $2::bigint[], $3::int[]) with ordinality as c (id, until, count, place)
    cross join lateral ({
        _begun_within(
            "$4",
            "q.seq desc",
            f'''
        {SHOWN} where m.conversation_id = c.id and m.seq <= c.until order by m.seq desc limit c.count
    ''',
        )
    }) n order by c.place, n.seq""",  # noqa: S608 - no input in it
)
# Where conversations $1 stood at moments $2.
STOOD_AT = Many(
    Place,
    """
    select
        coalesce((
            select m.seq from messages m where m.conversation_id = c.id and m.created_at < c.moment
            order by m.seq desc limit 1
        ), 0) as seq,
        coalesce((
            select m.version from messages m where m.conversation_id = c.id and m.changed_at < c.moment
            order by m.version desc limit 1
        ), 0) as version
    from unnest($1::uuid[], $2::timestamptz[]) with ordinality as c (id, moment, place) order by c.place""",
)
BY_ID = One(MessageRow, SHOWN + " where m.conversation_id = $1 and m.id = $2")
AUTHOR = One(Author, "select sender_id, kind, deleted_at from messages where conversation_id = $1 and id = $2")
SEQ_OF = Scalar(int, "select seq from messages where conversation_id = $1 and id = $2")
# A change is two statements in one transaction: conversations.LOCK, and then one that sees all that earlier holders of the lock
# have committed. What makes no difference takes no version and writes nothing, also if two do the same at once.


def _change_of(kept: str, differs: str, follows: str, sets: str = "") -> One[Change]:
    """Declare a change. Parameters: conversation ($1), message ($2), who changes it ($3), its text or emoji ($4), mentions ($5).

    `kept`: which messages can be changed so. `differs`: whether it makes a difference to `t`, the message. `follows`: what else
    is written, from `t` and the next version `n`. `sets`: columns of the message, besides its version.
    """
    return One(
        Change,
        f"""
        with t as materialized (
            select conversation_id, seq, version, body, deleted_at from messages
            where conversation_id = $1 and id = $2 and {kept}
        ),
        n as (
            update conversations set version = version + 1, changed_at = clock_timestamp()
            where id = $1 and exists (select from t where {differs})
            returning version, changed_at as at
        ),
        {follows},
        changed as (
            update messages m set {sets} version = n.version, changed_at = n.at
            from t cross join n where m.conversation_id = t.conversation_id and m.seq = t.seq
        )
        select t.seq, coalesce(n.version, t.version) as version, n.version is not null as differs
        from t left join n on true""",  # noqa: S608 - no input in it
    )


_MENTIONED = (
    "array(select g.user_id from mentions g where g.conversation_id = t.conversation_id and g.seq = t.seq order by 1)"
)
_AFTER = "array(select distinct u from unnest($5::uuid[]) u order by u)"
# `mentioned` is for append_messages, which compares a repeat with what was sent first; no ids, which would have to be erased.
_KEEP_TEXT = f"""kept as (
            insert into message_edits (conversation_id, seq, version, body, replaced_by, mentioned)
            select t.conversation_id, t.seq, t.version, t.body, $3, sha256(array_to_string({_MENTIONED}, ',')::bytea)
            from t cross join n
        )"""  # noqa: S608 - no input in it
_UNMENTION = """unmentioned as (
            delete from mentions g using t cross join n where g.conversation_id = t.conversation_id and g.seq = t.seq {}
        )"""
_MENTION = """mentioned as (
            insert into mentions (conversation_id, seq, user_id)
            select t.conversation_id, t.seq, u.id from t cross join n cross join unnest($5::uuid[]) as u (id)
            on conflict do nothing
        )"""
_REACTION = f"""where r.conversation_id = t.conversation_id and r.seq = t.seq and r.user_id = $3
            and {_UNSELECTED.format("r.emoji")} = {_UNSELECTED.format("$4")}"""
# Without mentions (null) they stay.
EDIT = _change_of(
    "deleted_at is null",
    f"t.body <> $4 or $5::uuid[] is not null and {_MENTIONED} <> {_AFTER}",
    ", ".join((_KEEP_TEXT, _UNMENTION.format("and g.user_id <> all ($5)"), _MENTION)),
    "body = $4, edited_at = n.at,",
)
DELETE = _change_of(
    "true",
    "t.deleted_at is null",
    ", ".join((_KEEP_TEXT, _UNMENTION.format(""))),
    "body = '', deleted_at = n.at,",
)
REACT = _change_of(
    "deleted_at is null",
    f"not exists (select from reactions r {_REACTION})",
    """given as (
            insert into reactions (conversation_id, seq, emoji, user_id)
            select t.conversation_id, t.seq, $4, $3 from t cross join n
        )""",
)
UNREACT = _change_of(
    "deleted_at is null",
    f"exists (select from reactions r {_REACTION})",
    f"taken as (delete from reactions r using t cross join n {_REACTION})",  # noqa: S608 - no input in it
)
# Earlier texts from before a moment ($1), so many at most ($2).
FORGET_EARLIER_TEXTS = Run(
    """
    delete from message_edits where (conversation_id, seq, version) in (
        select conversation_id, seq, version from message_edits where replaced_at < $1 order by replaced_at limit $2
    )"""
)
MARK_READ = Many(
    ReadMark,
    # Members are only changed under their conversation's lock, and those are taken in id order: no deadlock with sends. What
    # would move no position takes no lock either.
    """
    with asked as (
        select a.*, m.seq
        from unnest($1::uuid[], $2::uuid[], $3::uuid[])
            with ordinality as a (conversation_id, user_id, message_id, place)
        left join messages m on m.id = a.message_id and m.conversation_id = a.conversation_id
    ),
    targets as (
        select a.conversation_id, a.user_id, max(a.seq) as seq
        from asked a join members s on s.conversation_id = a.conversation_id and s.user_id = a.user_id
        where s.left_at is null and s.last_read_seq < a.seq
        group by 1, 2
    ),
    locked as materialized (
        select id from conversations where id in (select conversation_id from targets) order by id for update
    ),
    moved as (
        update members s set last_read_seq = t.seq, last_read_at = clock_timestamp()
        from targets t join locked l on l.id = t.conversation_id
        where s.conversation_id = t.conversation_id and s.user_id = t.user_id and s.left_at is null
            and s.last_read_seq < t.seq
        returning s.conversation_id, s.user_id, s.last_read_seq
    )
    select a.conversation_id, a.user_id, a.message_id, a.seq is not null as message_found,
        case when s.user_id is not null then greatest(s.last_read_seq, a.seq, v.last_read_seq) end as last_read_seq,
        v.user_id is not null as moved
    from asked a
    left join members s on s.conversation_id = a.conversation_id and s.user_id = a.user_id and s.left_at is null
    left join moved v on v.conversation_id = a.conversation_id and v.user_id = a.user_id
    order by a.place""",
)


def checked_content(content: str) -> str:
    """Return a text as it is stored; raises EMPTY_MESSAGE, MESSAGE_TOO_LONG, VALIDATION_ERROR for what Postgres cannot store."""
    if len(content) > MAX_CHARACTERS:
        raise errors.MESSAGE_TOO_LONG.error()
    try:
        text = texts.prose(content)
    except UnfitError as problem:
        raise errors.invalid("content", str(problem)) from None
    if not text:
        raise errors.EMPTY_MESSAGE.error()
    return text


async def history(ctx: Ctx, conversation_id: UUID, before: UUID | None, limit: int) -> tuple[list[Message], bool]:
    """Return up to `limit` messages before a message (or the newest), oldest first, and whether there are older ones."""
    await require_member(ctx, conversation_id)
    if before:
        last = await _seq_of(ctx.db, conversation_id, before)
        rows = await ctx.resources.late_reads(lambda db: PAGE_BEFORE(db, conversation_id, last, limit + 1))
        if len(rows) < min(limit + 1, last - 1):  # seqs are dense: what is missing has not reached the replica
            rows = await PAGE_BEFORE(ctx.db, conversation_id, last, limit + 1)
    else:  # what the caller has just sent must be in it
        rows = await PAGE_BEFORE(ctx.db, conversation_id, 2**62, limit + 1)
    return [as_message(row) for row in reversed(rows[:limit])], len(rows) > limit


async def get(ctx: Ctx, conversation_id: UUID, id: UUID) -> Message:
    """Return one message of a conversation that the caller is in."""
    await require_member(ctx, conversation_id)
    return as_message(found(await BY_ID(ctx.db, conversation_id, id), errors.MESSAGE_NOT_FOUND.error()))


async def edit(
    ctx: Ctx, conversation_id: UUID, id: UUID, content: str, mentioned: Sequence[UUID] | UnsetType = UNSET
) -> Message:
    """Change the text of one's own message, and whom it mentions; what is the same changes nothing.

    Earlier texts are kept for moderators, for a while. New mentions are notified, those that are gone no more.
    """
    content = checked_content(content)
    await require_open(ctx, conversation_id)
    await _require_author(ctx, conversation_id, id)
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, conversation_id)
        before = await mentions.of(work.db, conversation_id, id)
        after = before if mentioned is UNSET else set(mentioned)
        await require_members(ctx, conversation_id, list(after - before), work.db)
        given = None if mentioned is UNSET else list(after)
        change = await _changed(work.db, EDIT, conversation_id, id, ctx.user.id, content, given)
        place = mentions.Place(conversation_id, id, change.seq)
        await mentions.take_back(work, place, before - after)
        await mentions.tell(work, place, ctx.user.id, after - before)
    message = await get(ctx, conversation_id, id)
    if change.differs:
        ctx.publisher.changed(conversation_id, change.version, MessageEdited(message, conversation_id))
        await tell_changed(ctx, conversation_id, change.seq, deleted=False)
    return message


async def delete(ctx: Ctx, conversation_id: UUID, id: UUID) -> MessageDeleted:
    """Delete one's own message: it keeps its row and numbers, not its text and mentions. Deleting again changes nothing."""
    await _require_author(ctx, conversation_id, id, deleted=True)
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, conversation_id)
        before = await mentions.of(work.db, conversation_id, id)
        change = await _changed(work.db, DELETE, conversation_id, id, ctx.user.id)
        await mentions.take_back(work, mentions.Place(conversation_id, id, change.seq), before)
    event = MessageDeleted(conversation_id, id, change.seq, change.version)
    if change.differs:
        ctx.publisher.changed(conversation_id, change.version, event)
        await tell_changed(ctx, conversation_id, change.seq, deleted=True)
    return event


async def react(ctx: Ctx, conversation_id: UUID, id: UUID, emoji: str, *, added: bool) -> MessageReacted:
    """Add or take back the caller's reaction, one emoji; doing it twice changes nothing.

    What was given before only emoji were taken can be taken back.
    """
    spelled = emojis.spelled(emoji)
    if "\0" in emoji or (added and not spelled):
        raise errors.invalid("emoji", "Must be one emoji")
    emoji = spelled or emoji
    await require_open(ctx, conversation_id)
    before = await get(ctx, conversation_id, id)
    if added and len(before.reactions) >= MAX_REACTIONS and emoji not in {one.emoji for one in before.reactions}:
        raise errors.invalid("emoji", f"At most {MAX_REACTIONS} different ones")
    async with transaction(ctx.db) as db:
        await LOCK(db, conversation_id)
        change = await _changed(db, REACT if added else UNREACT, conversation_id, id, ctx.user.id, emoji)
    after = await get(ctx, conversation_id, id)
    event = MessageReacted(conversation_id, id, change.seq, change.version, ctx.user.id, emoji, added, after.reactions)
    if change.differs:
        ctx.publisher.changed(conversation_id, change.version, event)
    return event


async def mark_read(ctx: Ctx, conversation_id: UUID, message_id: UUID) -> int:
    """Move the caller's read position up to a message, never back; return where it is now."""
    await require_member(ctx, conversation_id)
    (mark,) = await MARK_READ(ctx.db, [conversation_id], [ctx.user.id], [message_id])
    seq = position(mark)
    if mark.moved:
        ctx.publisher.signal(conversation_id, ConversationRead(conversation_id, ctx.user.id, message_id, seq))
        await tell_readers(ctx.db, ctx.publisher, [conversation_id], [ctx.user.id])
    return seq


def position(mark: ReadMark) -> int:
    """Return the read position after a mark; raises MESSAGE_NOT_FOUND, NOT_A_MEMBER."""
    if not mark.message_found:
        raise errors.MESSAGE_NOT_FOUND.error()
    if mark.last_read_seq is None:
        raise errors.NOT_A_MEMBER.error()
    return mark.last_read_seq


def as_message(row: MessageRow) -> Message:
    """Turn a row of the log into what clients see."""
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        version=row.version,
        sender=Person(row.sender_id, row.sender_name, row.sender_avatar_url),
        content=row.content,
        sent_at=row.sent_at,
        is_edited=row.edited_at is not None,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
        kind=row.kind,
        client_id=given(row.client_id),
        reply_to=row.reply_to,
        mentions=row.mentions,
        reactions=[_spelled(reaction) for reaction in msgspec.convert(row.reactions, list[Reaction])],
    )


def _spelled(reaction: Reaction) -> Reaction:
    return msgspec.structs.replace(reaction, emoji=emojis.spelled(reaction.emoji) or reaction.emoji)


async def _changed(db: Connection, change: One[Change], *args: object) -> Change:
    """Make a change, under the lock: the next version if it makes a difference; raises MESSAGE_NOT_FOUND."""
    return found(await change(db, *args), errors.MESSAGE_NOT_FOUND.error())


async def _seq_of(db: Db, conversation_id: UUID, id: UUID) -> int:
    seq = await SEQ_OF(db, conversation_id, id)
    if seq is None:
        raise errors.MESSAGE_NOT_FOUND.error()
    return seq


async def _require_author(ctx: Ctx, conversation_id: UUID, id: UUID, *, deleted: bool = False) -> None:
    await require_member(ctx, conversation_id)
    author = found(await AUTHOR(ctx.db, conversation_id, id), errors.MESSAGE_NOT_FOUND.error())
    if author.deleted_at and not deleted:
        raise errors.MESSAGE_NOT_FOUND.error("This message has been deleted")
    if author.sender_id != ctx.user.id or author.kind != "text":
        raise errors.FORBIDDEN.error("Only one's own messages can be changed")
