"""What the reads are measured on: talents, projects and messages, made by Postgres itself."""

import asyncpg

from bench.cases.growth import FILL, NUMBER
from bench.environment import Crowd
from bench.talents import fill as fill_talents

NEW_PROJECTS = """
    insert into onswift.projects (id, creator_id, name, description, due_date, created_at, updated_at)
    select gen_random_uuid(), u.id, 'Project ' || n, repeat('What is to be done. ', 5), current_date + 30,
        now() - n * interval '1 day', now()
    from users u cross join generate_series(1, 40) n where u.role = 'creator'"""
NEW_TEAMS = """
    insert into onswift.project_team (id, project_id, user_id, role, joined_at)
    select gen_random_uuid(), p.id, t.user_id, 'Editor', now()
    from onswift.projects p cross join (select user_id from onswift.talents order by user_id limit 3) t"""
NEW_TASKS = """
    insert into onswift.tasks (id, project_id, name, status, assignee_id, due_date, created_at, updated_at)
    select gen_random_uuid(), p.id, 'Task ' || n, (array['planning','in-progress','completed'])[1 + n % 3],
        t.team[1 + n % 3], current_date + 10, now(), now()
    from onswift.projects p cross join generate_series(1, 6) n cross join (
        select array(select user_id from onswift.talents order by user_id limit 3) as team
    ) t"""


async def fill(crowd: Crowd, talents: int, messages: int) -> None:
    """Store so many talents and messages, and 40 projects for each creator of the crowd."""
    await fill_talents(crowd.database_url, talents)
    connection = await asyncpg.connect(crowd.database_url, command_timeout=3600)
    try:
        for statement in (NEW_PROJECTS, NEW_TEAMS, NEW_TASKS):
            await connection.execute(statement)
        each = messages // crowd.rooms
        await connection.execute(FILL, each, crowd.rooms)
        await connection.execute(NUMBER, each)
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
