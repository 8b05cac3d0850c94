"""Reports of users are tasks: one for each thing, however many report it, and one decision resolves them all."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from core import reports
from core.review_queue import table
from tests.flow.api.conftest import SECRET, Api, Caller, audited
from tests.flow.api.conftest import api as api
from tests.flow.api.conftest import generous as generous
from tests.flow.api.conftest import operator as operator
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env

pytestmark = pytest.mark.usefixtures("generous")


async def open_tasks(operator: Caller) -> list[dict[str, object]]:
    tasks: list[dict[str, object]] = (await operator.get("/review/tasks", kind="report")).body["tasks"]
    return tasks


async def test_many_reports_of_one_user_are_one_task_whose_decision_resolves_all(
    api: Api, env: Environment, operator: Caller
) -> None:
    bob = await api.signed_up("talent", "Bob")
    people = [await api.signed_up("creator", f"P{n}") for n in range(4)]
    replies = await asyncio.gather(*(one.post(f"/users/{bob.id}/report", reason="scam") for one in people))
    assert {reply.status for reply in replies} == {201}
    (task,) = await open_tasks(operator)
    assert (task["subjectId"], task["userName"], task["reason"], task["priority"]) == (bob.id, "Bob", "scam", 3)
    decided = await operator.post(f"/review/tasks/{task['id']}/decide", decision="resolve", note="Banned")
    assert decided.status == 200, decided
    page = (await operator.get("/reports", status="resolved", subjectId=bob.id)).body
    assert page["total"] == 4
    assert {(one["resolvedBy"], one["note"]) for one in page["reports"]} == {("olga", "Banned")}
    resolved = [id for action, id, _ in await audited(env) if action == "report.resolve"]
    assert {str(id) for id in resolved} == {reply.body["id"] for reply in replies}


async def test_a_report_resolved_on_its_page_decides_the_task_and_both_agree(api: Api, operator: Caller) -> None:
    bob, ann, eve = [await api.signed_up("talent", name) for name in ("Bob", "Ann", "Eve")]
    first = (await ann.post(f"/users/{bob.id}/report", reason="spam")).body["id"]
    await eve.post(f"/users/{bob.id}/report", reason="spam")
    omar = Caller(operator.client, "/ops", access_token=SECRET[::-1])
    (task,) = await open_tasks(operator)
    await omar.post(f"/review/tasks/{task['id']}/take")
    assert (await operator.post(f"/reports/{first}/resolve", note="Mine")).code == "REVIEW_TASK_TAKEN"
    assert (await omar.post(f"/reports/{first}/resolve", note="Warned")).body["resolvedBy"] == "omar"
    assert await open_tasks(operator) == []
    assert (await operator.get("/reports", status="open")).body["total"] == 0
    details = (await operator.get(f"/review/tasks/{task['id']}")).body["task"]
    assert (details["state"], details["decidedBy"], details["note"]) == ("resolve", "omar", "Warned")


async def test_a_repeat_raises_nothing_and_after_the_decision_there_is_a_new_task(api: Api, operator: Caller) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    for _ in range(3):
        await ann.post(f"/users/{bob.id}/report", reason="spam")
    (task,) = await open_tasks(operator)
    assert task["priority"] == 0, "one reporter alone does not push it up"
    await operator.post(f"/review/tasks/{task['id']}/decide", decision="dismiss")
    await ann.post(f"/users/{bob.id}/report", reason="scam")
    (again,) = await open_tasks(operator)
    assert again["id"] != task["id"]
    assert (again["priority"], again["reason"]) == (1, "scam")
    details = (await operator.get(f"/review/tasks/{again['id']}")).body
    assert [(one["id"], one["state"]) for one in details["history"]] == [(task["id"], "dismiss")]


async def test_one_reporter_raises_nothing_by_reporting_many_times_at_once(api: Api, operator: Caller) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    replies = await asyncio.gather(*(ann.post(f"/users/{bob.id}/report", reason="spam") for _ in range(8)))
    assert {reply.status for reply in replies} == {201}
    (task,) = await open_tasks(operator)
    assert task["priority"] == 0


async def test_what_a_message_said_first_stays_though_it_is_edited_and_reported_again(
    api: Api, operator: Caller
) -> None:
    ann, bob, eve = [
        await api.signed_up(role, name) for role, name in (("creator", "Ann"), ("talent", "Bob"), ("talent", "Eve"))
    ]
    group = (await ann.post("/conversations/groups", title="All", participantIds=[bob.id, eve.id])).body["id"]
    for one in (bob, eve):
        await one.accept_all()
    path = f"/conversations/{group}/messages"
    said = (await bob.post(path, content="Buy cheap watches")).body["id"]
    await ann.post(f"{path}/{said}/report", reason="spam")
    await bob.put(f"{path}/{said}", content="Good morning")
    await eve.post(f"{path}/{said}/report", reason="other")
    await ann.post(f"/users/{bob.id}/report", reason="spam")
    tasks = {one["subjectType"]: one for one in await open_tasks(operator)}
    assert tasks.keys() == {"message", "user"}
    assert tasks["message"]["facts"] == [{"name": "Message", "value": "Buy cheap watches"}]
    assert tasks["message"]["reason"] == "spam"
    await operator.post(f"/review/tasks/{tasks['message']['id']}/decide", decision="resolve")
    (left,) = (await operator.get("/reports", status="open")).body["reports"]
    assert left["messageId"] is None, "what is about the user herself is another matter"


async def test_reports_that_came_while_a_decision_was_made_are_never_lost(
    api: Api, env: Environment, operator: Caller
) -> None:
    bob = await api.signed_up("talent", "Bob")
    people = [await api.signed_up("creator", f"P{n}") for n in range(6)]
    for _ in range(8):
        await people[0].post(f"/users/{bob.id}/report", reason="spam")
        (task,) = await open_tasks(operator)
        replies = await asyncio.gather(
            operator.post(f"/review/tasks/{task['id']}/decide", decision="dismiss"),
            *(one.post(f"/users/{bob.id}/report", reason="spam") for one in people),
        )
        assert {reply.status for reply in replies} <= {200, 201}, replies
        waiting = (await operator.get("/reports", status="open")).body["total"]
        assert bool(await open_tasks(operator)) is bool(waiting), "open reports have an open task, and none has none"
        for left in await open_tasks(operator):
            await operator.post(f"/review/tasks/{left['id']}/decide", decision="dismiss")


async def test_a_report_of_before_the_queue_is_resolved_alone(api: Api, env: Environment, operator: Caller) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    report = (await ann.post(f"/users/{bob.id}/report", reason="spam")).body["id"]
    await env.resources.db.execute("delete from review_tasks")
    assert (await operator.post(f"/reports/{report}/resolve", note="Old")).body["note"] == "Old"
    assert await reports.COUNT(env.resources.db, None, True, None) == 0
    assert await table.OPEN_ABOUT(env.resources.db, "onswift", "report", UUID(bob.id)) is None


async def test_the_migration_makes_tasks_of_the_reports_that_were_open(
    api: Api, env: Environment, operator: Caller
) -> None:
    bob, ann, eve = [await api.signed_up("talent", name) for name in ("Bob", "Ann", "Eve")]
    for one in (ann, eve):
        await one.post(f"/users/{bob.id}/report", reason="scam")
    done = (await ann.post(f"/users/{eve.id}/report", reason="spam")).body["id"]
    await operator.post(f"/reports/{done}/resolve")
    chat = (await ann.post("/conversations/groups", title="All", participantIds=[bob.id])).body["id"]
    await bob.accept_all()
    said = (await bob.post(f"/conversations/{chat}/messages", content="Watches")).body["id"]
    await ann.post(f"/conversations/{chat}/messages/{said}/report", reason="spam")
    await env.resources.db.execute("delete from review_tasks")
    file = Path(__file__).parents[3] / "migrations/0054_review_queue.sql"
    _, filling, rest = file.read_text().partition("insert into review_tasks")
    await env.resources.db.execute(filling + rest)
    tasks = {task["subjectType"]: task for task in await open_tasks(operator)}
    assert {kind: (task["subjectId"], task["priority"], task["reason"]) for kind, task in tasks.items()} == {
        "user": (bob.id, 1, "scam"),
        "message": (said, 0, "spam"),
    }
    assert tasks["message"]["facts"] == [{"name": "Message", "value": "Watches"}]
    await operator.post(f"/review/tasks/{tasks['user']['id']}/decide", decision="resolve")
    assert (await operator.get("/reports", status="open")).body["total"] == 1
