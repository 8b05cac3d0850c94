"""The registry of personal data: the entries of all modules of core. A marketplace adds entries for its own tables.

The row of an erased user stays, with the name DELETED_NAME and nothing personal, so that references from others' data
(conversations, projects) stay valid.
"""

from core import reports, reviews, sync_actions
from core.accounts import api_keys, email_changes, identity, sessions
from core.accounts.oauth import links
from core.accounts.one_time import codes
from core.calendars import feeds
from core.chat import blocking, conversations, invitations, mutes
from core.files import table as files
from core.messages.personal_data import PERSONAL_DATA as MESSAGES
from core.notifications import devices, notifications, preferences
from core.payments import statements as ledger
from core.payments.checkout import rows as payments
from core.payments.checkout import subscriptions
from core.platform.db import Run
from core.review_queue import table as review_queue
from core.support import agents, tickets
from core.texting import sent
from core.verification import requests as verifications
from core.webhooks import deliveries, endpoints
from core.work import audit, dead_jobs, idempotency
from core.work.personal_data import PersonalData, rows_of

QUOTAS = PersonalData(  # core/limits/quotas.py, which is below this registry's floor
    "quotas",
    frozenset({"quota_uses"}),
    rows_of("select name, used, started_at, ends_at from quota_uses where subject_id = $1"),
    (Run("delete from quota_uses where subject_id = $1"),),
)

CORE: tuple[PersonalData, ...] = (
    sessions.PERSONAL_DATA,
    identity.CODES,
    links.PERSONAL_DATA,
    api_keys.PERSONAL_DATA,
    codes.PERSONAL_DATA,
    sent.PERSONAL_DATA,
    email_changes.PERSONAL_DATA,
    idempotency.PERSONAL_DATA,
    endpoints.PERSONAL_DATA,
    deliveries.PERSONAL_DATA,
    sync_actions.PERSONAL_DATA,
    devices.PERSONAL_DATA,
    preferences.PERSONAL_DATA,
    feeds.PERSONAL_DATA,
    conversations.PERSONAL_DATA,
    invitations.PERSONAL_DATA,
    blocking.PERSONAL_DATA,
    mutes.PERSONAL_DATA,
    reports.PERSONAL_DATA,
    review_queue.PERSONAL_DATA,
    *MESSAGES,
    tickets.PERSONAL_DATA,
    agents.PERSONAL_DATA,
    QUOTAS,
    files.PERSONAL_DATA,
    reviews.PERSONAL_DATA,
    verifications.PERSONAL_DATA,
    ledger.PERSONAL_DATA,
    payments.PERSONAL_DATA,
    subscriptions.PERSONAL_DATA,
    audit.PERSONAL_DATA,
    dead_jobs.PERSONAL_DATA,
    notifications.PERSONAL_DATA,
    identity.ACCOUNT,  # the last: ratings are locked before the rows that follow them, as reviews do it
)
