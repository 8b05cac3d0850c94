"""The one door through which the log is read back: for holes in the bus, for joins, and for clients that were behind."""

from uuid import UUID

import msgspec

from core.db import Db
from core.events import Event, Message, MessageDeleted, MessageEdited, MessageReceived
from core.messages import CHANGES, PAGE_BEFORE, as_message
from realtime.engine import packets

PAGE = 200


class Changes(msgspec.Struct, frozen=True):
    """What changed after one version, up to another: whole messages in the order of their last change."""

    messages: list[Message]
    complete: bool


async def changes(db: Db, conversation_id: UUID, since: int, until: int) -> Changes:
    """Return one page of the changes after version `since`, up to `until`; `complete` if it reaches that far."""
    rows = await CHANGES(db, conversation_id, since, until, PAGE + 1)
    return Changes([as_message(row) for row in rows[:PAGE]], len(rows) <= PAGE)


async def newest(db: Db, conversation_id: UUID, limit: int, last_seq: int) -> list[Message]:
    """Return the last messages up to `last_seq`, oldest first."""
    rows = await PAGE_BEFORE(db, conversation_id, last_seq + 1, limit) if limit else []
    return [as_message(row) for row in reversed(rows)]


def frame_of(message: Message, seen_seq: int) -> bytes:
    """Return the event that brings someone who has seen the messages up to `seen_seq` up to date."""
    return encode(_event_of(message, seen_seq))


def encode(event: Event) -> bytes:
    """Return an event as a finished frame."""
    return packets.event(event.name, event)


def _event_of(message: Message, seen_seq: int) -> Event:
    if message.seq > seen_seq:
        return MessageReceived(message, message.conversation_id)
    if message.deleted_at:
        return MessageDeleted(message.conversation_id, message.id, message.seq, message.version)
    return MessageEdited(message, message.conversation_id)
