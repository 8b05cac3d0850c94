"""A task is held by one person at a time, for as long as its lease lasts; nobody waits for another."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from core.base.errors import AppError
from core.base.ids import uuid7
from core.platform.db import UNAVAILABLE_ERRORS, transaction
from core.review_queue import deciding, queue, table
from core.review_queue.kinds import Decision, Reviewer
from core.review_queue.table import ReviewTask
from core.work.unit_of_work import UnitOfWork
from tests.bazaar.capabilities.review_kinds import LISTING
from tests.flow.conftest import PATIENCE
from tests.flow.review.conftest import QUEUES, Queue, code_of

MODERATORS, TASKS = 10, 60


async def empty(tasks: Queue, by: Reviewer) -> int:
    """Take and decide tasks until there is none; return how many."""
    count = 0
    while task := await queue.take_next(tasks.ctx, by, QUEUES):
        await deciding.decide(tasks.ctx, by, task.id, "approve")
        count += 1
    return count


async def test_ten_moderators_at_once_decide_every_task_exactly_once(tasks: Queue) -> None:
    asked = {await tasks.ask() for _ in range(TASKS)}
    people = [tasks.reviewer(f"mod{n}") for n in range(MODERATORS)]
    counts = await asyncio.gather(*(empty(tasks, one) for one in people))
    assert sum(counts) == TASKS
    rows = await tasks.env.resources.db.fetch(
        "select entity_id, facts ->> 'operator' as who from audit_log where action = 'review.decide'"
    )
    assert Counter(row["entity_id"] for row in rows) == Counter(asked)
    decided = await tasks.env.resources.db.fetch("select id, decided_by from review_tasks where decided_at is not null")
    assert {row["id"]: row["decided_by"] for row in decided} == {
        row["entity_id"]: f"operator:{row['who']}" for row in rows
    }


async def test_nobody_waits_for_a_task_that_somebody_is_taking(tasks: Queue) -> None:
    first, second = await tasks.ask(priority=1), await tasks.ask()
    async with transaction(tasks.env.resources.db) as db:
        assert await table.TAKE_NEXT(db, "operator:ann", QUEUES, queue.LEASE) == first
        async with asyncio.timeout(PATIENCE):
            taken = await queue.take_next(tasks.ctx, tasks.reviewer("bob"), QUEUES)
        assert taken
        assert taken.id == second


async def test_the_next_task_is_that_of_the_highest_priority_then_the_oldest(tasks: Queue) -> None:
    old, urgent, new = await tasks.ask(), await tasks.ask(priority=5), await tasks.ask()
    ann = tasks.reviewer("ann")
    taken = [await queue.take_next(tasks.ctx, ann, QUEUES) for _ in range(4)]
    assert [one and one.id for one in taken] == [urgent, old, new, None]


async def test_what_somebody_holds_is_refused_to_others_with_her_name(tasks: Queue) -> None:
    id = await tasks.ask()
    ann, bob = tasks.reviewer("ann"), tasks.reviewer("bob")
    await queue.take(tasks.ctx, ann, id)
    for action in (queue.take(tasks.ctx, bob, id), deciding.decide(tasks.ctx, bob, id, "approve")):
        with pytest.raises(AppError) as caught:
            await action
        assert code_of(caught) == "REVIEW_TASK_TAKEN"
        assert caught.value.details[0].message == "ann"
    assert (await queue.release(tasks.ctx, bob, id)).held_by == "ann", "releasing what another holds changes nothing"


async def test_an_expired_lease_returns_the_task_and_decisions_by_it_are_refused(tasks: Queue) -> None:
    id = await tasks.ask()
    ann, bob = tasks.reviewer("ann"), tasks.reviewer("bob")
    await queue.take(tasks.ctx, ann, id)
    assert await queue.take_next(tasks.ctx, bob, QUEUES) is None
    await tasks.let_leases_end()
    taken = await queue.take_next(tasks.ctx, bob, QUEUES)
    assert taken
    assert (taken.id, taken.held_by, taken.is_mine) == (id, "bob", True)
    with pytest.raises(AppError) as caught:
        await deciding.decide(tasks.ctx, ann, id, "reject")
    assert code_of(caught) == "REVIEW_TASK_TAKEN"
    assert (await deciding.decide(tasks.ctx, bob, id, "approve")).state == "approve"


async def test_a_lease_that_ended_without_another_holder_still_decides(tasks: Queue) -> None:
    id = await tasks.ask()
    ann = tasks.reviewer("ann")
    await queue.take(tasks.ctx, ann, id)
    await tasks.let_leases_end()
    assert (await deciding.decide(tasks.ctx, ann, id, "approve")).decided_by == "ann"


async def test_a_lease_is_renewed_by_taking_again_and_ends_by_a_release(tasks: Queue) -> None:
    id = await tasks.ask()
    ann = tasks.reviewer("ann")
    first = await queue.take(tasks.ctx, ann, id)
    again = await queue.take(tasks.ctx, ann, id)
    assert first.held_until
    assert again.held_until
    assert again.held_until > first.held_until
    assert (await queue.release(tasks.ctx, ann, id)).held_by is None
    taken = await queue.take_next(tasks.ctx, tasks.reviewer("bob"), QUEUES)
    assert taken
    assert taken.id == id


async def test_one_person_holds_only_so_many_however_many_she_takes_at_once(
    tasks: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_HELD", 3)
    for _ in range(12):
        await tasks.ask()
    ann = tasks.reviewer("ann")
    tries = await asyncio.gather(*(queue.take_next(tasks.ctx, ann, QUEUES) for _ in range(8)), return_exceptions=True)
    refused = [one for one in tries if isinstance(one, AppError)]
    assert {one.kind.code for one in refused} == {"TOO_MANY_REVIEW_TASKS"}
    assert len(tries) - len(refused) == 3
    assert await table.HELD(tasks.env.resources.db, ann.id, None) == 3
    assert await queue.take_next(tasks.ctx, tasks.reviewer("bob"), QUEUES), "others are not affected"
    await tasks.let_leases_end()
    assert await queue.take_next(tasks.ctx, ann, QUEUES)


async def test_two_who_take_one_task_at_once_get_one_lease(tasks: Queue) -> None:
    people = [tasks.reviewer(f"mod{n}") for n in range(8)]
    for _ in range(10):
        id = await tasks.ask()
        tries = await asyncio.gather(*(queue.take(tasks.ctx, one, id) for one in people), return_exceptions=True)
        assert sum(not isinstance(one, AppError) for one in tries) == 1


async def test_the_database_lets_nobody_hold_or_decide_what_she_must_not(tasks: Queue) -> None:
    user, _ = await tasks.env.person("Sue", "seller")
    id = await tasks.ask(user_id=user.id)
    for change in ("held_by = $2, held_until = now()", "state = 'approve', decided_by = $2, decided_at = now()"):
        with pytest.raises(asyncpg.CheckViolationError):
            await tasks.env.resources.db.execute(
                f"update review_tasks set {change} where id = $1", id, f"user:{user.id}"
            )


async def test_asked_twice_at_once_there_is_one_open_task(tasks: Queue) -> None:
    subject = uuid7()
    ids = await asyncio.gather(*(tasks.ask(subject=subject, raises=True) for _ in range(8)))
    assert len(set(ids)) == 1
    task, *_ = await queue.visible(tasks.env.resources.db, tasks.reviewer("ann"), ids[0])
    assert task.priority == 7, "each repeat raises it"
    assert LISTING.decisions[task.state] == ("approve", "reject", "hold")


async def test_leases_that_end_too_early_for_everybody_let_no_task_be_decided_twice_or_lost(
    tasks: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LEASE", timedelta(milliseconds=1))
    asked = {await tasks.ask() for _ in range(20)}

    async def work(by: Reviewer) -> list[UUID]:
        decided = []
        while task := await queue.take_next(tasks.ctx, by, QUEUES):
            with suppress(AppError):
                await deciding.decide(tasks.ctx, by, task.id, "reject")
                decided.append(task.id)
        return decided

    everybody = await asyncio.gather(*(work(tasks.reviewer(f"mod{n}")) for n in range(MODERATORS)))
    assert Counter(id for ids in everybody for id in ids) == Counter(asked)


async def test_a_decision_whose_connection_dies_before_the_commit_is_not_made_and_can_be_repeated(tasks: Queue) -> None:
    async def die(work: UnitOfWork, task: ReviewTask, decision: Decision) -> None:
        await LISTING.decided(work, task, decision)
        await work.db.execute("select pg_terminate_backend(pg_backend_pid())")

    id, ann = await tasks.ask(), tasks.reviewer("ann")
    dying = replace(ann, queues={"bazaar/listing": (tasks.policy, replace(LISTING, decided=die))})
    await queue.take(tasks.ctx, ann, id)
    with pytest.raises(UNAVAILABLE_ERRORS):
        await deciding.decide(tasks.ctx, dying, id, "approve")
    task, *_ = await queue.visible(tasks.ctx.db, ann, id)
    assert (task.state, task.is_mine) == ("open", True)
    assert (await deciding.decide(tasks.ctx, ann, id, "approve")).state == "approve"


async def test_who_holds_as_many_as_she_may_can_still_hold_on_to_each(
    tasks: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_HELD", 2)
    first, second, third = [await tasks.ask() for _ in range(3)]
    ann = tasks.reviewer("ann")
    for id in (first, second, first):
        await queue.take(tasks.ctx, ann, id)
    with pytest.raises(AppError) as caught:
        await queue.take(tasks.ctx, ann, third)
    assert code_of(caught) == "TOO_MANY_REVIEW_TASKS"
