"""Reads the message log: for gaps in the bus, for joins, and for clients that were slow or disconnected."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base.events import Event, Message, MessageDeleted, MessageEdited, MessageReceived
from core.messages.catchup import CHANGES_WITHIN, NEWEST, STOOD_AT, Place
from core.messages.rows import SizedMessageRow, as_message
from core.platform.db import Pool
from core.platform.sealing.sealing import Sealing
from realtime.concurrency.batch import Batch
from realtime.dialect.encoder import Encoder
from realtime.log.recent import Recent

PAGE = 200
MOST_READS = 500  # of one statement
GATHER_SECONDS = 0.02
# Octets: of all pages that are read in one turn together; the most and the least of one page, which has one message at least.
OF_TURN = 4 * 1024 * 1024
MOST_OF_PAGE = 256 * 1024
LEAST_OF_PAGE = 8 * 1024
MOST_OF_RECENT = 64 * 1024  # characters of a page from memory: it is answered at once, so it is not part of OF_TURN


class Changes(msgspec.Struct, frozen=True):
    """The messages that changed after one version, up to another, in the order of their last change.

    Not `complete`: the page is full, by number or by size, and there are more.
    """

    messages: list[Message]
    complete: bool


class MessageLog:
    """Serves all reads of a loop turn with one statement, and equal reads with one answer: thousands may reconnect at once."""

    def __init__(self, db: Pool, sealing: Sealing) -> None:
        self._db = db
        self._sealing = sealing
        self.recent = Recent()
        self._changes = Batch(self._read_changes, MOST_READS, gather=GATHER_SECONDS)
        self._newest = Batch(self._read_newest, MOST_READS, gather=GATHER_SECONDS)
        self._stood = Batch(self._read_places, MOST_READS, gather=GATHER_SECONDS)

    async def changes(self, conversation_id: UUID, since: int, until: int, encoder: Encoder) -> Changes:
        """Return one page of the changes after version `since`, up to `until`; `complete` if it reaches that far."""
        recent = self.recent.since(conversation_id.bytes, since, until, encoder) if until - since <= PAGE else None
        if recent is not None and sum(len(message.content) for message in recent) <= MOST_OF_RECENT:
            return Changes(recent, complete=True)
        return await self._changes.ask((conversation_id, since, until))

    async def newest(self, conversation_id: UUID, last_seq: int, count: int) -> list[Message]:
        """Return the last messages up to `last_seq`, oldest first, as many as fit into a page."""
        return await self._newest.ask((conversation_id, last_seq, count)) if count else []

    async def stood_at(self, conversation_id: UUID, moment: datetime) -> Place:
        """Return the seq and version that a conversation had at a moment."""
        return await self._stood.ask((conversation_id, moment))

    async def _read_changes(self, reads: list[tuple[UUID, int, int]]) -> Sequence[Changes]:
        different, most = list(dict.fromkeys(reads)), _most_of_page(len(reads))
        rows = await CHANGES_WITHIN(self._db, *_columns(different), PAGE + 1, most)
        pages = _by_place(self._sealing.opened(rows, "content"), len(different))
        answers = dict(zip(different, [_changes(page, most) for page in pages], strict=True))
        return [answers[read] for read in reads]

    async def _read_newest(self, reads: list[tuple[UUID, int, int]]) -> Sequence[list[Message]]:
        different, most = list(dict.fromkeys(reads)), _most_of_page(len(reads))
        rows = await NEWEST(self._db, *_columns(different), most)
        pages = _by_place(self._sealing.opened(rows, "content"), len(different))
        answers = dict(zip(different, [list(map(as_message, page)) for page in pages], strict=True))
        return [answers[read] for read in reads]

    async def _read_places(self, reads: list[tuple[UUID, datetime]]) -> Sequence[Place]:
        return await STOOD_AT(self._db, *_columns(reads))


def event_of(message: Message, seen_seq: int) -> Event:
    """Return the event that updates a client that has received the messages up to `seen_seq`."""
    if message.seq > seen_seq:
        return MessageReceived(message, message.conversation_id)
    if message.deleted_at:
        return MessageDeleted(message.conversation_id, message.id, message.seq, message.version)
    return MessageEdited(message, message.conversation_id)


def _columns(reads: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*reads, strict=True)]


def _most_of_page(count: int) -> int:
    """Return how many octets each of `count` pages may have: they are read and encoded in one turn."""
    return max(LEAST_OF_PAGE, min(MOST_OF_PAGE, OF_TURN // count))


def _changes(rows: Sequence[SizedMessageRow], most: int) -> Changes:
    is_complete = len(rows) <= PAGE and (not rows or rows[-1].octets <= most)
    return Changes(list(map(as_message, rows[:PAGE])), is_complete)


def _by_place(rows: Sequence[SizedMessageRow], count: int) -> list[list[SizedMessageRow]]:
    pages: list[list[SizedMessageRow]] = [[] for _ in range(count)]
    for row in rows:
        pages[row.place - 1].append(row)
    return pages
