"""The publisher of every process (hub, REST, workers). Implements core/base/publisher.py.

Nothing is published that is not committed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from config.settings import Settings
from core.base.errors import AppError
from core.base.events import (
    ConversationRead,
    ConversationTyping,
    ConversationUpdated,
    Event,
    MessageReceived,
    UserUpdated,
)
from core.base.publisher import Draft, Stored, as_message
from core.limits.outage import REDIS_ERRORS
from core.market.market import Marketplace
from core.work.context import Resources
from core.work.jobs import NotifyMembers
from realtime.bus.bus import Bus
from realtime.bus.deliveries import (
    EVERYBODY,
    FORGOTTEN,
    MEMBERS_CHANGED,
    NOBODY,
    TYPES,
    USER_CHANGED,
    Kind,
    conversation_channel,
    market_channel,
    user_channel,
)
from realtime.concurrency.periodic import Periodic
from realtime.dialect.encoder import CORE, Encoder
from realtime.dialect.encoders import Encoders
from realtime.log.journal import Journal
from realtime.publishing.receiver import BusReceiver

BUSY = 2000  # messages not committed yet
NOTIFY_SECONDS = 1.0
NOTIFY_CHUNK = 50
QUEUE_SECONDS = 2.0
_OTHERS = ""  # in place of a marketplace: all whose events look as core has them


class _Publisher:
    """The publisher of one marketplace that has a dialect, or of all others: its journal, on the bus of the process.

    `local` applies events to the rooms and users of this process, if it is a hub.
    """

    def __init__(
        self,
        resources: Resources,
        bus: Bus,
        local: BusReceiver | None,
        encoder: Encoder,
        publishers: dict[str, "_Publisher"],
    ) -> None:
        self._bus = bus
        self._local = local
        self._encoder = encoder
        self._publishers = publishers
        self.journal = Journal(resources.db, resources.metrics, self._committed)
        self.unnotified: set[UUID] = set()

    def of(self, market: str) -> "_Publisher":
        """Return the publisher of a marketplace, which encodes in its dialect."""
        return self._publishers.get(market) or self._publishers[_OTHERS]

    async def append(self, draft: Draft) -> Stored:
        """Store a message and publish it to its conversation."""
        return await self.journal.ask(draft)

    def post(self, draft: Draft, done: Callable[[Stored | AppError], None]) -> None:
        """Store a message; calls `done` instead of being awaited, so the hub needs no task for each message."""
        self.journal.append(draft, done)

    def changed(self, conversation_id: UUID, version: int, event: Event) -> None:
        """Publish a committed change of a conversation."""
        author, flags = NOBODY, 0
        if isinstance(event, MessageReceived):  # the log's own note that members have changed
            author, flags = event.message.sender.id.bytes, MEMBERS_CHANGED
            self.unnotified.add(conversation_id)
        self._change(conversation_id.bytes, version, self._encoder.event(event), author, flags)

    def signal(self, conversation_id: UUID, event: ConversationTyping | ConversationRead) -> None:
        """Publish typing or a read position to a conversation; dropped while the journal is behind."""
        if self._is_busy():
            return
        position = event.last_read_seq if isinstance(event, ConversationRead) else 0
        flags = TYPES if isinstance(event, ConversationTyping) and event.is_typing else 0
        key, user, frame = conversation_id.bytes, event.user_id.bytes, self._encoder.event(event)
        if self._local:
            self._local.signal(key, user, position, frame, flags)
        self._bus.publish(conversation_channel(key), Kind.SIGNAL, frame, subject=user, number=position, flags=flags)

    def emit(self, user_ids: Sequence[UUID], event: Event) -> None:
        """Send an event to all sockets of these users; `conversation:updated` only to those that have not joined it."""
        unless_joined = event.conversation_id.bytes if isinstance(event, ConversationUpdated) else NOBODY
        frame = self._encoder.event(event)
        for user in {user_id.bytes for user_id in user_ids}:
            self._emit(user, frame, unless_joined)

    def emit_encoded(self, user_ids: Sequence[UUID], name: str, payload: bytes) -> None:
        """Send an event that is JSON already to all sockets of these users."""
        frame = self._encoder.raw(name, payload)
        flags = USER_CHANGED if name == UserUpdated.name else 0
        for user_id in user_ids:
            self._emit(user_id.bytes, frame, NOBODY, flags)

    def send_presence(self, user: bytes, frames: bytes) -> None:
        """Send a user changes of presence; dropped while the journal is behind."""
        if not self._is_busy():
            self._emit(user, frames, NOBODY)

    def _emit(self, user: bytes, frames: bytes, unless_joined: bytes, flags: int = 0) -> None:
        if self._local:
            self._local.emit(user, frames, unless_joined, flags)
        self._bus.publish(user_channel(user), Kind.EMIT, frames, subject=unless_joined, flags=flags)

    def broadcast(self, market: str) -> None:
        """Have all hubs send what is new for the clients of a marketplace."""
        if self._local:
            self._local.broadcast()
        self._bus.publish(market_channel(market), Kind.BROADCAST)

    def forget(self, conversation_ids: Sequence[UUID]) -> None:
        """Have all hubs drop their cached frames of these conversations."""
        for id in conversation_ids:
            if self._local:
                self._local.forget(id.bytes)
            self._bus.publish(conversation_channel(id.bytes), Kind.RESYNC, flags=FORGOTTEN)

    def resync(self, conversation_id: UUID) -> None:
        """Make all hubs compare a conversation with the database."""
        self._resync(conversation_id.bytes)

    def end_sessions(self, session_ids: Sequence[UUID]) -> None:
        """Close the sockets of logins that have ended."""
        for session_id in session_ids:
            if self._local:
                self._local.end_session(session_id.bytes)
            self._bus.publish(EVERYBODY, Kind.SESSION_ENDED, subject=session_id.bytes)

    def _is_busy(self) -> bool:
        """Whether the journal is so far behind that events which may be lost are dropped."""
        return self.journal.waiting() > BUSY

    def _committed(self, draft: Draft, stored: Stored) -> None:
        if stored.duplicate:
            self._resync(draft.conversation_id.bytes)
            return
        event = MessageReceived(as_message(draft, stored), draft.conversation_id)
        frame = self._encoder.event(event)
        self._change(draft.conversation_id.bytes, stored.version, frame, draft.sender.id.bytes, 0)
        self.unnotified.add(draft.conversation_id)

    def _resync(self, conversation: bytes) -> None:
        """Make all hubs resync. For duplicates: the first hub may have crashed after the commit, before it published."""
        self._bus.publish(conversation_channel(conversation), Kind.RESYNC)
        if self._local:
            self._local.resync(conversation)

    def _change(self, conversation: bytes, version: int, frame: bytes, author: bytes, flags: int) -> None:
        # The bus first, so that it is written first at the end of the turn: no ack goes out for a message that is not published.
        channel = conversation_channel(conversation)
        self._bus.publish(channel, Kind.CHANGE, frame, subject=author, number=version, flags=flags)
        if self._local:
            self._local.change(conversation, version, frame, author, flags)


class Publisher(_Publisher):
    """The publisher of a process: of all marketplaces whose events look as core has them, and by `of` of the others."""

    def __init__(
        self, resources: Resources, bus: Bus, local: BusReceiver | None = None, encoders: Encoders | None = None
    ) -> None:
        publishers: dict[str, _Publisher] = {_OTHERS: self}
        super().__init__(resources, bus, local, CORE, publishers)
        for market, encoder in encoders.by_market.items() if encoders else ():
            if not encoder.is_default:
                publishers[market] = _Publisher(resources, bus, local, encoder, publishers)
        self._jobs = resources.jobs
        resources.metrics.count("greenroom_messages", "Messages committed", lambda: self.committed)
        resources.metrics.watch("greenroom_journal_waiting", "Messages not committed yet", lambda: self.waiting)
        self._notifying = Periodic(self._notify, NOTIFY_SECONDS)

    @property
    def committed(self) -> int:
        """How many messages this process has committed."""
        return sum(journal.committed for journal in self._journals)

    @property
    def waiting(self) -> int:
        """How many messages are not committed yet."""
        return sum(journal.waiting() for journal in self._journals)

    @property
    def _journals(self) -> list[Journal]:
        return [one.journal for one in self._publishers.values()]

    async def start(self) -> None:
        """Start to queue notifications."""
        self._notifying.start()

    async def stop(self) -> None:
        """Commit what was appended and queue the remaining notifications."""
        for journal in self._journals:
            await journal.drained()
        await self._notifying.stop()
        await self._notify()

    async def _notify(self) -> None:
        # Folded here and again in the job; if a job is lost, the workers' sweep of the log finds its messages.
        waiting: list[str] = []
        for publisher in self._publishers.values():
            waiting += map(str, publisher.unnotified)
            publisher.unnotified = set()
        with contextlib.suppress(*REDIS_ERRORS):
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._enqueue(waiting)

    async def _enqueue(self, waiting: list[str]) -> None:
        for start in range(0, len(waiting), NOTIFY_CHUNK):
            await self._jobs.enqueue(NotifyMembers(waiting[start : start + NOTIFY_CHUNK]))


@asynccontextmanager
async def open_publisher(
    settings: Settings, resources: Resources, markets: Iterable[Marketplace] = ()
) -> AsyncIterator[Publisher]:
    """Open the publisher of a process without sockets; `markets`: all that it may publish for, with their dialects."""
    bus = Bus(settings.redis_urls, resources.metrics, deliver=lambda _delivery: None, restored=lambda: None)
    await bus.start()
    publisher = Publisher(resources, bus, encoders=Encoders(markets))
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()
        await bus.stop()
