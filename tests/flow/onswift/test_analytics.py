"""Analytics: numbers of one's own work, and nobody else's."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from core.base import clock
from core.base.ids import uuid7
from tests.flow.api.conftest import Caller
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import People
from tests.flow.onswift.test_tasks import add, task_of


def day(offset: int) -> str:
    return (clock.today() + timedelta(days=offset)).isoformat()


async def of(caller: Caller, role: str) -> Any:
    reply = await caller.get(f"/analytics/{role}")
    assert reply.status == 200, reply
    return reply.body


async def work_on(people: People) -> str:
    """Have the talent complete a task in time and one late, and leave one; return the last."""
    for due in (0, -1):
        task = await task_of(people, dueDate=day(due))
        await people.talent.put(f"{people.path}/tasks/{task['id']}", status="completed")
    left: str = (await task_of(people, dueDate=day(-1)))["id"]
    return left


async def hand_in(env: Environment, people: People, task: str, **statuses: int) -> None:
    """Store deliverables of the talent: for each status one with so many revisions."""
    for status, revisions in statuses.items():
        await env.resources.db.execute(
            "insert into onswift.deliverables (id, project_id, task_id, submitted_by_id, title, description, status,"
            " revision_count, submitted_at, updated_at) values ($1, $2, $3, $4, 'x', '', $5, $6, now(), now())",
            uuid7(), UUID(people.project), UUID(task), UUID(people.talent.id), status, revisions,
        )  # fmt: skip


async def test_without_work_everything_is_zero_and_no_rate_is_made_up(people: People) -> None:
    nothing = await of(people.other_creator, "creator")
    assert nothing["projects"] == {"total": 0, "planning": 0, "inProgress": 0, "completed": 0}
    assert (nothing["projectCompletionRate"], nothing["taskCompletionRate"], nothing["onTimeRate"]) == (None,) * 3
    assert (nothing["averageRevisions"], nothing["teamSize"], nothing["team"]) == (None, 0, [])
    nothing = await of(people.other_talent, "talent")
    assert (nothing["tasks"]["total"], nothing["taskCompletionRate"]) == (0, None)
    assert (nothing["averageRating"], nothing["totalReviews"]) == (0, 0)


async def test_a_creator_sees_projects_tasks_deliverables_and_what_the_team_does(
    env: Environment, people: People
) -> None:
    await add(people, people.other_talent)
    await task_of(people, assigneeId=people.other_talent.id)
    await hand_in(env, people, await work_on(people), pending=0, approved=1, revision=2)
    numbers = await of(people.creator, "creator")
    assert numbers["projects"] == {"total": 1, "planning": 1, "inProgress": 0, "completed": 0}
    assert numbers["projectCompletionRate"] == 0
    assert numbers["tasks"] == {
        "total": 4, "planning": 2, "inProgress": 0, "completed": 2, "onTime": 1, "overdue": 1,
    }  # fmt: skip
    assert (numbers["taskCompletionRate"], numbers["onTimeRate"]) == (0.5, 0.5)
    assert numbers["deliverables"] == {"total": 3, "pending": 1, "approved": 1, "revision": 1}
    assert (numbers["averageRevisions"], numbers["teamSize"]) == (1, 2)
    assert [(one["talent"]["name"], one["taskCount"], one["completionRate"]) for one in numbers["team"]] == [
        ("Bob", 3, 0.6667), ("Dan", 1, 0),
    ]  # fmt: skip


async def test_a_talent_sees_own_tasks_deliverables_and_ratings(env: Environment, people: People) -> None:
    await add(people, people.other_talent)
    await task_of(people, assigneeId=people.other_talent.id)
    await hand_in(env, people, await work_on(people), approved=3, pending=0)
    await people.creator.put(people.path, status="completed")
    body = {"talentId": people.talent.id, "projectId": people.project, "rating": 4, "text": "Good"}
    assert (await people.creator.post("/reviews", **body)).status == 201
    numbers = await of(people.talent, "talent")
    assert numbers["projects"]["completed"] == 1
    assert (numbers["tasks"]["total"], numbers["tasks"]["onTime"], numbers["tasks"]["overdue"]) == (3, 1, 1)
    assert (numbers["taskCompletionRate"], numbers["onTimeRate"]) == (0.6667, 0.5)
    assert (numbers["deliverables"]["total"], numbers["averageRevisions"]) == (2, 1.5)
    assert (numbers["averageRating"], numbers["totalReviews"]) == (4, 1)
    assert (await of(people.other_talent, "talent"))["tasks"]["total"] == 1


async def test_of_a_project_that_a_talent_has_left_counts_what_was_completed(people: People) -> None:
    await work_on(people)
    await people.creator.delete(f"{people.path}/team/{people.talent.id}")
    numbers = await of(people.talent, "talent")
    assert (numbers["projects"]["total"], numbers["tasks"]["total"], numbers["taskCompletionRate"]) == (0, 2, 1)
    numbers = await of(people.creator, "creator")
    assert (numbers["teamSize"], numbers["team"][0]["taskCount"]) == (0, 2), "the open one is nobody's"


async def test_a_deleted_project_does_not_count(people: People) -> None:
    await work_on(people)
    await people.creator.delete(people.path)
    assert (await of(people.creator, "creator"))["tasks"]["total"] == 0
    assert (await of(people.talent, "talent"))["tasks"]["total"] == 0


async def test_each_role_has_its_own_numbers(people: People) -> None:
    assert (await people.talent.get("/analytics/creator")).status == 403
    assert (await people.creator.get("/analytics/talent")).status == 403
    assert (await people.creator.get("/analytics/platform")).status == 404
