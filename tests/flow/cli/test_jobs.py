"""`greenroom jobs`: dead jobs are shown, retried and dropped by people."""

from uuid import UUID, uuid4

import msgspec
import pytest

from config.settings import Settings
from core.work import dead_jobs
from core.work.outbox import Effect, Enqueue
from tests.flow.cli.commands import greenroom
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    """Return settings that name the database alone."""
    return {"DATABASE_URL": settings.database_url, "DATA_DIR": settings.data_dir}


async def mark_dead(env: Environment, name: str, arguments: str | None = '{"x":1}') -> UUID:
    await dead_jobs.mark_dead(env.resources.db, name, arguments, "ValueError: no", 5, "request-1")
    (id,) = [job.id for job in await dead_jobs.ALL(env.resources.db) if job.name == name]
    return id


async def left(env: Environment) -> set[str]:
    return {job.name for job in await dead_jobs.ALL(env.resources.db)}


async def test_dead_jobs_are_listed(env: Environment, environ: dict[str, str]) -> None:
    assert greenroom("jobs", "list", **environ).stdout == "no job is dead\n"
    id = await mark_dead(env, "Wave")
    await mark_dead(env, "SendMail", None)
    shown = greenroom("jobs", "list", **environ).stdout
    for text in (str(id), "Wave", '{"x":1}', "ValueError: no", "SendMail", "not kept"):
        assert text in shown


async def test_a_job_that_is_retried_is_given_to_the_workers_once(env: Environment, environ: dict[str, str]) -> None:
    id, _ = await mark_dead(env, "Wave"), await mark_dead(env, "Other")
    done = greenroom("jobs", "retry", str(id), **environ)
    assert (done.returncode, done.stdout) == (0, "1 will be tried again by the workers within seconds\n")
    (effects,) = [row["effects"] for row in await env.resources.db.fetch("select effects from outbox")]
    assert msgspec.json.decode(effects, type=list[Effect]) == [Enqueue("Wave", msgspec.Raw(b'{"x":1}'), "request-1")]
    assert await left(env) == {"Other"}
    again = greenroom("jobs", "retry", str(id), **environ)
    assert again.returncode == 1
    assert f"greenroom: {id} is not dead" in again.stderr


async def test_all_can_be_retried_but_those_that_held_a_secret(env: Environment, environ: dict[str, str]) -> None:
    await mark_dead(env, "Wave")
    secret = await mark_dead(env, "SendMail", None)
    assert greenroom("jobs", "retry", "--all", **environ).stdout.startswith("1 will be")
    assert await left(env) == {"SendMail"}
    assert greenroom("jobs", "retry", str(secret), **environ).returncode == 1


async def test_jobs_are_dropped(env: Environment, environ: dict[str, str]) -> None:
    id, _, _ = await mark_dead(env, "Wave"), await mark_dead(env, "Other"), await mark_dead(env, "Third")
    assert greenroom("jobs", "drop", str(id), **environ).stdout == "1 dropped\n"
    assert greenroom("jobs", "drop", str(uuid4()), **environ).returncode == 1
    assert await left(env) == {"Other", "Third"}
    assert greenroom("jobs", "drop", "--all", **environ).stdout == "2 dropped\n"


@pytest.mark.parametrize("arguments", [["retry"], ["drop"], ["retry", "one"], ["drop", "--all", str(uuid4())], []])
def test_what_to_retry_or_drop_must_be_said(arguments: list[str]) -> None:
    done = greenroom("jobs", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
