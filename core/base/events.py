"""Every server->client event, whether the hub, REST or a job emits it. The names are OnSwift's ("Event Types")."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from core.base.people import Person


class ClientEvent(msgspec.Struct, frozen=True, rename="camel"):
    """Payload of one event from a client: those of the hub are in realtime/wire.py, a marketplace may have more."""

    name: ClassVar[str]


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """Payload of one event; `name` is what the client listens to."""

    name: ClassVar[str]
    recipients: ClassVar[str] = ""  # for docs/events.md, where the docstring does not name them
    needs: ClassVar[str] = ""  # the field of the policy without which a marketplace does not have it


class Reaction(msgspec.Struct, frozen=True, rename="camel"):
    """One emoji under a message: how many gave it, and the first hundred of them."""

    emoji: str
    count: int
    user_ids: list[UUID]


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """A message as clients see it, over REST and socket alike. `seq`: its place; `version`: of its last change."""

    id: UUID
    conversation_id: UUID
    seq: int
    version: int
    sender: Person
    content: str
    sent_at: datetime
    is_edited: bool = False
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    kind: str = "text"
    client_id: str | None = None
    reply_to: UUID | None = None
    mentions: list[UUID] = []
    reactions: list[Reaction] = []


class MessageReceived(Event, frozen=True, rename="camel"):
    name = "message:received"
    recipients = "the sockets that have joined the conversation, the sender's too"
    message: Message
    conversation_id: UUID


class MessageEdited(Event, frozen=True, rename="camel"):
    name = "message:edited"
    recipients = "the sockets that have joined the conversation"
    message: Message
    conversation_id: UUID


class MessageDeleted(Event, frozen=True, rename="camel"):
    name = "message:deleted"
    recipients = "the sockets that have joined the conversation"
    conversation_id: UUID
    message_id: UUID
    seq: int
    version: int


class MessageReacted(Event, frozen=True, rename="camel"):
    """Someone added or took back a reaction; `reactions` is the whole state after it."""

    name = "message:reacted"
    recipients = "the sockets that have joined the conversation"
    conversation_id: UUID
    message_id: UUID
    seq: int
    version: int
    user_id: UUID
    emoji: str
    added: bool
    reactions: list[Reaction]


class ConversationTyping(Event, frozen=True, rename="camel"):
    name = "conversation:typing"
    recipients = "the sockets that have joined a conversation of up to 100 members, except those of the user who types"
    conversation_id: UUID
    user_id: UUID
    is_typing: bool


class ConversationRead(Event, frozen=True, rename="camel"):
    name = "conversation:read"
    recipients = "the sockets that have joined a conversation of up to 100 members"
    conversation_id: UUID
    user_id: UUID
    message_id: UUID
    last_read_seq: int


class ConversationCreated(Event, frozen=True, rename="camel"):
    """Told to every member of a new conversation, or to one who was added to an old one."""

    name = "conversation:created"
    conversation_id: UUID


class ConversationUpdated(Event, frozen=True, rename="camel"):
    """For the list of conversations: told to members who have not joined the conversation. Folded: latest wins."""

    name = "conversation:updated"
    conversation_id: UUID
    unread_count: int
    last_seq: int
    last_message_id: UUID
    last_message_at: datetime
    preview: str
    sender: Person


class ConversationClosed(Event, frozen=True, rename="camel"):
    """Sent to the members of a conversation whose subject is gone: nothing is said in it any more. The log says so, too."""

    name = "conversation:closed"
    conversation_id: UUID
    closed_at: datetime


class MembersChanged(Event, frozen=True, rename="camel"):
    """Someone was added to or left a conversation. The log says so too, in a message of kind "system"."""

    name = "conversation:members"
    recipients = "the user who was added or removed"
    conversation_id: UUID
    user_id: UUID
    is_member: bool


class Invitation(msgspec.Struct, frozen=True, rename="camel"):
    """An open invitation to a group, as the invited user sees it: not what is said there, nor who its members are."""

    id: UUID
    conversation_id: UUID
    title: str
    invited_by: Person
    member_count: int
    created_at: datetime


class InvitationReceived(Event, frozen=True, rename="camel"):
    """Sent to the user who is invited to a group."""

    name = "invitation:received"
    invitation: Invitation


class InvitationAnswered(Event, frozen=True, rename="camel"):
    """Told to the invited user and, unless it was withdrawn, to the one who invited her.

    `answer`: "accepted", "declined" or "withdrawn".
    """

    name = "invitation:answered"
    invitation_id: UUID
    conversation_id: UUID
    user_id: UUID
    answer: str


class NotificationView(msgspec.Struct, frozen=True, rename="camel"):
    """A notification as its owner sees it."""

    id: UUID
    type: str
    title: str
    message: str
    entity_type: str | None
    entity_id: UUID | None
    is_read: bool
    created_at: datetime


class NotificationNew(Event, frozen=True, rename="camel"):
    name = "notification:new"
    recipients = "the sockets of its user"
    notification: NotificationView


class NotificationChanged(Event, frozen=True, rename="camel"):
    """Sent to the sockets of a user whose list of notifications says something else now: ask for it again.

    One was read (`notificationId`), that of a conversation was read or its message edited or deleted, or all were read (neither).
    """

    name = "notification:changed"
    notification_id: UUID | None = None
    conversation_id: UUID | None = None


class UserUpdated(Event, frozen=True, rename="camel"):
    """Sent to the sockets of a user whose name, picture or e-mail has changed: later messages carry the new name."""

    name = "user:updated"
    user: Person


class UserBlocked(Event, frozen=True, rename="camel"):
    """Told to the sockets of the user who has blocked somebody, or does so no more; to nobody else."""

    name = "user:blocked"
    user_id: UUID
    is_blocked: bool


class MuteChanged(Event, frozen=True, rename="camel"):
    """Told to the sockets of the user who has muted a user or a conversation (`kind`), or does so no more."""

    name = "mute:changed"
    kind: str
    id: UUID
    is_muted: bool
    until: datetime | None


class UserOnline(Event, frozen=True, rename="camel"):
    name = "user:online"
    recipients = "users who share a conversation of up to 100 members"
    user_id: UUID


class UserOffline(Event, frozen=True, rename="camel"):
    name = "user:offline"
    recipients = "users who share a conversation of up to 100 members"
    user_id: UUID
    last_seen_at: datetime
