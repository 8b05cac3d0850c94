"""Sync: all changes in all conversations of a user since a time, in pages. There is no retention limit: it reads the log.

A cursor holds the time, and between the pages of one answer also the position. Changes from shortly before the time are sent
again, because a transaction may have become visible only after it; clients merge by id and version.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from core.base import clock, cursors
from core.base.events import Message
from core.chat.unread import unread
from core.messages.catchup import CHANGES
from core.messages.rows import as_message
from core.platform.db import Db, Many
from core.work.context import Ctx

OVERLAP = timedelta(seconds=15)  # longer than any commit takes: a batch is cancelled after 10 s
CONVERSATIONS = 50
MESSAGES = 100
# The size of all texts in an answer: further conversations get `complete: false`. A single conversation may exceed it.
MAX_OCTETS = 2_000_000


class ReadPosition(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How far a member has read."""

    user_id: UUID
    last_read_seq: int


class ConversationChanges(msgspec.Struct, frozen=True, rename="camel"):
    """What changed in one conversation. Not `complete`: more than fits; take a fresh page of its history instead.

    Not `isMember`: the caller has left or was removed, and learns nothing of what came later: `lastSeq` is her own `lastReadSeq`,
    `version` 0.
    """

    conversation_id: UUID
    is_member: bool
    last_seq: int
    version: int
    last_read_seq: int
    unread_count: int
    messages: list[Message]
    positions: list[ReadPosition]
    complete: bool


class Changes(msgspec.Struct, frozen=True, rename="camel"):
    """One page of changes. Ask again with `cursor`: at once if `has_more`, else when you have been away again."""

    conversations: list[ConversationChanges]
    cursor: str
    has_more: bool


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """`since`: the requested time; `until`: when it was requested; `after`: the last conversation of the previous page."""

    since: datetime
    until: datetime
    after: UUID = UUID(int=0)


class ChangedRow(msgspec.Struct, frozen=True):
    id: UUID
    is_member: bool
    last_seq: int
    version: int
    last_read_seq: int
    since: int
    unread_count: int


class PositionRow(msgspec.Struct, frozen=True):
    conversation_id: UUID
    user_id: UUID
    last_read_seq: int


class SizeRow(msgspec.Struct, frozen=True):
    id: UUID
    octets: int


# `since`: the version at that time. Walking back from the newest version reads only rows that are part of the answer.
CHANGED = Many(
    ChangedRow,
    f"""
    select c.id, s.left_at is null as is_member, c.last_seq, c.version, s.last_read_seq,
        coalesce((
            select m.version from messages m where m.conversation_id = c.id and m.changed_at < $2
            order by m.version desc limit 1
        ), 0) as since, {unread("c", "s")} as unread_count
    from members s join conversations c on c.id = s.conversation_id
    where s.user_id = $1 and c.id > $3
        and case when s.left_at is null then greatest(c.changed_at, s.last_read_at, s.joined_at) else s.left_at end >= $2
    order by c.id limit $4""",  # noqa: S608 - no input in it
)
# The size of the texts that changed in conversations $1 after versions $2 up to versions $3, of at most $4 messages.
SIZES = Many(
    SizeRow,
    """
    select c.id, coalesce((
        select sum(octet_length(n.body)) from (
            select m.body from messages m where m.conversation_id = c.id and m.version > c.since and m.version <= c.until
            order by m.version limit $4
        ) n
    ), 0)::bigint as octets
    from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as c (id, since, until, place) order by c.place""",
)
CHANGED_POSITIONS = Many(
    PositionRow,
    """
    select conversation_id, user_id, last_read_seq from members
    where conversation_id = any ($1::uuid[]) and last_read_at >= $2 and left_at is null
    order by last_read_at desc limit 1000""",
)


async def changes(ctx: Ctx, cursor: str | None) -> Changes:
    """Return a page of the changes that the caller has missed; without a cursor, only a cursor to start with."""
    now = clock.now()
    if cursor is None:
        return Changes([], encode(Cursor(now, now)), has_more=False)
    place = decode(cursor)
    until = now if place.after == UUID(int=0) else place.until
    rows = await CHANGED(ctx.db, ctx.user.id, place.since - OVERLAP, place.after, CONVERSATIONS + 1)
    page, has_more = rows[:CONVERSATIONS], len(rows) > CONVERSATIONS
    following = Cursor(place.since, until, page[-1].id) if has_more else Cursor(until, until)
    return Changes(await _filled(ctx, page, place.since - OVERLAP), encode(following), has_more)


def encode(cursor: Cursor) -> str:
    """Encode a cursor for clients."""
    return cursors.encode(cursor)


def decode(text: str) -> Cursor:
    """Decode a client's cursor; raises VALIDATION_ERROR."""
    cursor = cursors.decode(text, Cursor)
    try:
        return Cursor(cursor.since.astimezone(UTC), cursor.until.astimezone(UTC), cursor.after)
    except (OverflowError, ValueError):
        raise cursors.not_ours() from None


async def _filled(ctx: Ctx, rows: Sequence[ChangedRow], moment: datetime) -> list[ConversationChanges]:
    db, mine = ctx.db, [row for row in rows if row.is_member]
    fitting = await _fitting(db, mine)
    messages: dict[UUID, list[Message]] = {row.id: [] for row in fitting}
    changed = await CHANGES(db, *_ranges(fitting), MESSAGES + 1)
    for message in map(as_message, ctx.resources.sealing.opened(changed, "content")):
        messages[message.conversation_id].append(message)
    positions: dict[UUID, list[ReadPosition]] = {row.id: [] for row in rows}
    for row in await CHANGED_POSITIONS(db, [row.id for row in mine], moment):
        positions[row.conversation_id].append(ReadPosition(row.user_id, row.last_read_seq))
    return [_changes(row, messages.get(row.id), positions[row.id]) for row in rows]


async def _fitting(db: Db, rows: Sequence[ChangedRow]) -> list[ChangedRow]:
    """Return the leading conversations whose texts fit into an answer."""
    octets = 0
    fitting: list[ChangedRow] = []
    for row, size in zip(rows, await SIZES(db, *_ranges(rows), MESSAGES + 1), strict=True):
        octets += size.octets
        if octets > MAX_OCTETS and fitting:
            break
        fitting.append(row)
    return fitting


def _ranges(rows: Sequence[ChangedRow]) -> tuple[list[UUID], list[int], list[int]]:
    return [row.id for row in rows], [row.since for row in rows], [row.version for row in rows]


def _changes(row: ChangedRow, found: list[Message] | None, positions: list[ReadPosition]) -> ConversationChanges:
    """Build the changes of a conversation; `found` is None if they do not fit into the answer."""
    messages = found or []
    complete = len(messages) <= MESSAGES and (found is not None or not row.is_member)
    return ConversationChanges(
        conversation_id=row.id,
        is_member=row.is_member,
        last_seq=row.last_seq if row.is_member else row.last_read_seq,
        version=row.version if row.is_member else 0,
        last_read_seq=row.last_read_seq,
        unread_count=row.unread_count if row.is_member else 0,
        messages=messages if complete else [],
        positions=positions,
        complete=complete,
    )
