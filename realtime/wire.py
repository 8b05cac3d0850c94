"""Every client->server event and its answer, and nothing else. What the server emits by itself is in core/base/events.py.

The five given by OnSwift ("Client -> Server Events") and ours in the same style. Every event may ask for an ack; it then gets
the answer named here or `{"error": {code, message, details}}`. Errors are emitted as `error` too, with and without an ack.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.base.errors import ErrorBody
from core.base.events import ClientEvent as ClientEvent
from core.base.events import Event, Message, MessageDeleted, Reaction
from core.base.publisher import Stored
from core.messages.sync import Changes, ReadPosition
from core.text.fields import ClientId, MentionIds, Name, PersonIds


class RefreshAuth(ClientEvent, frozen=True, rename="camel"):
    """Go on with a new access token of the same user. Answer: `{expiresAt}`."""

    name = "auth:refresh"
    token: str


class JoinUser(ClientEvent, frozen=True, rename="camel"):
    """Enter one's own room; every socket is in it from the start, so this only says so. Answer: `{userId}`."""

    name = "join:user"
    user_id: UUID


class JoinConversation(ClientEvent, frozen=True, rename="camel"):
    """Hear a conversation from now on. Answer: Joined.

    `limit`: also give me the last messages. `since`: or every message changed after that version, which closes the hole that a
    lost connection made.
    """

    name = "join:conversation"
    conversation_id: UUID
    since: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0


class LeaveConversation(ClientEvent, frozen=True, rename="camel"):
    """Hear a conversation no more. Answer: `{}`."""

    name = "leave:conversation"
    conversation_id: UUID


class SendMessage(ClientEvent, frozen=True, rename="camel"):
    """Send a message; with a `clientId` it is safe to repeat. Answer, after commit: `{id, seq, version, sentAt, duplicate}`."""

    name = "message:send"
    conversation_id: UUID
    content: str
    client_id: ClientId | None = None
    reply_to: UUID | None = None
    mentions: MentionIds = msgspec.field(default_factory=list)


class EditMessage(ClientEvent, frozen=True, rename="camel"):
    """Change the text of one's own message; `mentions`, if given, takes the place of those it had. Answer: `{message}`."""

    name = "message:edit"
    conversation_id: UUID
    message_id: UUID
    content: str
    mentions: MentionIds | UnsetType = UNSET


class DeleteMessage(ClientEvent, frozen=True, rename="camel"):
    """Delete one's own message. Answer: `{conversationId, messageId, seq, version}`."""

    name = "message:delete"
    conversation_id: UUID
    message_id: UUID


class ReactToMessage(ClientEvent, frozen=True, rename="camel"):
    """Add or take back a reaction. Answer: `{reactions, version}`."""

    name = "message:react"
    conversation_id: UUID
    message_id: UUID
    emoji: str
    added: bool = True


class Typing(ClientEvent, frozen=True, rename="camel"):
    """Say that one types, or no longer. Answer: `{}`."""

    name = "conversation:typing"
    conversation_id: UUID
    is_typing: bool


class MarkRead(ClientEvent, frozen=True, rename="camel"):
    """Move one's read position up to a message. Answer: `{lastReadSeq}`."""

    name = "conversation:read"
    conversation_id: UUID
    message_id: UUID


class CreateConversation(ClientEvent, frozen=True, rename="camel"):
    """Make a group of oneself and these users; strangers are invited. Answer: `{conversationId, added, invited}`."""

    name = "conversation:create"
    participant_ids: PersonIds
    title: Name


class AddMembers(ClientEvent, frozen=True, rename="camel"):
    """Add users to a group; strangers are invited. Answer: `{added, invited}`."""

    name = "conversation:add"
    conversation_id: UUID
    user_ids: PersonIds


class RemoveMember(ClientEvent, frozen=True, rename="camel"):
    """Take a user out of a group one owns, oneself out of any, or an invitation back. Answer: `{}`."""

    name = "conversation:remove"
    conversation_id: UUID
    user_id: UUID


class Sync(ClientEvent, frozen=True, rename="camel"):
    """Ask what one has missed in all conversations; see core/messages/sync.py. Answer: `{conversations, cursor, hasMore}`."""

    name = "sync"
    cursor: str | None = None


class Joined(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation at `version`; live events go on from there. `positions` and `online` only up to 100 members.

    `complete` is false when more has changed since than one answer holds: take a fresh page of history instead.
    """

    conversation_id: UUID
    last_seq: int
    version: int
    last_read_seq: int
    unread_count: int
    positions: list[ReadPosition]
    online: list[UUID]
    messages: list[Message]
    complete: bool = True
    closed_at: datetime | None = None


class UserJoined(msgspec.Struct, frozen=True, rename="camel"):
    user_id: UUID


class Edited(msgspec.Struct, frozen=True, rename="camel"):
    message: Message


class Reacted(msgspec.Struct, frozen=True, rename="camel"):
    reactions: list[Reaction]
    version: int


class Read(msgspec.Struct, frozen=True, rename="camel"):
    last_read_seq: int


class Added(msgspec.Struct, frozen=True, rename="camel"):
    """Which users are in a group now, and which were strangers and may accept an invitation."""

    added: list[UUID]
    invited: list[UUID]


class Created(msgspec.Struct, frozen=True, rename="camel"):
    conversation_id: UUID
    added: list[UUID]
    invited: list[UUID]


class Done(msgspec.Struct, frozen=True):
    """The empty answer."""


class Authorized(msgspec.Struct, frozen=True, rename="camel"):
    expires_at: datetime


class SessionExpiring(Event, frozen=True, rename="camel"):
    """Told a minute before the access token expires: send `auth:refresh` with a new one, or the connection is closed."""

    name = "session:expiring"
    expires_at: datetime


class ServerRestarting(Event, frozen=True, rename="camel"):
    """Told when the hub goes down: the socket will be closed in so many milliseconds, each at another moment."""

    name = "server:restarting"
    closes_in_ms: int


class Refused(Event, frozen=True):
    """Told of an event of the client's that could not be done, whether or not it asked for an ack."""

    name = "error"
    event: str
    error: ErrorBody


class SessionEnded(Event, frozen=True, rename="camel"):
    """Told just before the sockets of a session that ended elsewhere are closed."""

    name = "session:ended"
    reason: str


# What each event of a client is answered with, if it asks and is not refused.
ANSWERS: dict[type[ClientEvent], type[msgspec.Struct]] = {
    RefreshAuth: Authorized,
    JoinUser: UserJoined,
    JoinConversation: Joined,
    LeaveConversation: Done,
    SendMessage: Stored,
    EditMessage: Edited,
    DeleteMessage: MessageDeleted,
    ReactToMessage: Reacted,
    Typing: Done,
    MarkRead: Read,
    CreateConversation: Created,
    AddMembers: Added,
    RemoveMember: Done,
    Sync: Changes,
}
