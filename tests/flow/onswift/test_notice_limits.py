"""What notifies others has one budget with messages, so nobody fills the list of another."""

import pytest

from core.limits.budget import Rate
from core.limits.shared_limits import SharedLimits
from tests.flow.onswift.conftest import People
from tests.flow.onswift.test_tasks import NEW_TASK, task_of

SLOW = Rate("messages", 3, 24 * 60 * 60)


@pytest.fixture
def few_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody do three things that reach others, and as much as they like of all else."""
    monkeypatch.setattr(
        SharedLimits, "rate_of", lambda _, rate, __: SLOW if rate.name == SLOW.name else rate.times(1000)
    )


@pytest.mark.usefixtures("few_messages")  # before there is a people, of whom one was put into a team
async def test_tasks_changes_and_comments_are_paid_for_from_the_budget_of_messages(people: People) -> None:
    task = (await task_of(people))["id"]
    path = f"{people.path}/tasks/{task}"
    assert (await people.creator.put(path, name="Another")).status == 200
    for refused in (
        await people.creator.put(path, name="A third"),
        await people.creator.post(f"{path}/comments", content="Well?"),
        await people.creator.put(people.path, name="Longer film"),
        await people.creator.post(f"{people.path}/tasks", **NEW_TASK | {"assigneeId": people.talent.id}),
    ):
        assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert (await people.talent.post(f"{path}/comments", content="I have a budget of my own")).status == 201
    told = (await people.talent.get("/notifications")).body["notifications"]
    assert [one["type"] for one in told] == ["task_assigned"]
