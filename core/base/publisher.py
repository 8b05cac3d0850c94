"""How the rest of the backend publishes to sockets; realtime/publishing/publisher.py implements it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from core.base.events import ConversationRead, ConversationTyping, Event, Message
from core.base.people import Person

# Prefix of a client id that a hub has assigned to a message without one: see realtime/gateway/repeats.py. Clients never see it.
UNNAMED: Final = "\x1f"


class Draft(msgspec.Struct, frozen=True):
    """A message to append. With a `client_id` the send is safe to repeat. `sealed`: what is stored instead of the content."""

    id: UUID
    conversation_id: UUID
    sender: Person
    content: str
    client_id: str | None = None
    reply_to: UUID | None = None
    mentions: tuple[UUID, ...] = ()
    sealed: str | None = None


class Stored(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a send, given after commit: the same for every repeat of it, but for `duplicate`."""

    id: UUID
    seq: int
    version: int
    sent_at: datetime
    duplicate: bool


class Publisher(Protocol):
    """Appends messages and emits events, of one marketplace. Call `changed` and `emit` after the commit."""

    def of(self, market: str) -> "Publisher":
        """Return the publisher of a marketplace, which encodes in its dialect."""
        ...

    async def append(self, draft: Draft) -> Stored:
        """Store a message and publish it to the conversation. Raises NOT_A_MEMBER, MESSAGE_NOT_FOUND (reply), UNAVAILABLE."""
        ...

    def changed(self, conversation_id: UUID, version: int, event: Event) -> None:
        """Publish a committed change of a conversation, with its number `version`."""
        ...

    def signal(self, conversation_id: UUID, event: ConversationTyping | ConversationRead) -> None:
        """Publish an event that may be lost: typing, read positions. Folded: only the latest of each user is sent."""
        ...

    def emit(self, user_ids: Sequence[UUID], event: Event) -> None:
        """Send an event to all sockets of these users. It may be lost while Redis is down, so important facts are also stored."""
        ...

    def emit_encoded(self, user_ids: Sequence[UUID], name: str, payload: bytes) -> None:
        """Do the same with an event that is already encoded as JSON."""
        ...

    def broadcast(self, market: str) -> None:
        """Have all hubs send what core/broadcasts.py has stored for the clients of a marketplace."""
        ...

    def forget(self, conversation_ids: Sequence[UUID]) -> None:
        """Discard cached recent messages of these conversations: someone's name in them has been erased."""
        ...

    def resync(self, conversation_id: UUID) -> None:
        """Have all hubs compare a conversation with the database."""
        ...

    def end_sessions(self, session_ids: Sequence[UUID]) -> None:
        """Close the sockets of sessions that have ended. An effect of units of work only, so that no crash leaves one open."""
        ...


def given(client_id: str | None) -> str | None:
    """Return a client id if it came from a client."""
    return None if client_id is None or client_id.startswith(UNNAMED) else client_id


def as_message(draft: Draft, stored: Stored) -> Message:
    """Return the message for a stored draft."""
    return Message(
        id=stored.id,
        conversation_id=draft.conversation_id,
        seq=stored.seq,
        version=stored.version,
        sender=draft.sender,
        content=draft.content,
        sent_at=stored.sent_at,
        client_id=given(draft.client_id),
        reply_to=draft.reply_to,
        mentions=list(draft.mentions),
    )
