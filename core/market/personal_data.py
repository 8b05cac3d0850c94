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
from core.webhooks import deliveries, endpoints
from core.work import audit, dead_jobs, idempotency
from core.work.personal_data import PersonalData

CORE: tuple[PersonalData, ...] = (
    sessions.PERSONAL_DATA,
    identity.CODES,
    links.PERSONAL_DATA,
    api_keys.PERSONAL_DATA,
    codes.PERSONAL_DATA,
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
    *MESSAGES,
    files.PERSONAL_DATA,
    reviews.PERSONAL_DATA,
    audit.PERSONAL_DATA,
    dead_jobs.PERSONAL_DATA,
    notifications.PERSONAL_DATA,
    identity.ACCOUNT,  # the last: ratings are locked before the rows that follow them, as reviews do it
)
