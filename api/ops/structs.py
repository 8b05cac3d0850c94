"""Input and output of the operators' calls."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from core.accounts.status.states import Standing
from core.base.paging import Limit
from core.operations.inspection import (
    ConversationFound,
    ConversationOfUser,
    LoginRow,
    MemberFound,
    MessageFound,
    UserFound,
)
from core.reports import Reported, Status
from core.text.fields import Description, Line
from core.work.dead_jobs import DeadJob
from core.work.rules.accounts import Status as AccountStatus
from realtime.operations.admin_protocol import RoomSeen, SocketSeen
from realtime.operations.process_status import HubStatus, ProcessStatus

Delivery = Literal["read", "delivered", "behind", "pending", "not_joined", "offline", "unknown"]


class Operator(msgspec.Struct, frozen=True):
    """Who asks, and what she may decide in the review queue: "market/kind"."""

    name: str
    queues: list[str]


class Hub(msgspec.Struct, frozen=True, rename="camel"):
    """How a hub does; `late`: its figures are old, `silent`: it counts as dead."""

    late: bool
    silent: bool
    vitals: HubStatus


class OtherProcess(msgspec.Struct, frozen=True, rename="camel"):
    """How an api or a worker does, likewise."""

    late: bool
    silent: bool
    vitals: ProcessStatus


class HubList(msgspec.Struct, frozen=True):
    """All hubs, and the processes beside them."""

    hubs: list[Hub]
    processes: list[OtherProcess]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """An id, an e-mail address, or words of a name or an address, or how they begin."""

    q: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]


class Found(msgspec.Struct, frozen=True):
    """What was found, by its kind."""

    users: list[UserFound] = []
    conversation: ConversationFound | None = None
    message: MessageFound | None = None


class SocketOnHub(msgspec.Struct, frozen=True):
    """A socket and the hub that has it."""

    hub: str
    socket: SocketSeen


class UserPage(msgspec.Struct, frozen=True, rename="camel"):
    """A user: her sessions, where their sockets are, her newest conversations.

    `standing`: of her account, unless it is deleted; `nextStatuses`: what it may become.
    `unheard`: hubs that did not answer in time; without `heardAll` there may be others, and she may be connected to one.
    """

    user: UserFound
    standing: Standing | None
    next_statuses: list[AccountStatus]
    sessions: list[LoginRow]
    sockets: list[SocketOnHub]
    conversations: list[ConversationOfUser]
    unheard: list[str]
    heard_all: bool


class RoomOnHub(msgspec.Struct, frozen=True):
    """A conversation on one hub."""

    hub: str
    room: RoomSeen


class ConversationPage(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation: the members who have read least, the newest messages, and each hub's room with its newest change."""

    conversation: ConversationFound
    members: list[MemberFound]
    messages: list[MessageFound]
    rooms: list[RoomOnHub]
    unheard: list[str]
    heard_all: bool


class OneMember(msgspec.Struct, frozen=True, rename="camel"):
    """Of this member alone."""

    user_id: UUID | None = None


class HubTrace(msgspec.Struct, frozen=True, rename="camel"):
    """A hub's part in a message: `room.passage`. `hasTold`: it has written it, as it is now, to the sockets in the room."""

    hub: str
    has_told: bool
    room: RoomSeen


class MemberTrace(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a message for one member.

    read: she has read it or a later one. delivered: written to a socket of hers that has joined. behind: her sockets that have
    joined do not take what they are sent, and are paged back. pending: joined on a hub that has not told it yet. not_joined:
    connected, but without having joined, so she was told of the conversation only. offline: no socket anywhere. unknown: none on
    the hubs that answered, but not all did, or nobody knows which there are.
    """

    member: MemberFound
    state: Delivery
    hubs: list[str]
    seen_version: int


class Trace(msgspec.Struct, frozen=True, rename="camel"):
    """The way of a message, as it is now, to the members of its conversation.

    `committedAt`: when its last change was, by the database's clock; the passages of the hubs are of the same change, each by the
    hub's own clock.
    """

    message: MessageFound
    committed_at: datetime
    conversation: ConversationFound
    hubs: list[HubTrace]
    members: list[MemberTrace]
    unheard: list[str]
    heard_all: bool


class JobList(msgspec.Struct, frozen=True, rename="camel"):
    """Dead jobs, the oldest first; `total` of them there are."""

    jobs: list[DeadJob]
    total: int


class ReportQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`before`: the last report of the page before; `userId`: about this user alone; `status`: of this alone.

    `subjectId`: about this message, or about the user herself.
    """

    before: UUID | None = None
    user_id: UUID | None = None
    status: Status | None = None
    subject_id: UUID | None = None
    limit: Limit = 50


class ReportList(msgspec.Struct, frozen=True):
    """Reports of users, the latest first; `total` of them there are."""

    reports: list[Reported]
    total: int


class Resolution(msgspec.Struct, frozen=True):
    """What was done about a report, for other operators."""

    note: Description = ""


class JobIds(msgspec.Struct, frozen=True):
    """Which jobs."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=200)]


class JobsDone(msgspec.Struct, frozen=True):
    """Those that it was done to; the others are not dead any more, or cannot be retried."""

    ids: list[UUID]


class StatusChange(msgspec.Struct, frozen=True):
    """What an account becomes, why, and until when: only a suspension ends by itself."""

    status: AccountStatus
    reason: Line
    until: datetime | None = None


class SessionEnded(msgspec.Struct, frozen=True, rename="camel"):
    """When it was ended."""

    ended_at: datetime


class Drained(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the hub drains now."""

    draining: bool


class WaitingPayment(msgspec.Struct, frozen=True, rename="camel"):
    """A payment that waits for a person: why (`attention`), and what the provider says was paid (`received`)."""

    id: UUID
    market: str
    payer_id: UUID
    payee_id: UUID | None
    title: str
    amount: int
    currency: str
    received: int | None
    received_currency: str | None
    provider: str
    ref: str | None
    state: str
    attention: str
    created_at: datetime
    updated_at: datetime


class WaitingPayments(msgspec.Struct, frozen=True):
    """Those after a payment, the oldest first."""

    payments: list[WaitingPayment]


class AfterPayment(msgspec.Struct, frozen=True):
    """Which page."""

    after: UUID | None = None
    limit: Limit = 50


class PaymentDecision(msgspec.Struct, frozen=True):
    """accept: what was paid counts. close: it was dealt with at the provider's. ask: the provider is asked again."""

    decision: Literal["accept", "close", "ask"]
    note: Line = ""
