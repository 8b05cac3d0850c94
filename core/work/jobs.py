"""Typed enqueueing of jobs over arq; jobs cross Redis as msgpack, not as pickles."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

import msgspec
from arq.connections import ArqRedis
from arq.constants import default_queue_name

from config.settings import Settings
from core.platform.observability import logs, tracing
from core.platform.redis_pool import redis_pool
from core.platform.sealing.sealing import Sealing
from core.work.rules.accounts import Channel

# How long a job waits for a worker; arq would forget it after a day.
KEPT = timedelta(days=30)
CONNECT_SECONDS = 1.0
# A Redis that does not reply must not block calls: the outbox queues their jobs later.
ENQUEUE_SECONDS = 2.0


# What is done to an account and told its user.
About: TypeAlias = Literal["login", "password changed", "password reset", "phone confirmed"]


class Packing(TypedDict):
    """How arq writes and reads a job."""

    job_serializer: Callable[[dict[str, Any]], bytes]
    job_deserializer: Callable[[bytes], dict[str, Any]]


class Job(msgspec.Struct, frozen=True):
    """A job's arguments; its class name is the name of the function in workers/ that runs it."""

    is_secret: ClassVar[bool] = False  # whether its arguments must not be stored outside the queue


class SendMail(Job, frozen=True):
    """Send one mail to an address over SMTP. For users there is MailUser, which keeps their addresses out of the queue."""

    is_secret = True  # mails carry codes

    to: str
    subject: str
    text: str


class MailUser(Job, frozen=True):
    """Send one mail to a user's address at the time of sending; none if the account is erased."""

    is_secret = True

    user_id: str
    subject: str
    text: str


class MailCode(Job, frozen=True):
    """Mail a code to the account with this address, if there is one; the caller does not learn whether it exists."""

    is_secret = True  # an address

    market: str
    email: str
    purpose: Literal["password reset", "email verification"]


class MailVerification(Job, frozen=True):
    """Mail a new user the code that verifies their address."""

    user_id: str


class TextCode(Job, frozen=True):
    """Send a code to a phone: to that of an account, or `to_anybody`; the caller does not learn whether there is one.

    `user_id`: the user who wants the number to be hers. `channel`: the one to try first, if not the market's; `language`: hers.
    """

    is_secret = True  # a number

    market: str
    phone: str
    purpose: str
    to_anybody: bool
    user_id: str | None = None
    channel: str = ""
    language: str = ""


class TextUser(Job, frozen=True):
    """Text a user at the number that is hers at the time of sending; none if she has none any more."""

    is_secret = True

    market: str
    user_id: str
    template: str
    language: str
    values: dict[str, str]
    ways: list[tuple[Channel, str]]


class SendText(Job, frozen=True):
    """Send a text message, unless it is too late for it.

    `ways`: the channels to try, and the ids that the text has there (core/texting/sent.py); the first is tried now, if that of id
    `after` was not delivered. Without `ways` it is of the previous version.
    """

    is_secret = True

    phone: str
    text: str
    until: datetime
    market: str = ""
    ways: list[tuple[Channel, str]] = []
    after: str = ""
    user_id: str | None = None
    template: str = ""
    language: str = ""
    values: dict[str, str] = {}


class FinishErasure(Job, frozen=True):
    """Erase the remaining personal data of a user whose account is deleted."""

    user_id: str


class MailAlert(Job, frozen=True):
    """Mail a user about an event on their account: what (a key of workers/accounts.py), when, and roughly from where."""

    user_id: str
    about: About
    at: datetime
    device: str
    network: str


class MailEmailChange(Job, frozen=True):
    """Mail about a change of e-mail and its origin: `asked`: codes to both addresses; `done`: to the old address."""

    change_id: str
    about: Literal["asked", "done"]
    at: datetime
    device: str
    network: str


class MailAddress(Job, frozen=True):
    """Send one mail to an address of a change of e-mail; none if the change was cancelled or the account is erased."""

    is_secret = True

    change_id: str
    to: Literal["old", "new"]
    subject: str
    text: str


class CheckFile(Job, frozen=True):
    """Check an uploaded file, release or reject it, and move it to where it belongs."""

    file_id: str


class NotifyMembers(Job, frozen=True):
    """Notify members of these conversations of messages that they have not read."""

    conversation_ids: list[str]


class StoreWords(Job, frozen=True):
    """Index the words of new messages of these conversations for search."""

    conversation_ids: list[str]


class SendOut(Job, frozen=True):
    """Send these notifications by mail and to devices; `email` and `push`: the defaults for users without a preference."""

    notification_ids: list[str]
    email: bool
    push: bool


class MailNotification(Job, frozen=True):
    """Mail a notification to its user; `claimed_at`: the time of its claim, None in jobs of an earlier version."""

    notification_id: str
    claimed_at: datetime | None = None


class PushNotification(Job, frozen=True):
    """Send a notification to a device of its user."""

    notification_id: str
    device_id: str


class SendWebhooks(Job, frozen=True):
    """Deliver what is due to these endpoints of webhooks."""

    endpoint_ids: list[str]


class TakePaymentEvent(Job, frozen=True):
    """Ask a payment provider about what one of its webhooks names."""

    market: str
    event_id: str


class SendRefund(Job, frozen=True):
    """Have a payment provider make a refund."""

    market: str
    refund_id: str


class PermanentError(Exception):
    """Raised by a job that no retry can help: it is marked dead immediately."""


class BusyError(Exception):
    """Raised by a job that cannot start now: it is deferred by some seconds, which does not count as a try."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not now: again in {seconds:.1f} s")
        self.seconds = seconds


class Jobs:
    """The queue. A job may run more than once, so it must be idempotent."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def enqueue(self, job: Job) -> None:
        """Queue a job; raises redis.RedisError or TimeoutError if Redis is unreachable."""
        await self._enqueue(type(job).__name__, msgspec.to_builtins(job), logs.request_id())

    async def enqueue_encoded(self, name: str, arguments: bytes, request_id: str) -> None:
        """Queue a job whose arguments are encoded as JSON."""
        await self._enqueue(name, msgspec.json.decode(arguments), request_id)

    async def ping(self) -> None:
        """Check that the queue replies; raises redis.RedisError if not."""
        await self._redis.ping()

    async def waiting(self) -> int:
        """Return how many jobs are due or running; raises redis.RedisError."""
        due: int = await self._redis.zcount(default_queue_name, "-inf", time.time() * 1000 + 1)  # arq rounds up
        return due

    async def _enqueue(self, name: str, arguments: object, request_id: str) -> None:
        async with asyncio.timeout(ENQUEUE_SECONDS):
            await self._redis.enqueue_job(name, arguments, request_id=request_id, traceparent=tracing.parent())


def packing(sealing: Sealing) -> Packing:
    """Return how jobs are stored in the queue: sealed, if there are keys, because of their addresses and codes."""
    return {
        "job_serializer": lambda job: sealing.pack(msgspec.msgpack.encode(job)),
        "job_deserializer": lambda packed: msgspec.msgpack.decode(sealing.unpack(packed)),
    }


def queue(settings: Settings, sealing: Sealing) -> ArqRedis:
    """Return arq's client, not connected yet: arq's own `create_pool` would wait for an unreachable Redis."""
    url = settings.jobs_redis_url or settings.redis_urls[0]
    redis = ArqRedis(
        redis_pool(url, socket_connect_timeout=CONNECT_SECONDS),
        **packing(sealing),
        expires_extra_ms=int(KEPT.total_seconds() * 1000),
    )
    redis.auto_close_connection_pool = True
    return redis


@asynccontextmanager
async def open_jobs(settings: Settings, sealing: Sealing) -> AsyncIterator[Jobs]:
    """Open the queue."""
    redis = queue(settings, sealing)
    try:
        yield Jobs(redis)
    finally:
        await redis.aclose()
