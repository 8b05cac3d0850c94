"""What the reads are measured on: talents, projects and messages, made by Postgres itself."""

import asyncpg

from bench.cases.growth import FILL, NUMBER
from bench.house import Crowd

# A person's words are chosen by her number, so that each run has the same ones.
NEW_TALENTS = """
    insert into users (id, market, email, password_hash, name, role)
    select lpad(to_hex(n), 32, '0')::uuid, 'onswift', 'talent-' || n || '@bench.invalid', '',
        (array['Ada','Bea','Cleo','Dora','Emil','Finn','Gus','Hans','Ida','Jan'])[1 + n % 10] || ' '
            || initcap(translate(to_hex((n * 2654435761) % 4294967296), '0123456789', 'ghijklmnop')),
        'talent'
    from generate_series(1, $1::bigint) n"""
NEW_PROFILES = """
    insert into onswift.profiles (user_id, professional_title, bio, skills, hourly_rate, availability)
    select lpad(to_hex(n), 32, '0')::uuid,
        (array['Senior','Junior','Freelance','Lead'])[1 + n % 4] || ' ' || (array[
            'Video Editor','Photographer','Illustrator','Web Developer','Sound Designer','Animator','Writer'
        ])[1 + n % 7],
        'I have worked on ' || (array['short films','music videos','mobile apps','brand books','podcasts'])[1 + (n / 7) % 5]
            || ' for ' || n % 30 || ' years and like ' || (array['deadlines','colour','silence','typography'])[1 + (n / 3) % 4],
        array[
            (array['Video Editing','Photography','Illustration','Web Development','Sound Design','Animation'])[1 + n % 6],
            (array['Motion Graphics','Color Grading','Figma','Copywriting','3D Modeling'])[1 + (n / 6) % 5]
        ],
        5 + n % 496, (array['available_now','available_1_2_weeks','available_2_4_weeks','not_available'])[1 + n % 4]
    from generate_series(1, $1::bigint) n"""
# What triggers would write for each talent is written at once.
NEW_ENTRIES = """
    insert into onswift.talents (user_id, name, words, skills, hourly_rate, availability)
    select u.id, u.name,
        setweight(to_tsvector('english', u.name), 'A') || setweight(to_tsvector('english', p.professional_title), 'B')
            || setweight(to_tsvector('english', p.bio), 'C'),
        p.skills, p.hourly_rate, p.availability
    from users u join onswift.profiles p on p.user_id = u.id"""
NEW_PROJECTS = """
    insert into onswift.projects (id, creator_id, name, description, due_date, created_at, updated_at)
    select gen_random_uuid(), u.id, 'Project ' || n, repeat('What is to be done. ', 5), current_date + 30,
        now() - n * interval '1 day', now()
    from users u cross join generate_series(1, 40) n where u.role = 'creator'"""
NEW_TEAMS = """
    insert into onswift.project_team (id, project_id, user_id, role, joined_at)
    select gen_random_uuid(), p.id, lpad(to_hex(m), 32, '0')::uuid, 'Editor', now()
    from onswift.projects p cross join generate_series(1, 3) m"""
NEW_TASKS = """
    insert into onswift.tasks (id, project_id, name, status, assignee_id, due_date, created_at, updated_at)
    select gen_random_uuid(), p.id, 'Task ' || n, (array['planning','in-progress','completed'])[1 + n % 3],
        lpad(to_hex(1 + n % 3), 32, '0')::uuid, current_date + 10, now(), now()
    from onswift.projects p cross join generate_series(1, 6) n"""


async def fill(crowd: Crowd, talents: int, messages: int) -> None:
    """Store so many talents and messages, and 40 projects for each creator of the crowd."""
    connection = await asyncpg.connect(crowd.database_url, command_timeout=3600)
    try:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(NEW_TALENTS, talents)
        await connection.execute(NEW_PROFILES, talents)
        await connection.execute(NEW_ENTRIES)
        await connection.execute("set session_replication_role = origin")
        for statement in (NEW_PROJECTS, NEW_TEAMS, NEW_TASKS):
            await connection.execute(statement)
        each = messages // crowd.rooms
        await connection.execute(FILL, each, crowd.rooms)
        await connection.execute(NUMBER, each)
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
