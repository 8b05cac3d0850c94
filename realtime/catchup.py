"""The one door through which the log is read back: for holes in the bus, for joins, and for clients that were behind or away."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base.events import Event, Message, MessageDeleted, MessageEdited, MessageReceived
from core.messages.catchup import CHANGES_WITHIN, NEWEST, STOOD_AT, Place
from core.messages.rows import SizedMessageRow, as_message
from core.platform.db import Pool
from realtime.batch import Batch
from realtime.engine import packets
from realtime.recent import Recent

PAGE = 200
QUESTIONS = 500
GATHER_SECONDS = 0.02
# Octets of a page: of all that are answered in one turn together, but of each one no more, and no less, or one message.
OF_TURN = 4 * 1024 * 1024
MOST_OF_PAGE = 256 * 1024
LEAST_OF_PAGE = 8 * 1024
MOST_OF_RECENT = 64 * 1024  # characters of a page that is in memory: it is answered at once, whatever else is

_encode = msgspec.json.Encoder().encode


class Changes(msgspec.Struct, frozen=True):
    """What changed after one version, up to another: whole messages in the order of their last change.

    Not `complete`: there is more, by number or by size.
    """

    messages: list[Message]
    complete: bool


class Log:
    """Answers all questions of a turn with one statement, and equal ones with one answer: thousands come back at once."""

    def __init__(self, db: Pool) -> None:
        self._db = db
        self.recent = Recent()
        self._changes = Batch(self._read_changes, QUESTIONS, gather=GATHER_SECONDS)
        self._newest = Batch(self._read_newest, QUESTIONS, gather=GATHER_SECONDS)
        self._stood = Batch(self._read_places, QUESTIONS, gather=GATHER_SECONDS)

    async def changes(self, conversation_id: UUID, since: int, until: int) -> Changes:
        """Return one page of the changes after version `since`, up to `until`; `complete` if it reaches that far."""
        recent = self.recent.since(conversation_id.bytes, since, until) if until - since <= PAGE else None
        if recent is not None and sum(len(message.content) for message in recent) <= MOST_OF_RECENT:
            return Changes(recent, complete=True)
        return await self._changes.ask((conversation_id, since, until))

    async def newest(self, conversation_id: UUID, last_seq: int, count: int) -> list[Message]:
        """Return the last messages up to `last_seq`, oldest first, as many as fit into a page."""
        return await self._newest.ask((conversation_id, last_seq, count)) if count else []

    async def stood_at(self, conversation_id: UUID, moment: datetime) -> Place:
        """Return the seq and version that a conversation had at a moment."""
        return await self._stood.ask((conversation_id, moment))

    async def _read_changes(self, questions: list[tuple[UUID, int, int]]) -> Sequence[Changes]:
        different, most = list(dict.fromkeys(questions)), _most_of_page(len(questions))
        pages = _by_place(await CHANGES_WITHIN(self._db, *_columns(different), PAGE + 1, most), len(different))
        answers = dict(zip(different, [_changes(page, most) for page in pages], strict=True))
        return [answers[question] for question in questions]

    async def _read_newest(self, questions: list[tuple[UUID, int, int]]) -> Sequence[list[Message]]:
        different, most = list(dict.fromkeys(questions)), _most_of_page(len(questions))
        pages = _by_place(await NEWEST(self._db, *_columns(different), most), len(different))
        answers = dict(zip(different, [list(map(as_message, page)) for page in pages], strict=True))
        return [answers[question] for question in questions]

    async def _read_places(self, questions: list[tuple[UUID, datetime]]) -> Sequence[Place]:
        return await STOOD_AT(self._db, *_columns(questions))


def frame_of(message: Message, seen_seq: int) -> bytes:
    """Return the event that brings someone who has seen the messages up to `seen_seq` up to date."""
    return encode(_event_of(message, seen_seq))


def encode(event: Event) -> bytes:
    """Return an event as a finished frame."""
    return packets.event_raw(event.name, _encode(event))


def _event_of(message: Message, seen_seq: int) -> Event:
    if message.seq > seen_seq:
        return MessageReceived(message, message.conversation_id)
    if message.deleted_at:
        return MessageDeleted(message.conversation_id, message.id, message.seq, message.version)
    return MessageEdited(message, message.conversation_id)


def _columns(questions: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*questions, strict=True)]


def _most_of_page(count: int) -> int:
    """Return how many octets each of so many pages may have: they are read, and encoded, in one turn."""
    return max(LEAST_OF_PAGE, min(MOST_OF_PAGE, OF_TURN // count))


def _changes(rows: Sequence[SizedMessageRow], most: int) -> Changes:
    is_complete = len(rows) <= PAGE and (not rows or rows[-1].octets <= most)
    return Changes(list(map(as_message, rows[:PAGE])), is_complete)


def _by_place(rows: Sequence[SizedMessageRow], count: int) -> list[list[SizedMessageRow]]:
    pages: list[list[SizedMessageRow]] = [[] for _ in range(count)]
    for row in rows:
        pages[row.place - 1].append(row)
    return pages
