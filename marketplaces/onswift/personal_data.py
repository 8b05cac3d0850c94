"""What OnSwift's own tables know of users; core's part is in core/market/personal_data.py."""

from core.platform.db import Run
from core.work.personal_data import PersonalData, rows_of

# What is left of the texts of a project that only its creator had: others' tasks and work refer to it.
DELETED_PROJECT = "Deleted project"
DELETED_TASK = "Deleted task"
_NAMED = "^.*?( commented on | mentioned you on | submitted | gave you )"

PERSONAL_DATA = (
    PersonalData(
        "profile",
        frozenset({"onswift.profiles", "onswift.talents"}),
        rows_of("select * from onswift.profiles where user_id = $1"),
        (Run("delete from onswift.profiles where user_id = $1"),),  # a trigger takes the talent out of the search
    ),
    PersonalData(
        "projects",
        frozenset({"onswift.projects"}),
        rows_of("select * from onswift.projects where creator_id = $1 order by created_at"),
        (
            Run(
                f"""
                update onswift.projects set name = '{DELETED_PROJECT}', description = '',
                    deleted_at = coalesce(deleted_at, now())
                where creator_id = $1"""  # noqa: S608 - no input in it
            ),
        ),
        kept="Deleted like any project of hers, without its texts: others' work refers to it.",
    ),
    PersonalData(
        "samples",
        frozenset({"onswift.project_samples"}),
        rows_of(
            """
            select s.* from onswift.projects p join onswift.project_samples s on s.project_id = p.id
            where p.creator_id = $1 order by s.created_at"""
        ),
        (
            Run(
                """
                delete from onswift.project_samples s using onswift.projects p where s.project_id = p.id and p.creator_id = $1"""
            ),
        ),
    ),
    PersonalData(
        "teams",
        frozenset({"onswift.project_team"}),
        rows_of(
            """
            select m.project_id, m.user_id, m.role, m.joined_at, m.removed_at
            from onswift.project_team m join onswift.projects p on p.id = m.project_id
            where m.user_id = $1 or p.creator_id = $1 order by m.joined_at"""
        ),
        (
            Run(
                """
                update onswift.project_team set role = null, removed_at = coalesce(removed_at, now())
                where user_id = $1 and (role is not null or removed_at is null)"""
            ),
            Run(
                """
                update onswift.project_team m set role = null from onswift.projects p
                where p.id = m.project_id and p.creator_id = $1 and m.role is not null"""
            ),
        ),
        kept="That someone was in the team, without a name.",
    ),
    PersonalData(
        "tasks",
        frozenset({"onswift.tasks"}),
        rows_of(
            """
            select t.* from onswift.tasks t join onswift.projects p on p.id = t.project_id
            left join onswift.project_team m on m.project_id = t.project_id and m.user_id = $1
            where p.creator_id = $1 or t.assignee_id = $1 and (t.updated_at > m.removed_at) is not true order by t.created_at"""
        ),
        later=(
            Run(
                f"""
                update onswift.tasks set name = '{DELETED_TASK}', description = '' where id in (
                    select t.id from onswift.projects p join onswift.tasks t on t.project_id = p.id
                    where p.creator_id = $1 and (t.name <> '{DELETED_TASK}' or t.description <> '')
                    order by t.id limit $2 for update of t
                )"""  # noqa: S608 - no input in it
            ),
        ),
        kept="The work of others' projects; it can be given to somebody else. Of her own the rows, without their texts.",
    ),
    PersonalData(
        "comments",
        frozenset({"onswift.task_comments"}),
        rows_of(
            """
            select id, task_id, content, mentions, created_at from onswift.task_comments where author_id = $1 order by id"""
        ),
        kept="As messages.",
    ),
    PersonalData(
        "comment mentions",
        frozenset(),
        rows_of(
            """
            select c.id as comment_id, c.task_id, c.created_at
            from (
                select m.project_id from onswift.project_team m where m.user_id = $1
                union select p.id from onswift.projects p where p.creator_id = $1
            ) hers
            join onswift.tasks t on t.project_id = hers.project_id
            join onswift.task_comments c on c.task_id = t.id and $1 = any (c.mentions) order by c.id"""
        ),
        kept="Her id in the comments of others, which tells no name.",
    ),
    PersonalData(
        "deliverables",
        frozenset({"onswift.deliverables"}),
        # Of what became of it since she has left the team she learns nothing here either.
        rows_of(
            """
            select d.id, d.project_id, d.task_id, d.title, d.description, d.submitted_at,
                s.status, s.revision_count, s.feedback, s.approved_at, s.approved_by_id, s.version, s.updated_at
            from onswift.deliverables d
            left join onswift.project_team m on m.project_id = d.project_id and m.user_id = d.submitted_by_id
            left join onswift.deliverables s on s.id = d.id and (s.updated_at > m.removed_at) is not true
            where d.submitted_by_id = $1 order by d.submitted_at"""
        ),
        kept="The work that was handed in, which the project's creator has.",
    ),
    PersonalData(
        "feedback",
        frozenset(),
        rows_of(
            """
            select d.id as deliverable_id, d.feedback, d.status, d.approved_at from onswift.projects p
            join onswift.deliverables d on d.project_id = p.id where p.creator_id = $1 order by d.submitted_at"""
        ),
        kept="As messages: what she wrote to those who handed something in.",
    ),
    PersonalData(
        "notifications of others",
        frozenset(),
        later=(
            # What the version before this one has stored for the people of her projects begins with a name.
            Run(
                rf"""
                update notifications set message = regexp_replace(message, '{_NAMED}', 'Someone\1')
                where id in (
                    select n.id from (
                        select m.project_id from onswift.project_team m where m.user_id = $1
                        union select p.id from onswift.projects p where p.creator_id = $1
                    ) hers
                    cross join lateral (
                        select m.user_id from onswift.project_team m where m.project_id = hers.project_id
                        union select p.creator_id from onswift.projects p where p.id = hers.project_id
                    ) people
                    join notifications n on n.user_id = people.user_id
                    where n.wording is null and n.message not like 'Someone %' and n.message ~ '{_NAMED}'
                        and n.type in ('task_commented', 'mentioned', 'deliverable_submitted', 'review_received')
                    limit $2
                )"""  # noqa: S608 - no input in it
            ),
        ),
        kept="Their texts, with the names of today.",
    ),
)
