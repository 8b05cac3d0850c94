"""The lists of OnSwift's tasks use their indexes."""

from datetime import date
from uuid import UUID

import asyncpg

from core.accounts import credentials
from core.base.clock import now
from core.calendars import feeds
from core.chat import subjects
from core.platform.db import Query
from marketplaces.onswift.queries import calendar, comments, reminders, tasks
from tests.contract.test_plans import USER, plan_of
from tests.contract.test_plans import filled as filled

FILL = """
update onswift.projects p set due_date = date '2026-01-01' + n from (
    select id, (row_number() over () % 1000)::int as n from onswift.projects
) places where places.id = p.id;
insert into onswift.tasks (id, project_id, name, assignee_id, due_date, created_at, updated_at)
select gen_random_uuid(), m.project_id, 'x', m.user_id, p.due_date + n, now(), now()
from onswift.project_team m join onswift.projects p on p.id = m.project_id, generate_series(1, 2) n;
insert into onswift.task_comments (id, task_id, author_id, content, created_at)
select gen_random_uuid(), id, id, 'x', now() from users;
insert into feeds (user_id, hash, created_at) select id, uuid_send(id), now() from users on conflict do nothing;
update conversations set subject_type = 'project', subject_id = id;
analyze
"""
DAY = date(2026, 6, 1)
OWN = {"projects_creator", "project_team_user", "tasks_project"}
HOT: list[tuple[Query, tuple[object, ...], set[str]]] = [
    (tasks.LIST_OF_PROJECT, (USER, None, None, 100, 0, None, None, None), {"tasks_project"}),
    (tasks.LIST_OF_USER["dueDate"], (USER, None, None, None, 20, 0, None, None, None, None, None), OWN),
    (tasks.COUNT_OF_USER, (USER, None, None, None), OWN),
    (tasks.TASK, (USER, USER), {"tasks_pkey"}),
    (calendar.TASKS, (USER, DAY, DAY, None, 1000, 20), {"projects_creator", "tasks_assignee"}),
    (calendar.PROJECTS, (USER, DAY, DAY, None, 20), {"projects_creator", "project_team_user"}),
    (calendar.NEXT_TO, (USER, DAY, DAY, DAY, 20, 20), {"projects_creator", "tasks_assignee", "project_team_user"}),
    (calendar.VERSION, (USER, DAY, DAY), {"projects_creator", "tasks_assignee", "project_team_user"}),
    (comments.LIST_OF_TASK, (USER, 20, 0, None), {"task_comments_task"}),
    (feeds.OWNER, (b"x", "x", "onswift"), {"feeds_hash_key", "feeds_token_key"}),
    (credentials.END_FEEDS, (USER,), {"feeds_pkey"}),
    (subjects.CONVERSATION, ("onswift", "project", UUID(int=7)), {"conversations_subject"}),
]


async def test_the_lists_of_tasks_use_their_indexes_and_scan_no_table(connection: asyncpg.Connection) -> None:
    await connection.execute(FILL)
    for query, args, indexes in HOT:
        plan = await plan_of(connection, query, *args)
        assert indexes <= {step.get("Index Name", "") for step in plan}, query.sql
        scanned = {step["Relation Name"] for step in plan if step["Node Type"] == "Seq Scan"}
        assert scanned <= {"users"}, query.sql  # so few that Postgres reads all of them to find fifty
    plan = await plan_of(connection, reminders.TAKE, DAY, DAY, 100, now())
    assert "tasks_unreminded" in {step.get("Index Name") for step in plan}
