"""A job that fails is tried again, and kept when it is dead; nothing that was queued is lost."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from core.platform.observability import logs
from core.platform.observability.logs import Origin
from core.work import dead_jobs, outbox
from core.work.dead_jobs import DeadJob
from core.work.jobs import BusyError, NotifyMembers, PermanentError, SendMail
from tests.flow.api.conftest import Api
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.workers import dying
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.dying import Wave
from workers import app, running
from workers.app import Worker, open_worker


class Hand:
    """The function of a job: fails as often as it is told."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.waved: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.tries = 0
        self.hangs = False

    async def wave(self, job: Wave) -> None:
        self.tries += 1
        if self.hangs:
            self.hangs = False
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        self.waved.put_nowait((job.hand, logs.request_id()))

    async def die(self, _job: dying.Fatal) -> None:
        raise AssertionError("it should not run again")

    async def next(self) -> str:
        """Return what was waved next."""
        async with asyncio.timeout(PATIENCE):
            return (await self.waved.get())[0]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(running, "RETRY_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(running, "UNKNOWN_SECONDS", 0.01)


def knows(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    usual: Callable[..., running.Functions] = app.Worker._functions

    def functions(worker: Worker, of_time: Any) -> running.Functions:
        known = usual(worker, of_time)
        known.add(Wave, hand.wave)
        known.add(dying.Fatal, hand.die)
        return known

    monkeypatch.setattr(app.Worker, "_functions", functions)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    """Have workers know a job more."""
    hand = Hand()
    knows(hand, monkeypatch)
    return hand


@pytest.fixture
async def works(env: Environment, hand: Hand) -> AsyncIterator[Worker]:
    """Return a worker that knows it."""
    async with open_worker(env.settings, env.resources, env.publisher) as worker:
        yield worker


async def dead(env: Environment, count: int = 1) -> list[DeadJob]:
    """Return the dead jobs, once there are so many."""
    async with asyncio.timeout(PATIENCE):
        while len(jobs := await dead_jobs.ALL(env.resources.db)) < count:  # noqa: ASYNC110 - a table does not tell
            await asyncio.sleep(0.02)
    return jobs


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Return once something was logged."""
    async with asyncio.timeout(PATIENCE):
        while words not in caplog.text:  # noqa: ASYNC110 - nor does caplog
            await asyncio.sleep(0.01)


async def test_any_job_that_fails_is_tried_again(env: Environment, hand: Hand, works: Worker) -> None:
    hand.failures += [ValueError("no"), TimeoutError()]
    await env.resources.jobs.enqueue(Wave("left"))
    assert await hand.next() == "left"
    assert hand.tries == 3
    assert await dead_jobs.ALL(env.resources.db) == []


async def test_after_its_last_try_a_job_is_kept_as_dead_and_can_be_tried_again(
    env: Environment, hand: Hand, works: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.failures += [ValueError("no, ann@example.com")] * 3
    with logs.on_behalf(Origin("request-7")):
        await env.resources.jobs.enqueue(Wave("left"))
    (job,) = await dead(env)
    assert (job.name, job.arguments, job.tries, job.request_id) == ("Wave", '{"hand":"left"}', 3, "request-7")
    assert job.error == "ValueError: no, a***@example.com"
    assert "Wave is dead after 3 tries: ValueError: no, a***@example.com" in caplog.messages
    caplog.clear()
    assert [one.id for one in await dead_jobs.retry(env.resources.db, [job.id])] == [job.id]
    assert await dead_jobs.retry(env.resources.db, [job.id]) == [], "only once"
    monkeypatch.setattr(outbox, "OVERDUE", -outbox.OVERDUE)
    await outbox.relay(env.resources, env.publisher)
    async with asyncio.timeout(PATIENCE):
        assert await hand.waved.get() == ("left", "request-7")
    assert await dead_jobs.ALL(env.resources.db) == []


async def test_a_permanent_error_makes_a_job_dead_at_once(
    env: Environment, hand: Hand, works: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    hand.failures += [PermanentError("never")]
    await env.resources.jobs.enqueue(Wave("left"))
    assert [(job.error, job.tries) for job in await dead(env)] == [("PermanentError: never", 1)]
    caplog.clear()


async def test_a_job_that_cannot_begin_comes_back_and_has_had_no_try(
    env: Environment, hand: Hand, works: Worker
) -> None:
    hand.failures += [BusyError(0.01)] * 9
    await env.resources.jobs.enqueue(Wave("left"))
    assert await hand.next() == "left"
    assert hand.tries == 10, "three tries are all that one has here"
    assert await dead_jobs.ALL(env.resources.db) == []


async def test_a_job_that_kills_its_worker_is_dead_after_two_tries_and_no_other_one_is_lost(
    env: Environment, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    redis = env.resources.redis
    await env.resources.jobs.enqueue(dying.Fatal())
    for number in range(3):
        await env.resources.jobs.enqueue(Wave(str(number)))
    for _ in range(2):
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.flow.workers.dying", msgspec.json.encode(env.settings).decode()
        )
        assert await asyncio.wait_for(worker.wait(), PATIENCE) == -signal.SIGKILL
        for key in await redis.keys("arq:in-progress:*"):
            await redis.delete(key)  # as time does
    async with open_worker(env.settings, env.resources, env.publisher):
        (job,) = await dead(env)
        assert (job.name, job.tries) == ("Fatal", 3)
        assert "the worker died while it ran" in job.error
        told: list[bytes] = await redis.lrange(dying.WAVED, 0, -1)  # type: ignore[misc]
        waved = {one.decode() for one in told}
        while waved != {"0", "1", "2"}:
            waved.add(await hand.next())
    assert len(await dead_jobs.ALL(env.resources.db)) == 1
    caplog.clear()


async def test_a_job_that_hangs_is_ended_and_tried_again(
    env: Environment, hand: Hand, works: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "JOB_SECONDS", 0.01)
    hand.hangs = True
    await env.resources.jobs.enqueue(Wave("left"))
    assert await hand.next() == "left"
    assert hand.tries == 2


async def test_a_job_that_a_worker_does_not_know_waits_for_one_that_does(
    env: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with open_worker(env.settings, env.resources, env.publisher):
        await env.resources.jobs.enqueue(Wave("left"))
        await logged(caplog, "does not know the job")
    assert await dead_jobs.ALL(env.resources.db) == []
    hand = Hand()
    knows(hand, monkeypatch)
    async with open_worker(env.settings, env.resources, env.publisher):
        assert await hand.next() == "left"


async def test_a_job_that_no_worker_knows_for_long_is_dead_but_not_lost(
    env: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "UNKNOWN_TRIES", 2)
    async with open_worker(env.settings, env.resources, env.publisher):
        await env.resources.jobs.enqueue(Wave("left"))
        (job,) = await dead(env)
    assert (job.name, job.arguments) == ("Wave", '{"hand":"left"}')
    caplog.clear()


async def test_a_job_with_arguments_of_another_version_is_dead_but_not_lost(
    env: Environment, hand: Hand, works: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    await env.resources.jobs.enqueue_encoded("Wave", b'{"foot": "left"}', "")
    (job,) = await dead(env)
    assert (job.arguments, job.tries) == ('{"foot":"left"}', 3)
    caplog.clear()


async def test_of_a_dead_mail_nothing_is_kept_that_may_be_a_secret(
    env: Environment, works: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    await env.resources.jobs.enqueue(SendMail("no address\n", "Hello", "the secret code"))
    (job,) = await dead(env)
    assert job.arguments is None
    assert "secret" not in str(job)
    assert await dead_jobs.retry(env.resources.db, [job.id]) == []
    caplog.clear()


async def test_a_job_that_dies_while_the_database_is_away_is_not_lost(
    env: Environment, hand: Hand, works: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = [OSError(), OSError()]
    usual = dead_jobs.mark_dead

    async def mark_dead(*arguments: Any) -> None:
        if away:
            raise away.pop()
        await usual(*arguments)

    monkeypatch.setattr(dead_jobs, "mark_dead", mark_dead)
    hand.failures += [ValueError("no")] * 9
    await env.resources.jobs.enqueue(Wave("left"))
    assert [job.tries for job in await dead(env)] == [5]
    caplog.clear()


async def test_jobs_know_the_request_that_they_follow_from(env: Environment, hand: Hand, works: Worker) -> None:
    with logs.on_behalf(Origin("request-8")):
        await env.resources.jobs.enqueue(NotifyMembers([]))
        await env.resources.jobs.enqueue(Wave("left"))
    async with asyncio.timeout(PATIENCE):
        assert await hand.waved.get() == ("left", "request-8")


async def test_a_job_that_follows_from_a_call_carries_its_request_id_through_all_its_tries(
    api: Api, env: Environment, mailbox: Mailbox, works: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    new = {"name": "Film", "description": "A short one", "dueDate": "2999-12-31"}
    project = (await ann.post("/projects", **new)).body["id"]
    await ann.post(f"/projects/{project}/team", userId=bob.id)
    await bob.put("/notifications/preferences", preferences=[{"type": "project_status_changed", "email": True}])
    mailbox.refusals += ["451 later", "451 later", "451 later"]
    headers = {"X-Request-Id": "request-9"}
    reply = await ann.call("PUT", f"/projects/{project}", json={"status": "in-progress"}, headers=headers)
    assert reply.status == 200
    (job,) = await dead(env)
    assert (job.name, job.tries, job.request_id) == ("MailNotification", 3, "request-9")
    assert bob.email not in caplog.text
    caplog.clear()
