"""A mail of what happened in a project leaves only if it is still so: also one that its server did not take at first."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.test_sending_out import quiet
from workers import running
from workers.app import Worker

DAY = "2099-01-01"
Change = Callable[[Caller, str, str, str], Awaitable[Reply]]


async def delete_task(ann: Caller, project: str, task: str, _bob: str) -> Reply:
    return await ann.delete(f"{project}/tasks/{task}")


async def complete(ann: Caller, project: str, task: str, _bob: str) -> Reply:
    return await ann.put(f"{project}/tasks/{task}", status="completed")


async def remove(ann: Caller, project: str, _task: str, bob: str) -> Reply:
    return await ann.delete(f"{project}/team/{bob}")


async def delete_project(ann: Caller, project: str, _task: str, _bob: str) -> Reply:
    return await ann.delete(project)


async def rename(ann: Caller, project: str, task: str, _bob: str) -> Reply:
    return await ann.put(f"{project}/tasks/{task}", name="Recut")


@pytest.mark.parametrize(
    ("change", "mails"),
    [(delete_task, 0), (remove, 0), (delete_project, 0), (complete, 0), (rename, 1)],
    ids=["deleted", "removed", "project deleted", "completed", "renamed"],
)
async def test_a_task_is_mailed_only_while_its_user_is_still_the_assignee(
    api: Api,
    env: Environment,
    mailbox: Mailbox,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    mails: int,
) -> None:
    monkeypatch.setattr(running, "RETRY_SECONDS", (0.01, 0.01, 0.01, 0.01))
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    made = await ann.post("/projects", name="Film", description="x", dueDate=DAY)
    project = f"/projects/{made.body['id']}"
    assert (await ann.post(f"{project}/team", userId=bob.id)).status == 201
    await quiet(env, worker)
    mailbox.refusals.append("451 later")
    mailbox.open.clear()
    mailbox.asked.clear()
    made = await ann.post(f"{project}/tasks", name="Cut", dueDate=DAY, assigneeId=bob.id)
    async with asyncio.timeout(PATIENCE):
        await mailbox.asked.wait()
    assert (await change(ann, project, made.body["id"], bob.id)).status < 300
    mailbox.open.set()
    assert (await mailbox.next_answer()).startswith("451")
    await quiet(env, worker)
    assert mailbox.mails.qsize() == mails
