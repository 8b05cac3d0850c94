"""Sends mail over SMTP."""

import logging
import re
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib

from config.settings import Settings
from core.accounts import identity
from core.work.context import Resources
from core.work.jobs import MailUser, PermanentError, SendMail

TIMEOUT_SECONDS = 10.0
PERMANENT = 500
_ENHANCED = re.compile(r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")

log = logging.getLogger(__name__)


async def send_mail(settings: Settings, mail: SendMail) -> None:
    """Send one mail; raises as `send` does."""
    if not settings.smtp_url:
        log.error("a mail was not sent, because GREENROOM_SMTP_URL is not set: %s", mail.subject)
        return
    await send(settings, compose(settings, mail.to, mail.subject, mail.text))


async def mail_user(settings: Settings, resources: Resources, mail: MailUser) -> None:
    """Send one mail to a user, unless the account is erased; raises as `send` does."""
    if address := await identity.ADDRESS(resources.db, UUID(mail.user_id)):
        await send_mail(settings, SendMail(resources.sealing.open(address), mail.subject, mail.text))


def compose(settings: Settings, to: str, subject: str, text: str) -> EmailMessage:
    """Return a plain-text mail from our address."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = to
    message["Subject"] = " ".join(subject.split())  # names chosen by users may contain line breaks
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


class MailRefusedError(Exception):
    """The server does not accept a mail now."""


async def send(settings: Settings, message: EmailMessage) -> None:
    """Pass a mail to the server; raises PermanentError if it will never accept it, and other errors that can be retried."""
    try:
        await _deliver(settings, message)
    except aiosmtplib.SMTPException as error:
        if not (codes := _codes(error)):
            raise
        # Servers quote the mailbox in their answers, each in its own format, so only the codes are reported.
        kind = PermanentError if _is_permanent(error) else MailRefusedError
        said = ", ".join([type(error).__name__, *codes])
        raise kind(f"the mail server refuses {str(message['Subject'])!r} ({said})") from None


async def _deliver(settings: Settings, message: EmailMessage) -> None:
    server = urlsplit(settings.smtp_url)
    is_tls = server.scheme == "smtps"
    await aiosmtplib.send(
        message,
        hostname=server.hostname,
        port=server.port or (465 if is_tls else 25),
        username=unquote(server.username) if server.username else None,
        password=unquote(server.password) if server.password else None,
        use_tls=is_tls,
        timeout=TIMEOUT_SECONDS,
    )


def _codes(error: aiosmtplib.SMTPException) -> list[str]:
    """Return the status codes of the server's answer (RFC 5321, RFC 3463); empty if there was no answer."""
    refusals = error.recipients if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else [error]
    answers = [one for one in refusals if isinstance(one, aiosmtplib.SMTPResponseException)]
    return [" ".join([str(one.code), *_ENHANCED.findall(one.message)[:1]]) for one in answers]


def _is_permanent(error: Exception) -> bool:
    """Return whether the server will never accept this mail: it answered 5xx, for the mail or for its only recipient."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refusal.code >= PERMANENT for refusal in error.recipients)
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= PERMANENT
