"""Sends mail over SMTP, and tries again for a while when the server does not take it."""

import logging
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
from arq import Retry

from config.settings import Settings
from core.jobs import SendMail

# One wait after each try but the last: a server that restarts is back within minutes.
RETRY_SECONDS = (5, 30, 120, 600)
TIMEOUT_SECONDS = 10.0
PERMANENT = 500

log = logging.getLogger(__name__)


async def send_mail(settings: Settings, mail: SendMail, attempt: int) -> None:
    """Send one mail; `attempt` counts from 1. Raises arq's Retry, or logs the mail as dead."""
    if not settings.smtp_url:
        log.error("a mail was not sent, because GREENROOM_SMTP_URL is not set: %s", mail.subject)
        return
    try:
        await _deliver(settings, mail)
    except (aiosmtplib.SMTPException, OSError) as error:
        if _is_permanent(error) or attempt > len(RETRY_SECONDS):
            log.error("a mail is dead after %d tries: %s: %s", attempt, mail.subject, type(error).__name__)
            return
        raise Retry(defer=RETRY_SECONDS[attempt - 1]) from error


async def _deliver(settings: Settings, mail: SendMail) -> None:
    server = urlsplit(settings.smtp_url)
    is_tls = server.scheme == "smtps"
    await aiosmtplib.send(
        _message(settings.mail_from, mail),
        hostname=server.hostname,
        port=server.port or (465 if is_tls else 25),
        username=unquote(server.username) if server.username else None,
        password=unquote(server.password) if server.password else None,
        use_tls=is_tls,
        timeout=TIMEOUT_SECONDS,
    )


def _message(sender: str, mail: SendMail) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _is_permanent(error: Exception) -> bool:
    """Say whether the server will never take this mail: it answered 5xx, for the mail or for its only recipient."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refusal.code >= PERMANENT for refusal in error.recipients)
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= PERMANENT
