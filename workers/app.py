"""The worker: arq in this process's loop, with the jobs of core/work/jobs.py and the sweep that replaces lost ones.

A job may run more than once (a worker dies, Redis loses its last writes), so each job is idempotent.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

from arq import ArqRedis, cron
from arq.cron import CronJob
from arq.worker import Function
from arq.worker import Worker as ArqWorker
from redis.exceptions import RedisError

import marketplaces
from config.settings import Settings
from core import reports
from core.base import clock
from core.base.errors import AppError
from core.base.publisher import Publisher
from core.chat.conversation_updates import publish_to_senders
from core.files.tidying import tidy_files
from core.market.market import PeriodicTask
from core.messages.search import START, store_missing, store_words
from core.notifications.deliveries import send_out
from core.notifications.notifications import MESSAGE_RECEIVED, notify_members, written_since
from core.operations.tidy import tidy
from core.payments.books import close_days
from core.payments.checkout import rows as payments
from core.platform.db import UNAVAILABLE_ERRORS
from core.platform.observability import logs
from core.privacy import erasure
from core.review_queue.gauges import ReviewGauges
from core.support import desk, following
from core.webhooks import deliveries
from core.work import dead_jobs
from core.work.context import Ctx, Resources
from core.work.jobs import (
    CheckFile,
    FinishErasure,
    MailAddress,
    MailAlert,
    MailCode,
    MailEmailChange,
    MailNotification,
    MailUser,
    MailVerification,
    NotifyMembers,
    PushNotification,
    SendMail,
    SendOut,
    SendRefund,
    SendText,
    SendWebhooks,
    StoreWords,
    TakePaymentEvent,
    TextCode,
    TextUser,
    packing,
    queue,
)
from core.work.outbox import relay
from core.work.policy import Policy
from realtime.concurrency.periodic import Periodic
from workers.accounts import mail_alert, mail_code, mail_verification
from workers.email_changes import mail_address, mail_email_change
from workers.erasure import finish_erasure
from workers.files import FileChecks
from workers.mail import mail_user, send_mail
from workers.notifications import mail_notification, push_notification
from workers.payments import Payments
from workers.push import PushProvider, open_push
from workers.running import JOB_SECONDS, Functions, periodic
from workers.texting.phones import text_code, text_user
from workers.texting.providers import Senders
from workers.texting.sending import open_senders, send_text
from workers.webhooks import Webhooks, open_webhooks

STOP_SECONDS = 3.0
RECONNECT_SECONDS = 1.0
COUNT_SECONDS = 15.0
# The sweep runs each minute; a message may be committed some seconds after its id was generated.
SWEEP_OVERLAP = timedelta(seconds=30)
FIRST_SWEEP = timedelta(hours=1)
LATE = timedelta(minutes=1)
OF_ALL_MARKETS = Policy(name="", title="")  # of jobs that look at rows of any

log = logging.getLogger(__name__)


class Worker:
    """Runs jobs until it is stopped; `wait` never returns, but raises the error that ended it."""

    def __init__(
        self,
        settings: Settings,
        resources: Resources,
        publisher: Publisher,
        push_provider: PushProvider,
        senders: Senders,
        webhooks: Webhooks,
    ) -> None:
        self._settings = settings
        self._resources = resources
        self._publisher = publisher
        self._push_provider = push_provider
        self._senders = senders
        self._webhooks = webhooks
        self._files = FileChecks(resources, publisher)
        self._payments = Payments(resources, publisher)
        self._swept = clock.now() - FIRST_SWEEP
        markets = marketplaces.configured(settings.marketplaces)
        self._searched = [market.name for market in markets if not market.policy.seals_messages]
        self._with_support = [market.policy for market in markets if market.policy.support]
        self._words_after = START
        self._running: asyncio.Task[None] | None = None
        self._dead: int | None = None
        self._open_reports = 0
        self._review = ReviewGauges(resources.metrics, [market.policy for market in markets])
        self._waiting_tickets = 0
        self._late_webhooks = 0
        self._waiting_payments = 0
        self._arq: ArqWorker | None = None
        self._counting = Periodic(self._count, COUNT_SECONDS)
        resources.metrics.watch("greenroom_dead_jobs", "Jobs that failed for good", lambda: self._dead or 0)
        resources.metrics.watch(
            "greenroom_late_webhooks",
            "Webhooks due for a minute, also to receivers that fail",
            lambda: self._late_webhooks,
        )
        resources.metrics.watch("greenroom_open_reports", "Reports of users not dealt with", lambda: self._open_reports)
        resources.metrics.watch("greenroom_waiting_tickets", "Tickets without an agent", lambda: self._waiting_tickets)
        resources.metrics.watch(
            "greenroom_waiting_payments", "Payments that wait for a person", lambda: self._waiting_payments
        )

    @property
    def running(self) -> int:
        """Number of jobs running here, including periodic tasks."""
        return len(self._arq.tasks) if self._arq else 0

    @property
    def dead(self) -> int | None:
        """Number of dead jobs of all workers; None until they have been counted."""
        return self._dead

    def start(self) -> None:
        """Start taking jobs."""
        # arq logs the arguments of jobs at INFO: addresses, and the codes of password resets.
        logging.getLogger("arq.worker").setLevel(logging.WARNING)
        self._running = asyncio.create_task(self._run(), name="worker")
        self._counting.start()

    async def wait(self) -> None:
        """Wait for the worker to die; raises the error that killed it."""
        assert self._running, "start() comes first"  # noqa: S101
        await asyncio.shield(self._running)

    async def stop(self) -> None:
        """Take no more jobs and let running ones finish; a job that takes too long is cancelled and runs again later."""
        await self._counting.stop()
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        # An unavailable Redis ends arq's worker but not ours: when Redis is back, so are the jobs.
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self._run_until_redis_fails()
            log.warning("the queue does not answer: trying again")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _run_until_redis_fails(self) -> None:
        redis = queue(self._settings, self._resources.sealing)
        arq = self._arq = self._make_arq(redis)
        try:
            await arq.main()
        finally:
            await _finish(arq)
            await redis.aclose()

    def _make_arq(self, redis: ArqRedis) -> ArqWorker:
        arq = ArqWorker(
            cron_jobs=[
                self._cron("sweep", self._sweep, second=0, at_start=True),
                self._cron("words", self._store_missing_words, second=40, at_start=True),
                self._cron("relay", self._relay, second=set(range(0, 60, 5)), at_start=True),
                self._cron("webhooks", self._webhooks.deliver, second=set(range(2, 60, 5)), at_start=True),
                self._cron("tidy", self._tidy, minute=set(range(7, 60, 10))),
                self._cron("tidy_files", self._tidy_files, minute=set(range(3, 60, 10))),
                self._cron("close_days", self._close_days, minute=set(range(1, 60, 10)), at_start=True),
                *self._periodic_tasks(),
            ],
            redis_pool=redis,
            handle_signals=False,
            keep_result=0,
            poll_delay=0.1,
            max_jobs=10,
            job_timeout=JOB_SECONDS + STOP_SECONDS,  # jobs have a limit of their own
            max_tries=1_000_000,  # running.py counts
            **packing(self._resources.sealing),
        )
        arq.functions = self._functions(arq.functions)
        return arq

    def _functions(self, of_time: dict[str, Function | CronJob]) -> Functions:
        functions = Functions(self._resources, of_time)
        functions.add(SendMail, self._send_mail)
        functions.add(MailUser, self._mail_user)
        functions.add(MailCode, partial(mail_code, self._resources))
        functions.add(MailVerification, partial(mail_verification, self._resources))
        functions.add(MailAlert, partial(mail_alert, self._resources))
        functions.add(MailEmailChange, partial(mail_email_change, self._resources))
        functions.add(MailAddress, partial(mail_address, self._settings, self._resources))
        functions.add(TextCode, partial(text_code, self._resources))
        functions.add(TextUser, partial(text_user, self._resources))
        functions.add(SendText, partial(send_text, self._resources, self._senders))
        functions.add(FinishErasure, self._finish_erasure)
        functions.add(CheckFile, self._check_file)
        functions.add(NotifyMembers, self._notify_members)
        functions.add(StoreWords, self._store_words)
        functions.add(SendOut, self._send_out)
        functions.add(MailNotification, self._mail_notification)
        functions.add(PushNotification, self._push_notification)
        functions.add(SendWebhooks, self._send_webhooks)
        functions.add(TakePaymentEvent, self._payments.take_event)
        functions.add(SendRefund, self._payments.send_refund)
        return functions

    def _cron(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        minute: set[int] | None = None,
        second: set[int] | int = 0,
        at_start: bool = False,
    ) -> CronJob:
        coroutine = periodic(self._resources, name, run)
        return cron(coroutine, name=name, minute=minute, second=second, run_at_startup=at_start, timeout=JOB_SECONDS)

    def _periodic_tasks(self) -> list[CronJob]:
        markets = marketplaces.configured(self._settings.marketplaces)
        of_markets = [self._chore(market.policy, chore) for market in markets for chore in market.periodic_tasks]
        paid = [market.policy for market in markets if market.policy.payments]
        return of_markets + [
            self._cron(f"{one.name}.payments", partial(self._payments.reconcile, one), second=25, at_start=True)
            for one in paid
        ]

    def _chore(self, policy: Policy, chore: PeriodicTask) -> CronJob:
        async def run() -> None:
            await chore.run(self._ctx(policy))

        return self._cron(f"{policy.name}.{chore.name}", run, minute=set(chore.minutes), second=30, at_start=True)

    def _ctx(self, policy: Policy) -> Ctx:
        return Ctx(self._resources, self._publisher.of(policy.name), policy, request_id=logs.request_id())

    async def _send_mail(self, job: SendMail) -> None:
        await send_mail(self._settings, job)

    async def _mail_user(self, job: MailUser) -> None:
        await mail_user(self._settings, self._resources, job)

    async def _finish_erasure(self, job: FinishErasure) -> None:
        await finish_erasure(self._resources, self._publisher, job)

    async def _check_file(self, job: CheckFile) -> None:
        await self._files.check(UUID(job.file_id))

    async def _notify_members(self, job: NotifyMembers) -> None:
        conversation_ids = [UUID(id) for id in job.conversation_ids]
        await self._notify(conversation_ids)
        await publish_to_senders(self._resources, self._publisher, conversation_ids)
        if self._searched:
            await self._resources.jobs.enqueue(StoreWords(job.conversation_ids))

    async def _store_words(self, job: StoreWords) -> None:
        await store_words(self._resources.db, self._searched, [UUID(id) for id in job.conversation_ids])

    async def _store_missing_words(self) -> None:
        """Continue scanning all conversations, for some seconds, for messages that jobs missed or that predate the search."""
        self._words_after = await store_missing(self._resources.db, self._searched, self._words_after)

    async def _notify(self, conversation_ids: Sequence[UUID]) -> None:
        going_out = await notify_members(self._resources, self._publisher, conversation_ids)
        if going_out:
            email, push = MESSAGE_RECEIVED.email, MESSAGE_RECEIVED.push
            await self._resources.jobs.enqueue(SendOut([str(id) for id in going_out], email, push))
        for policy in self._with_support:
            await following.follow(self._ctx(policy), conversation_ids)

    async def _send_out(self, job: SendOut) -> None:
        ctx = Ctx(self._resources, self._publisher, OF_ALL_MARKETS, request_id=logs.request_id())
        await send_out(ctx, [UUID(id) for id in job.notification_ids], email=job.email, push=job.push)

    async def _mail_notification(self, job: MailNotification) -> None:
        await mail_notification(self._settings, self._resources, job)

    async def _push_notification(self, job: PushNotification) -> None:
        await push_notification(self._push_provider, self._resources, job)

    async def _send_webhooks(self, job: SendWebhooks) -> None:
        await self._webhooks.deliver([UUID(id) for id in job.endpoint_ids])

    async def _sweep(self) -> None:
        """Notify of messages since the last sweep, so that a lost job causes only a delay."""
        started = clock.now()
        conversation_ids = await written_since(self._resources.db, self._swept - SWEEP_OVERLAP)
        await self._notify(conversation_ids)
        self._swept = started
        for policy in self._with_support:
            await following.tend(self._ctx(policy))

    async def _relay(self) -> None:
        """Publish outbox entries of processes that died after the commit."""
        await relay(self._resources, self._publisher)

    async def _tidy(self) -> None:
        # Also of marketplaces that other workers serve: they share the tables.
        sessions_last = max(market.policy.refresh_lifetime for market in marketplaces.ALL.values())
        await tidy(self._resources.db, timedelta(days=self._settings.edits_retention_days), sessions_last)
        await erasure.again(self._resources)

    async def _tidy_files(self) -> None:
        with contextlib.suppress(AppError):  # the storage is unreachable, which has been logged
            await tidy_files(self._resources)

    async def _close_days(self) -> None:
        await close_days(self._resources.db)

    async def _count(self) -> None:
        with contextlib.suppress(*UNAVAILABLE_ERRORS):
            self._dead = await dead_jobs.COUNT(self._resources.db) or 0
            self._open_reports = await reports.COUNT(self._resources.db, None, True, None) or 0
            await self._review.count(self._resources.db)
            self._waiting_tickets = await desk.WAITING(self._resources.db) or 0
            self._late_webhooks = await deliveries.LATE(self._resources.db, clock.now() - LATE) or 0
            self._waiting_payments = await payments.COUNT_WAITING(self._resources.db) or 0


async def _finish(arq: ArqWorker) -> None:
    """Let running jobs finish. arq's own close() would ask a Redis that may be gone."""
    if arq.tasks:
        _, late = await asyncio.wait(arq.tasks.values(), timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*arq.tasks.values(), return_exceptions=True)


@asynccontextmanager
async def open_worker(settings: Settings, resources: Resources, publisher: Publisher) -> AsyncIterator[Worker]:
    """Run a worker in this loop for the duration of the block; raises SettingsError."""
    async with (
        open_push(settings) as push_provider,
        open_senders(settings) as senders,
        open_webhooks(resources, publisher) as webhooks,
    ):
        worker = Worker(settings, resources, publisher, push_provider, senders, webhooks)
        worker.start()
        try:
            yield worker
        finally:
            await worker.stop()
