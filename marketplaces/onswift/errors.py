"""OnSwift's own rows of the table of errors."""

from core.base.errors import FORBIDDEN, ErrorCode

TEAM_FULL = ErrorCode("TEAM_FULL", 400, "A team has at most 100 people")
TOO_MANY_SAMPLES = ErrorCode("TOO_MANY_SAMPLES", 400, "A project has at most 100 samples")
USER_NOT_TALENT = ErrorCode("USER_NOT_TALENT", 400, "User must be talent")
ALREADY_IN_TEAM = ErrorCode("ALREADY_IN_TEAM", 400, "User already in team")
ASSIGNEE_NOT_IN_TEAM = ErrorCode("ASSIGNEE_NOT_IN_TEAM", 400, "Assignee must be in project team")
ALREADY_REVIEWED = ErrorCode("ALREADY_REVIEWED", 400, "Already reviewed this talent for this project")
NO_COMPLETED_PROJECT = ErrorCode("NO_COMPLETED_PROJECT", 400, "No completed project with this talent")
INVALID_ACTION = ErrorCode("INVALID_ACTION", 400, "Invalid action")
MAX_REVISIONS = ErrorCode("MAX_REVISIONS", 400, "Max revision count reached (3)")
WRONG_STATUS = ErrorCode("WRONG_STATUS", 400, "Not possible in the status that it has")
DELIVERABLE_FILE_REJECTED = ErrorCode(
    "DELIVERABLE_FILE_REJECTED",
    409,
    "A file of it was not accepted: it cannot be approved before it is submitted again",
)
AVATAR_TOO_LARGE = ErrorCode("AVATAR_TOO_LARGE", 400, "A profile picture has at most 5 MB")
PROJECT_NOT_FOUND = ErrorCode("PROJECT_NOT_FOUND", 404, "Project not found")
TASK_NOT_FOUND = ErrorCode("TASK_NOT_FOUND", 404, "Task not found")
DELIVERABLE_NOT_FOUND = ErrorCode("DELIVERABLE_NOT_FOUND", 404, "Deliverable not found")
SAMPLE_NOT_FOUND = ErrorCode("SAMPLE_NOT_FOUND", 404, "Sample not found")
COMMENT_NOT_FOUND = ErrorCode("COMMENT_NOT_FOUND", 404, "Comment not found")
HAS_LEFT_TEAM = ErrorCode("HAS_LEFT_TEAM", 409, "User has left the team, and can be added 30 days later")
NOT_IN_TEAM = ErrorCode("NOT_IN_TEAM", 404, "User not in project team")

# What a call of a project, or of something in one, answers to those who have no part in it.
NOT_MY_PROJECT = (PROJECT_NOT_FOUND, FORBIDDEN)
NOT_MY_TASK = (*NOT_MY_PROJECT, TASK_NOT_FOUND)
NOT_MY_DELIVERABLE = (DELIVERABLE_NOT_FOUND, FORBIDDEN)
