"""What OnSwift's calls take and give, field by field as in its document."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from core.conversations import LastMessage, Member
from core.events import Message, NotificationView, Reaction
from core.fields import ClientId, MentionIds, PersonIds, Title
from core.people import Person
from core.sessions import Account, Tokens

PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
Limit = Annotated[int, Meta(ge=1, le=100)]


class SyncQuery(msgspec.Struct, frozen=True, rename="camel"):
    cursor: Annotated[str, Meta(max_length=128)] | None = None


class SignUp(msgspec.Struct, frozen=True, rename="camel"):
    email: str
    password: str
    name: str
    user_type: Literal["creator", "talent"]
    company_name: Title | None = None


class LogIn(msgspec.Struct, frozen=True, rename="camel"):
    email: str
    password: str


class RefreshToken(msgspec.Struct, frozen=True, rename="camel"):
    refresh_token: str


class LogOut(msgspec.Struct, frozen=True, rename="camel"):
    """Without a refresh token the session of the access token ends."""

    refresh_token: str | None = None


class ForgotPassword(msgspec.Struct, frozen=True, rename="camel"):
    email: str


class ResetPassword(msgspec.Struct, frozen=True, rename="camel"):
    token: str
    new_password: str


class Done(msgspec.Struct, frozen=True):
    message: str


class UserView(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    email: str
    name: str
    user_type: str


class LoggedIn(msgspec.Struct, frozen=True, rename="camel"):
    user: UserView
    access_token: str
    refresh_token: str


class Me(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    email: str
    name: str
    user_type: str
    avatar_url: str | None
    company_name: str | None
    professional_title: str | None
    bio: str | None
    skills: list[str]
    portfolio_links: list[str]
    hourly_rate: float | None
    availability: str | None
    linkedin_url: str | None
    twitter_url: str | None
    instagram_url: str | None
    youtube_url: str | None
    github_url: str | None
    profile_completion_percentage: int
    created_at: datetime
    updated_at: datetime


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    page: int
    limit: int
    total: int
    total_pages: int
    has_next: bool
    has_prev: bool


class PageQuery(msgspec.Struct, frozen=True, rename="camel"):
    page: PageNumber = 1
    limit: Limit = 20


class NewConversation(msgspec.Struct, frozen=True, rename="camel"):
    participant_id: UUID


class NewGroup(msgspec.Struct, frozen=True, rename="camel"):
    title: Title
    participant_ids: PersonIds


class NewMembers(msgspec.Struct, frozen=True, rename="camel"):
    user_ids: PersonIds


class ConversationView(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation as its caller sees it; a group has no `creator` and `talent`, one of two has no title."""

    id: UUID
    kind: str
    title: str | None
    creator: Person | None
    talent: Person | None
    members: list[Member]
    member_count: int
    last_message: LastMessage | None
    unread_count: int
    last_message_at: datetime | None
    created_at: datetime


class ConversationPage(msgspec.Struct, frozen=True):
    conversations: list[ConversationView]
    pagination: Pagination


class HistoryQuery(msgspec.Struct, frozen=True, rename="camel"):
    before: UUID | None = None
    limit: Limit = 50


class MessagePage(msgspec.Struct, frozen=True, rename="camel"):
    """Oldest first."""

    messages: list[Message]
    has_more: bool


class NewMessage(msgspec.Struct, frozen=True, rename="camel"):
    """With a `clientId` the call is safe to repeat: the repeat is answered with the first message and 200."""

    content: str
    client_id: ClientId | None = None
    reply_to: UUID | None = None
    mentions: MentionIds = []


class MessageText(msgspec.Struct, frozen=True):
    content: str


class Reactions(msgspec.Struct, frozen=True, rename="camel"):
    """All reactions of a message after a change."""

    message_id: UUID
    version: int
    reactions: list[Reaction]


class ReadUpTo(msgspec.Struct, frozen=True, rename="camel"):
    message_id: UUID


class NotificationQuery(msgspec.Struct, frozen=True, rename="camel"):
    is_read: bool | None = None
    page: PageNumber = 1
    limit: Limit = 20


class NotificationPage(msgspec.Struct, frozen=True, rename="camel"):
    notifications: list[NotificationView]
    unread_count: int
    pagination: Pagination


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"]


def logged_in(account: Account, tokens: Tokens) -> LoggedIn:
    """Return the answer to a login."""
    user = UserView(account.id, account.email, account.name, account.role)
    return LoggedIn(user, tokens.access_token, tokens.refresh_token)


def pagination(page: int, limit: int, total: int) -> Pagination:
    """Return where a page is among all pages."""
    pages = -(-total // limit)
    return Pagination(page, limit, total, pages, has_next=page < pages, has_prev=page > 1)
