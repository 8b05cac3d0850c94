"""Search of members in their own messages, with one index for all conversations that workers fill (docs/search.md).

A message can be found about a second after it was sent. Results show the current text of the message.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Final
from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import Message
from core.base.paging import AfterQuery, Position, Rows, page_of
from core.chat.membership import require_member
from core.messages import previews
from core.messages.previews import Match
from core.messages.rows import SHOWN, MessageRow, as_message
from core.platform.db import Db, Many, One, Pool, QueryCanceled, Scalar, transaction
from core.work.context import Ctx

MOST_MILLISECONDS: Final = 1500  # a search that takes longer is cancelled
AT_ONCE: Final = 100  # messages of a conversation per transaction, because edits of them wait for it
PAGE: Final = 1000  # conversations checked for missing words at a time
MOST_SECONDS: Final = 20.0  # of each minute, that a worker spends on it
START: Final = UUID(int=0)


class FoundMessage(msgspec.Struct, frozen=True, rename="camel"):
    """A message that was found. `preview` is a part of its content, `matches` say where the words are in that."""

    conversation_id: UUID
    seq: int
    message: Message
    preview: str
    matches: list[Match]


class Behind(msgspec.Struct, frozen=True):
    id: UUID


class Standing(msgspec.Struct, frozen=True):
    """A page of conversations: the last one, and those with messages that are not indexed."""

    last: UUID | None
    behind: list[UUID]


ASKED = Scalar(str, "select search_keyed_query($1)")
LIMIT_TIME = Scalar(str, "select set_config('statement_timeout', $1, true)")
# For user $1 in conversation $2, or all of the user's (null): $3 is search_keyed_query, then a position and a limit. Each
# conversation is looked up in the index separately, and returns at most as many as are shown.
FIND = Many(
    MessageRow,
    f"""
    with found as materialized (
        select f.conversation_id, f.message_id
        from members s
        cross join lateral (
            select w.conversation_id, w.message_id, w.sent_at from message_words w
            where w.words @@ replace($3::text, '~', search_key(s.conversation_id))::tsquery
                and w.conversation_id = s.conversation_id and (w.sent_at, w.message_id) < ($4::timestamptz, $5::uuid)
            order by w.sent_at desc, w.message_id desc limit $6
        ) f
        where s.user_id = $1 and s.left_at is null and ($2::uuid is null or s.conversation_id = $2)
        order by f.sent_at desc, f.message_id desc limit $6
    )
    {SHOWN} join found f on f.conversation_id = m.conversation_id and f.message_id = m.id
    where m.deleted_at is null order by m.created_at desc, m.id desc""",  # noqa: S608 - no input in it
)
# Indexes the next $3 messages of each of conversations $1 in markets $2 (seqs are dense); returns conversations that may have
# more. The lock orders it before or after each edit, so no words of a replaced text stay.
STORE = Many(
    Behind,
    """
    with fresh as materialized (
        select m.* from conversations c
        left join message_words_stored k on k.conversation_id = c.id
        cross join lateral (
            select m.id, m.conversation_id, m.seq, m.body, m.kind, m.created_at from messages m
            where m.conversation_id = c.id and m.seq > coalesce(k.seq, 0) and m.seq <= coalesce(k.seq, 0) + $3::int
            order by m.seq for share of m
        ) m
        where c.id = any ($1::uuid[]) and c.market = any ($2::text[])
    ),
    stored as (
        insert into message_words (message_id, conversation_id, sent_at, words)
        select f.id, f.conversation_id, f.created_at, search_keyed(search_key(f.conversation_id), f.body) from fresh f
        where f.kind = 'text' and f.body <> '' and not is_sealed(f.body) order by f.id
        on conflict do nothing
    ),
    moved as (
        insert into message_words_stored as k (conversation_id, seq)
        select f.conversation_id, max(f.seq) from fresh f group by 1 order by 1
        on conflict (conversation_id) do update set seq = excluded.seq where k.seq < excluded.seq
    )
    select f.conversation_id as id from fresh f group by 1 having count(*) >= $3""",
)
# Of markets $1, the next $3 conversations after $2.
MISSING = One(
    Standing,
    """
    with page as (
        select c.id, c.market = any ($1::text[]) and c.last_seq > coalesce(k.seq, 0) as is_behind
        from conversations c left join message_words_stored k on k.conversation_id = c.id
        where c.id > $2 order by c.id limit $3
    )
    select (select p.id from page p order by p.id desc limit 1) as last,
        array(select p.id from page p where p.is_behind order by p.id) as behind""",
)


async def find(ctx: Ctx, text: str, conversation_id: UUID | None, query: AfterQuery) -> Rows[FoundMessage]:
    """Return messages of the caller's conversations with all words of a text, the newest first.

    Raises CONVERSATION_NOT_FOUND, NOT_A_MEMBER, VALIDATION_ERROR, SEARCH_TOO_BROAD.
    """
    if conversation_id:
        await require_member(ctx, conversation_id)
    place = query.after

    async def read(db: Db) -> tuple[str, list[MessageRow]]:
        asked = await ASKED(db, text)
        if not asked:
            raise errors.invalid("q", "Must have a letter or digit")
        async with transaction(db) as bounded:
            await LIMIT_TIME(bounded, str(MOST_MILLISECONDS))
            return asked, await FIND(bounded, ctx.user.id, conversation_id, asked, place.at, place.id, query.limit + 1)

    try:
        asked, rows = await ctx.resources.late_reads(read)
    except QueryCanceled:
        raise errors.SEARCH_TOO_BROAD.error() from None
    rows = ctx.resources.sealing.opened(rows, "content")  # of a market that seals no more
    page = page_of(query, rows, lambda row: Position(row.sent_at, row.id))
    shown = await previews.of(ctx.db, [row.content for row in page.rows], text, asked)
    return Rows(
        [
            FoundMessage(row.conversation_id, row.seq, as_message(row), *one)
            for row, one in zip(page.rows, shown, strict=True)
        ],
        page.next_cursor,
    )


async def store_words(db: Pool, markets: Sequence[str], conversation_ids: Sequence[UUID]) -> None:
    """Index the words of new messages in these conversations; a repeat changes nothing."""
    waiting = list(conversation_ids)
    while waiting:
        waiting = [row.id for row in await STORE(db, waiting, list(markets), AT_ONCE)]


async def store_missing(db: Pool, markets: Sequence[str], after: UUID) -> UUID:
    """Index missing words in the conversations after one, for some seconds; return the last conversation done."""
    until = monotonic() + MOST_SECONDS
    while monotonic() < until:
        page = await MISSING(db, list(markets), after, PAGE)
        if page is None or page.last is None:
            return START
        for id in page.behind:
            await store_words(db, markets, [id])
        after = page.last
    return after
