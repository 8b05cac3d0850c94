"""What becomes of a mail that its server does not take at once."""

import asyncio
import logging

import pytest
from redis.asyncio import Redis

from config.settings import Settings
from core.platform.observability.logs import JsonLines
from core.platform.sealing.sealing import Sealing
from core.work.jobs import SendMail
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.workers.conftest import Mailbox
from workers import running
from workers.app import Worker, open_worker

LETTER = SendMail("ann@example.com", "Hello", "Grüße")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(running, "RETRY_SECONDS", (0.01, 0.01, 0.01, 0.01))


async def test_a_mail_that_is_put_off_is_sent_later(env: Environment, mailbox: Mailbox, worker: Worker) -> None:
    mailbox.refusals += ["451 later"] * 3
    await env.resources.jobs.enqueue(LETTER)
    arrived = await mailbox.next()
    assert (arrived["Subject"], arrived.get_content().strip()) == ("Hello", "Grüße")
    assert mailbox.attempts.qsize() == 4


async def test_a_mail_that_is_refused_for_good_is_dead_at_once(
    env: Environment, mailbox: Mailbox, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refusals += ["554 never"]
    await env.resources.jobs.enqueue(LETTER)
    assert await mailbox.next_answer() == "554 never"
    await env.resources.jobs.enqueue(SendMail("bob@example.com", "Second", "x"))
    assert (await mailbox.next())["Subject"] == "Second"
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "SendMail is dead after 1 tries: PermanentError: the mail server refuses 'Hello' (SMTPDataError, 554)"
    ]
    caplog.clear()


async def test_a_mail_is_dead_after_its_last_try(
    env: Environment, mailbox: Mailbox, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refusals += ["451 later"] * 5
    await env.resources.jobs.enqueue(LETTER)
    assert [await mailbox.next_answer() for _ in range(5)] == ["451 later"] * 5
    await env.resources.jobs.enqueue(SendMail("bob@example.com", "Second", "x"))
    assert (await mailbox.next())["Subject"] == "Second"
    assert (
        "SendMail is dead after 5 tries: MailRefusedError: the mail server refuses 'Hello' (SMTPDataError, 451)"
        in caplog.messages
    )
    caplog.clear()


async def test_what_is_in_a_mail_is_not_logged(
    env: Environment, mailbox: Mailbox, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await env.resources.jobs.enqueue(SendMail("ann@example.com", "Hello", "the secret code"))
    await mailbox.next()
    await worker.stop()
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]  # the test's own mail server
    assert not [message for message in ours if "secret code" in message or "ann@example.com" in message]


@pytest.mark.parametrize(
    ("answer", "tries"),
    [("550 5.1.1 No mailbox ann here (ann@example.com)", 1), ("450 4.2.1 <ann@example.com>: ann is away", 5)],
)
async def test_of_what_the_server_answers_only_the_codes_are_kept(
    env: Environment, mailbox: Mailbox, worker: Worker, caplog: pytest.LogCaptureFixture, answer: str, tries: int
) -> None:
    mailbox.refusals += [answer] * tries
    await env.resources.jobs.enqueue(LETTER)
    assert [await mailbox.next_answer() for _ in range(tries)] == [answer] * tries
    await env.resources.jobs.enqueue(SendMail("bob@example.com", "Second", "x"))
    await mailbox.next()
    error = await env.resources.db.fetchval("select error from dead_jobs")
    logged = [JsonLines().format(record) for record in caplog.records if record.name != "mail.log"]
    assert answer[:9] in error
    assert [text for text in (error, *logged) if "ann" in text] == []
    caplog.clear()


async def test_the_queue_is_taken_up_again_after_redis_cut_its_connections(
    env: Environment, mailbox: Mailbox, worker: Worker
) -> None:
    async with Redis.from_url(env.settings.redis_urls[0]) as admin:
        await admin.client_kill_filter(_type="normal", skipme=True)
    await env.resources.jobs.enqueue(LETTER)
    assert (await mailbox.next())["Subject"] == "Hello"


async def test_a_job_that_runs_when_the_worker_stops_is_finished_and_not_run_again(
    env: Environment, mailbox: Mailbox, worker: Worker
) -> None:
    mailbox.open.clear()
    await env.resources.jobs.enqueue(LETTER)
    async with asyncio.timeout(PATIENCE):
        await mailbox.asked.wait()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    mailbox.open.set()
    await stopping
    assert (await mailbox.next())["Subject"] == "Hello"
    left = await env.resources.redis.zrange("arq:queue", 0, -1)
    assert [job for job in left if b":" not in job] == [], "but for periodic work"


async def test_the_death_of_the_worker_is_noticed(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_settings: Settings, _sealing: Sealing) -> None:
        raise RuntimeError("no such queue")

    monkeypatch.setattr("workers.app.queue", broken)
    async with open_worker(env.settings, env.resources, env.publisher) as worker:
        with pytest.raises(RuntimeError, match="no such queue"):
            await worker.wait()
