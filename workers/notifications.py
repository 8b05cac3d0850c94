"""Delivers a notification outside of the app: by mail, or to a device."""

from uuid import UUID

from config.settings import Settings
from core.notifications import deliveries, devices
from core.platform.db import Pool
from core.text.wording import PREVIEW
from core.work.context import Resources
from core.work.jobs import MailNotification, PushNotification
from marketplaces import policy_of
from workers.mail import compose, send
from workers.push import PushProvider, UnregisteredError

TEXT = """{message}

{link}

You can switch mails like this one off in the settings of your notifications at {title}.
"""


async def mail_notification(settings: Settings, resources: Resources, job: MailNotification) -> None:
    """Mail a notification in its current form, unless it has been read or no longer has content."""
    db, sealing, id = resources.db, resources.sealing, UUID(job.notification_id)
    mail = await deliveries.MAIL(db, id, job.claimed_at)
    if mail is None or not await _is_still_so(db, mail.market, mail.type, mail.entity_id, mail.user_id):
        await deliveries.UNCLAIM_MAIL(db, id, job.claimed_at)
        return
    if not settings.smtp_url:  # of which the worker warns when it starts
        return
    title = policy_of(mail.market).title
    text = TEXT.format(message=sealing.shown(mail.message, PREVIEW), link=settings.public_url, title=title)
    message = compose(settings, sealing.open(mail.email), f"{mail.title} - {title}", text)
    # A worker that dies before it has recorded the sending sends again: the id lets mail programs recognise the duplicate.
    claim = f".{mail.mailed_at:%Y%m%d%H%M%S%f}" if mail.is_folded and mail.mailed_at else ""
    domain = settings.mail_from.rpartition("@")[2].rstrip(">")
    message["Message-ID"] = f"<{job.notification_id}{claim}@{domain}>"
    await send(settings, message)


async def push_notification(provider: PushProvider, resources: Resources, job: PushNotification) -> None:
    """Push a notification to a device, and delete the device if it is no longer registered."""
    db, device_id = resources.db, UUID(job.device_id)
    push = await deliveries.PUSH(db, UUID(job.notification_id), device_id)
    if push is None or not await _is_still_so(db, push.market, push.type, push.entity_id, push.user_id):
        return
    try:
        await provider.send(*resources.sealing.opened([push], "message", PREVIEW))
    except UnregisteredError:
        await devices.FORGET(db, device_id)


async def _is_still_so(db: Pool, market: str, type: str, entity_id: UUID | None, user_id: UUID) -> bool:
    still_so = policy_of(market).still_so.get(type)
    return still_so is None or bool(await still_so(db, entity_id, user_id))
