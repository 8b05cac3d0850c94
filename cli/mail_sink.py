"""A mail server for `greenroom dev` that prints each mail instead of sending it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session


@asynccontextmanager
async def mail_sink() -> AsyncIterator[str]:
    """Open it on a free local port and yield its URL."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd logs every line of the conversation
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(_Printer(), hostname="localhost", loop=loop), "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class _Printer:
    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        print(readable(content.encode() if isinstance(content, str) else content or b""), flush=True)
        return "250 OK"


def readable(content: bytes) -> str:
    """Return the readable parts of a mail: recipient, subject, text."""
    mail = message_from_bytes(content, policy=default)
    body = mail.get_body(("plain", "html"))
    lines = str(body.get_content()).strip().splitlines() if body else []
    return "\n".join(["", f"--- mail to {mail['to']}: {mail['subject']}", *lines, "---", ""])
