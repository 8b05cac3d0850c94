"""What OnSwift's own tables know of users; the core's part is core/privacy.CORE."""

from core.db import Run
from core.privacy import PersonalData, rows_of

PERSONAL_DATA = (
    PersonalData(
        "profile",
        frozenset({"onswift.profiles", "onswift.talents"}),
        rows_of("select * from onswift.profiles where user_id = $1"),
        (Run("delete from onswift.profiles where user_id = $1"),),  # a trigger takes the talent out of the search
    ),
    PersonalData(
        "projects",
        frozenset({"onswift.projects", "onswift.project_samples"}),
        rows_of("select * from onswift.projects where creator_id = $1 order by created_at"),
        (Run("update onswift.projects set deleted_at = now() where creator_id = $1 and deleted_at is null"),),
        kept="Deleted like any project of hers: nobody sees it.",
    ),
    PersonalData(
        "teams",
        frozenset({"onswift.project_team"}),
        rows_of("select project_id, role, joined_at, removed_at from onswift.project_team where user_id = $1"),
        (Run("update onswift.project_team set removed_at = now() where user_id = $1 and removed_at is null"),),
        kept="That someone was in the team, without a name.",
    ),
    PersonalData(
        "tasks",
        frozenset({"onswift.tasks"}),
        rows_of("select * from onswift.tasks where assignee_id = $1 order by created_at"),
        kept="The project's work; it can be given to somebody else.",
    ),
    PersonalData(
        "comments",
        frozenset({"onswift.task_comments"}),
        rows_of("select id, task_id, content, created_at from onswift.task_comments where author_id = $1 order by id"),
        kept="As messages.",
    ),
    PersonalData(
        "deliverables",
        frozenset({"onswift.deliverables"}),
        rows_of("select * from onswift.deliverables where submitted_by_id = $1 order by submitted_at"),
        kept="The work that was handed in, which the project's creator has.",
    ),
)
