"""Decisions come from the table of the kind, and change the subject in the same transaction."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from core.base import clock, errors
from core.base.errors import AppError
from core.base.ids import uuid7
from core.platform.observability.metrics import Metrics
from core.review_queue import deciding, kinds, queue, statistics, table
from core.review_queue.gauges import ReviewGauges
from core.review_queue.kinds import Decision
from core.review_queue.table import ReviewTask
from core.work.policy import Policy
from core.work.unit_of_work import UnitOfWork
from tests.flow.api.conftest import audited
from tests.flow.review.conftest import QUEUES, Queue, code_of


async def refused(tasks: Queue, name: str, id: UUID, decision: str, version: int | None = None) -> str:
    """Return the code with which a decision is refused."""
    with pytest.raises(AppError) as caught:
        await deciding.decide(tasks.ctx, tasks.reviewer(name), id, decision, "", version)
    return code_of(caught)


async def test_only_what_the_table_names_is_possible_and_a_final_decision_stays(tasks: Queue) -> None:
    id = await tasks.ask()
    assert await refused(tasks, "ann", id, "burn") == "DECISION_NOT_POSSIBLE"
    held = await deciding.decide(tasks.ctx, tasks.reviewer("ann"), id, "hold", "Asking the seller")
    assert (held.state, held.decided_at, held.held_by, held.note) == ("hold", None, None, "Asking the seller")
    assert await refused(tasks, "bob", id, "hold") == "DECISION_NOT_POSSIBLE"
    assert await queue.take_next(tasks.ctx, tasks.reviewer("bob"), QUEUES) is None, "put aside: not handed out"
    done = await deciding.decide(tasks.ctx, tasks.reviewer("bob"), id, "approve")
    assert (done.state, done.decided_by) == ("approve", "bob")
    assert await refused(tasks, "ann", id, "reject") == "REVIEW_TASK_DECIDED"
    facts = [facts for action, _, facts in await audited(tasks.env) if action == "review.decide"]
    assert [(one["operator"], one["before"], one["decision"]) for one in facts] == [
        ("ann", "open", "hold"),
        ("bob", "hold", "approve"),
    ]


async def test_her_own_decision_repeated_is_answered_and_done_once(tasks: Queue) -> None:
    id, ann = await tasks.ask(), tasks.reviewer("ann")
    first = await deciding.decide(tasks.ctx, ann, id, "approve", "Fine")
    assert await deciding.decide(tasks.ctx, ann, id, "approve", "Fine") == first
    assert [action for action, *_ in await audited(tasks.env)] == ["review.decide"]
    assert await refused(tasks, "bob", id, "approve") == "REVIEW_TASK_DECIDED"


async def test_of_several_decisions_at_once_one_counts(tasks: Queue) -> None:
    people = [tasks.reviewer(f"mod{n}") for n in range(6)]
    for _ in range(5):
        id = await tasks.ask()
        tries = await asyncio.gather(
            *(
                deciding.decide(tasks.ctx, one, id, "approve" if place % 2 else "reject")
                for place, one in enumerate(people)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(one, ReviewTask) for one in tries) == 1


async def test_a_decision_whose_effect_fails_is_not_made(tasks: Queue) -> None:
    async def fail(_work: UnitOfWork, _task: ReviewTask, _decision: Decision) -> None:
        raise errors.UNAVAILABLE.error()

    id = await tasks.ask()
    _, policy, kind = await queue.visible(tasks.ctx.db, tasks.reviewer("ann"), id)
    failing = replace(kind, decided=fail)
    ann = replace(tasks.reviewer("ann"), queues={"bazaar/listing": (policy, failing)})
    with pytest.raises(AppError):
        await deciding.decide(tasks.ctx, ann, id, "approve")
    task, *_ = await queue.visible(tasks.ctx.db, ann, id)
    assert (task.state, task.decided_at) == ("open", None)
    assert await audited(tasks.env) == []


async def test_nobody_decides_what_has_changed_since_she_saw_it(tasks: Queue) -> None:
    subject = uuid7()
    id = await tasks.ask(subject=subject)
    for _ in range(2):
        assert await tasks.ask(subject=subject, title="Stolen lamp") == id
    assert await refused(tasks, "ann", id, "approve", version=1) == "PRECONDITION_FAILED"
    assert (await deciding.decide(tasks.ctx, tasks.reviewer("ann"), id, "approve", "", 2)).state == "approve"


async def test_what_was_decided_is_asked_again_in_a_new_task_above_it(tasks: Queue) -> None:
    subject = uuid7()
    first = await tasks.ask(subject=subject, priority=2)
    await deciding.decide(tasks.ctx, tasks.reviewer("ann"), first, "approve")
    second = await tasks.ask(subject=subject, raises=True)
    assert second != first
    task, *_ = await queue.visible(tasks.ctx.db, tasks.reviewer("ann"), second)
    assert (task.state, task.priority) == ("open", 3)
    for _ in range(12):
        assert await tasks.ask(subject=subject, raises=True) == second
    task, *_ = await queue.visible(tasks.ctx.db, tasks.reviewer("ann"), second)
    assert task.priority == table.MOST_PRIORITY


async def test_who_asks_again_and_again_for_the_same_gets_nothing_by_it(tasks: Queue) -> None:
    subject = uuid7()
    id = await tasks.ask(subject=subject)
    await deciding.decide(tasks.ctx, tasks.reviewer("ann"), id, "hold", "Waiting for a photo")
    for _ in range(3):
        assert await tasks.ask(subject=subject) == id
    task, *_ = await queue.visible(tasks.ctx.db, tasks.reviewer("ann"), id)
    assert (task.state, task.priority, task.version) == ("hold", 0, 1)


@pytest.mark.parametrize("again", [{"raises": True}, {"title": "Two lamps"}], ids=str)
async def test_what_was_put_aside_is_open_again_when_others_ask_or_the_facts_are_new(
    tasks: Queue, again: dict[str, Any]
) -> None:
    subject = uuid7()
    id = await tasks.ask(subject=subject)
    await deciding.decide(tasks.ctx, tasks.reviewer("ann"), id, "hold", "Waiting for a photo")
    assert await tasks.ask(subject=subject, **again) == id
    taken = await queue.take_next(tasks.ctx, tasks.reviewer("bob"), QUEUES)
    assert taken
    assert (taken.id, taken.state, taken.decided_by) == (id, "open", None)
    await deciding.decide(tasks.ctx, tasks.reviewer("bob"), id, "approve", "Here it is")
    notes = await table.NOTES(tasks.ctx.db, id, 10)
    assert [(one.author, one.text) for one in notes] == [("ann", "Waiting for a photo")], "the first is not lost"


async def test_many_are_decided_alike_each_answered_on_its_own(tasks: Queue) -> None:
    ann, bob = tasks.reviewer("ann"), tasks.reviewer("bob")
    free, taken, decided, unknown = await tasks.ask(), await tasks.ask(), await tasks.ask(), uuid7()
    await queue.take(tasks.ctx, bob, taken)
    await deciding.decide(tasks.ctx, bob, decided, "reject")
    outcomes = await deciding.decide_many(tasks.ctx, ann, [free, taken, decided, unknown, free], "approve", "Fine")
    assert [(one.id, one.code) for one in outcomes] == [
        (free, "DECIDED"),
        (taken, "REVIEW_TASK_TAKEN"),
        (decided, "REVIEW_TASK_DECIDED"),
        (unknown, "REVIEW_TASK_NOT_FOUND"),
    ]


async def test_a_role_sees_and_decides_its_kinds_only(tasks: Queue) -> None:
    id = await tasks.ask()
    agent = tasks.reviewer("ann", "agent")
    assert dict(agent.queues) == {}
    for action in (queue.take(tasks.ctx, agent, id), deciding.decide(tasks.ctx, agent, id, "approve")):
        with pytest.raises(AppError) as caught:
            await action
        assert code_of(caught) == "REVIEW_TASK_NOT_FOUND"
    all_of_it = {f"bazaar/{kind.name}" for kind in tasks.policy.review_kinds}
    assert tasks.reviewer("root", "admin").queues.keys() == all_of_it
    assert tasks.reviewer("mo", "moderator").queues.keys() == all_of_it - {"bazaar/payment"}


async def test_who_is_the_subject_does_not_get_the_task_nor_see_it(tasks: Queue) -> None:
    sue, _ = await tasks.env.person("Sue", "moderator")
    id = await tasks.ask(user_id=sue.id)
    by = kinds.user(sue.person, "moderator", tasks.policy)
    assert await queue.take_next(tasks.ctx, by, QUEUES) is None
    for action in (queue.take(tasks.ctx, by, id), deciding.decide(tasks.ctx, by, id, "approve")):
        with pytest.raises(AppError) as caught:
            await action
        assert code_of(caught) == "REVIEW_TASK_NOT_FOUND"
    db, (seen, *_) = tasks.ctx.db, await queue.visible(tasks.ctx.db, tasks.reviewer("ann"), id)
    for who, count in ((by, 0), (tasks.reviewer("ann"), 1)):
        assert len(await table.UNDECIDED(db, who.id, QUEUES, None, False, 10, 0)) == count
        assert len(await table.OF_SUBJECT(db, who.id, "bazaar", seen.subject_id, ["listing"], 10)) == count


async def test_a_decision_is_appealed_once_and_somebody_else_decides(tasks: Queue) -> None:
    sue, _ = await tasks.env.person("Sue", "seller")
    ann, bob = tasks.reviewer("ann"), tasks.reviewer("bob")
    id, ctx = await tasks.ask(user_id=sue.id), tasks.env.ctx(sue)
    with pytest.raises(AppError) as early:
        await deciding.appeal(ctx, id, "Now")
    assert code_of(early) == "APPEAL_NOT_POSSIBLE"
    await deciding.decide(tasks.ctx, ann, id, "reject")
    tries = await asyncio.gather(*(deciding.appeal(ctx, id, "It is fine") for _ in range(4)), return_exceptions=True)
    (appeal,) = [one for one in tries if isinstance(one, UUID)]
    with pytest.raises(AppError) as caught:
        await deciding.decide(tasks.ctx, ann, appeal, "reject")
    assert code_of(caught) == "FORBIDDEN"
    assert await queue.take_next(tasks.ctx, ann, QUEUES) is None
    taken = await queue.take_next(tasks.ctx, bob, QUEUES)
    assert taken
    assert (taken.id, taken.appeal_of, taken.reason) == (appeal, id, "It is fine")
    await deciding.decide(tasks.ctx, bob, appeal, "reject")
    for again in (id, appeal):
        with pytest.raises(AppError) as caught:
            await deciding.appeal(ctx, again, "Once more")
        assert code_of(caught) == "APPEAL_NOT_POSSIBLE"


async def test_only_who_it_is_about_appeals_and_only_what_may_be(tasks: Queue) -> None:
    sue, _ = await tasks.env.person("Sue", "seller")
    eve, _ = await tasks.env.person("Eve", "seller")
    id = await tasks.ask(user_id=sue.id)
    await deciding.decide(tasks.ctx, tasks.reviewer("ann"), id, "approve")
    for user, code in ((eve, "REVIEW_TASK_NOT_FOUND"), (sue, "APPEAL_NOT_POSSIBLE")):
        with pytest.raises(AppError) as caught:
            await deciding.appeal(tasks.env.ctx(user), id, "No")
        assert code_of(caught) == code


async def test_statistics_agree_with_the_tasks(tasks: Queue) -> None:
    ids = [await tasks.ask() for _ in range(5)]
    ann, bob = tasks.reviewer("ann"), tasks.reviewer("bob")
    db = tasks.env.resources.db
    await db.execute(
        "update review_tasks set created_at = now() - interval '2 hours', due_at = now() - interval '1 hour' where id = any ($1)",
        ids[:2],
    )
    for id, by, decision in ((ids[0], ann, "approve"), (ids[2], ann, "reject"), (ids[3], bob, "hold")):
        await deciding.decide(tasks.ctx, by, id, decision)
    said = await statistics.of_queues(db, QUEUES, clock.now() - statistics.SINCE)
    (undecided,), (decided,) = said.undecided, said.decided
    assert (undecided.open, undecided.parked, undecided.late) == (2, 1, 1)
    assert (undecided.within_hour, undecided.within_day, undecided.within_week, undecided.older) == (2, 1, 0, 0)
    assert (decided.decided, decided.late) == (2, 1)
    assert 3000 < decided.median_seconds < 4000, "between two hours and none"
    assert [(one.reviewer, one.decided) for one in said.days] == [("ann", 2)]


async def test_the_gauges_show_what_is_undecided_and_the_age_of_the_oldest(tasks: Queue) -> None:
    metrics = Metrics()
    gauges = ReviewGauges(metrics, [tasks.policy])
    labels = {"market": "bazaar", "kind": "listing"}

    def read(name: str) -> float:
        return metrics.registry.get_sample_value(name, labels) or 0

    first, _, parked = [await tasks.ask() for _ in range(3)]
    await tasks.env.resources.db.execute(
        "update review_tasks set created_at = now() - interval '1 day' where id = $1", first
    )
    await deciding.decide(tasks.ctx, tasks.reviewer("ann"), parked, "hold")
    await gauges.count(tasks.env.resources.db)
    assert read("greenroom_review_tasks") == 3
    assert read("greenroom_review_oldest_seconds") >= 24 * 60 * 60
    for one in (first, parked):
        await deciding.decide(tasks.ctx, tasks.reviewer("ann"), one, "approve")
    await gauges.count(tasks.env.resources.db)
    assert read("greenroom_review_tasks") == 1
    assert read("greenroom_review_oldest_seconds") < 60 * 60


async def test_decided_tasks_are_forgotten_after_a_year_with_their_notes(tasks: Queue) -> None:
    old, open_one, ann = await tasks.ask(), await tasks.ask(), tasks.reviewer("ann")
    for id in (old, open_one):
        await queue.note(tasks.ctx, ann, id, "Odd")
    await deciding.decide(tasks.ctx, ann, old, "approve")
    db = tasks.env.resources.db
    await db.execute(
        "update review_tasks set decided_at = decided_at - interval '366 days' where decided_at is not null"
    )
    assert await table.FORGET(db, clock.now() - queue.KEPT, 10) == 1
    assert [row["task_id"] for row in await db.fetch("select task_id from review_notes")] == [open_one]


def test_a_marketplace_without_a_kind_has_no_queue_of_it() -> None:
    assert kinds.kinds_of(Policy(name="none", title="None")) == []
    assert kinds.kind_named(Policy(name="none", title="None"), "report") is None
