"""cli/mail_sink.py: the mail server of `greenroom dev`."""

from email.message import EmailMessage

import aiosmtplib
import pytest

from cli.mail_sink import mail_sink, readable


async def test_a_mail_is_taken_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "us@example.com", "ada@example.com", "Grüße"
    mail.set_content("Dear Ada,\nhere is your code: ü42\n")
    async with mail_sink() as url:
        port = int(url.rpartition(":")[2])
        await aiosmtplib.send(mail, hostname="127.0.0.1", port=port, start_tls=False)
    assert "--- mail to ada@example.com: Grüße\nDear Ada,\nhere is your code: ü42\n---" in capsys.readouterr().out


def test_a_mail_without_text_is_still_readable() -> None:
    assert readable(b"To: ada@example.com\r\nSubject: empty\r\n\r\n") == "\n--- mail to ada@example.com: empty\n---\n"
