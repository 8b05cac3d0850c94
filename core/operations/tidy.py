"""Deletes expired rows, in small batches."""

from datetime import timedelta

from core import reports, sync_actions
from core.accounts import api_keys, email_changes, sessions
from core.accounts.oauth import flows
from core.accounts.one_time import codes, tokens
from core.base import clock
from core.calendars import feeds
from core.chat import invitations, mutes
from core.limits import quotas
from core.messages import editing
from core.payments.checkout import subscriptions, webhooks
from core.platform.db import Pool, Run, Scalar
from core.platform.tokens import REFRESH_LIFETIME
from core.review_queue import queue
from core.review_queue import table as review_tasks
from core.texting import sent
from core.verification import requests as verifications
from core.webhooks import deliveries
from core.work import dead_jobs, idempotency

BATCH = 1000
A_WHILE = timedelta(minutes=10)  # a refresh that began before its token expired has finished by then
EARLIER_TEXTS = timedelta(days=30)  # unless the settings say otherwise

# Each statement deletes rows older than a time ($1), at most $2, and returns their number. That of feeds hashes instead.
OLD: tuple[tuple[Run | Scalar[int], timedelta], ...] = (
    (idempotency.FORGET, idempotency.KEPT),
    (tokens.FORGET, timedelta(0)),
    (codes.FORGET, timedelta(0)),
    (email_changes.FORGET, email_changes.KEPT),
    (flows.FORGET, timedelta(0)),
    (api_keys.FORGET, api_keys.KEPT),
    (sessions.FORGET_ENDED, timedelta(days=30)),
    (invitations.FORGET_ANSWERED, invitations.PAUSE_AFTER_DECLINE),
    (mutes.FORGET, timedelta(0)),
    (reports.FORGET, reports.KEPT),
    (review_tasks.FORGET, queue.KEPT),
    (quotas.FORGET, quotas.KEPT),
    (sent.FORGET, sent.KEPT),
    (verifications.EXPIRE, verifications.LATE),
    (verifications.FORGET, verifications.KEPT),
    (deliveries.FORGET, deliveries.KEPT),
    (sync_actions.FORGET, sync_actions.KEPT),
    (dead_jobs.FORGET, timedelta(days=90)),
    (feeds.HASH_TOKENS, timedelta(days=1)),
    (webhooks.FORGET, timedelta(days=90)),
    (subscriptions.FORGET, timedelta(days=90)),
)


async def tidy(db: Pool, earlier_texts: timedelta = EARLIER_TEXTS, sessions_last: timedelta = REFRESH_LIFETIME) -> None:
    """Delete expired rows; the next run continues.

    `earlier_texts`: how long those are kept; `sessions_last`: the longest lifetime of refresh tokens.
    """
    of_settings = (editing.FORGET_EARLIER_TEXTS, earlier_texts), (sessions.FORGET_EXPIRED, sessions_last + A_WHILE)
    for forget, age in (*OLD, *of_settings):
        moment = clock.now() - age
        while await forget(db, moment, BATCH) == BATCH:
            pass
