"""System messages in a conversation: who joined, who left, and that it is closed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import MembersChanged, Message, MessageReceived
from core.base.people import Person
from core.platform.db import One, Run, found
from core.text.wording import worded
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork

NAMED = 3  # users named in a note, at most
# The `body` of system messages, which contains no names.
MEMBERS_HAVE_CHANGED = "Members changed"


class Place(msgspec.Struct, frozen=True):
    """The next place in a conversation, taken in this transaction."""

    seq: int
    version: int
    at: datetime


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
# Marks the note $2 as read for users $3, who join with it, and for its author $4 if they had read everything before it.
READ_NOTE = Run(
    """
    update members set last_read_seq = $2, last_read_at = clock_timestamp()
    where conversation_id = $1 and left_at is null and last_read_seq < $2
        and (user_id = any ($3::uuid[]) or user_id = $4 and last_read_seq = $2 - 1)"""
)


async def say_joined(
    ctx: Ctx, work: UnitOfWork, id: UUID, people: Sequence[Person], inviter: Person | None = None
) -> None:
    """Log that the caller has added these users to a group, or has joined it, and publish their membership.

    The inviter is the sender of the note about a user who accepts, so that it is not unread for the inviter.
    """
    if people:
        if people[0].id == ctx.user.id:
            await log(work, id, inviter or ctx.user.person, "{person} joined", people, person=ctx.user.person)
        else:
            await _added(work, id, ctx.user.person, people)
        _publish_membership(work, id, people, is_member=True)


async def _added(work: UnitOfWork, id: UUID, actor: Person, people: Sequence[Person]) -> None:
    named = {f"person{place}": person for place, person in enumerate(people[:NAMED])}
    names = ", ".join(f"{{{place}}}" for place in named)
    more = f" and {len(people) - NAMED} more" if len(people) > NAMED else ""
    await log(work, id, actor, "{actor} added " + names + more, people, **named)


async def say_left(ctx: Ctx, work: UnitOfWork, id: UUID, person: Person) -> None:
    """Log that a user has left a group or was removed by the caller, and publish it."""
    template = "{actor} left" if person.id == ctx.user.id else "{actor} removed {person}"
    await log(work, id, ctx.user.person, template, person=person)
    _publish_membership(work, id, [person], is_member=False)


def _publish_membership(work: UnitOfWork, id: UUID, people: Sequence[Person], *, is_member: bool) -> None:
    for person in people:
        work.emit([person.id], MembersChanged(id, person.id, is_member))


async def log(
    work: UnitOfWork, id: UUID, actor: Person, template: str, joining: Sequence[Person] = (), **people: Person
) -> None:
    """Add a system message by an actor; `template` names people. It counts as read for those who are `joining`."""
    text = worded(template, {"actor": actor, **people})
    place = found(await NEXT_PLACE(work.db, id), errors.CONVERSATION_NOT_FOUND.error())
    notice = Message(work.new_id(), id, place.seq, place.version, actor, text.text(), place.at, kind="system")
    numbers = (place.seq, place.version, notice.id, actor.id, MEMBERS_HAVE_CHANGED, place.at)
    await APPEND_SYSTEM_MESSAGE(work.db, id, *numbers, text.pieces, text.ids)
    await READ_NOTE(work.db, id, place.seq, [person.id for person in joining], actor.id)
    work.changed(id, place.version, MessageReceived(notice, id))
