"""OnSwift's rules, as data and pure functions."""

from datetime import date, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET

from core.base import errors
from core.base.hosts import is_public
from core.chat.invitations import PAUSE_AFTER_DECLINE
from core.chat.subjects import Subject
from core.limits.budget import Rate
from core.text.fields import given
from marketplaces.onswift.errors import MAX_REVISIONS, WRONG_STATUS
from marketplaces.onswift.structs.deliverables import DeliverableStatus
from marketplaces.onswift.structs.projects import NOT_FUTURE, Status
from marketplaces.onswift.structs.samples import NewSample
from marketplaces.onswift.structs.tasks import TaskChange
from marketplaces.onswift.structs.users import ProfileChange

CREATOR: Literal["creator"] = "creator"
TALENT: Literal["talent"] = "talent"
CREATORS, TALENTS = frozenset({CREATOR}), frozenset({TALENT})
ROLES = CREATORS | TALENTS

# The fields of a complete profile, with equal weight.
PROFILE_FIELDS: dict[str, tuple[str, ...]] = {
    CREATOR: ("name", "avatar_url", "company_name", "linkedin_url"),
    TALENT: (
        "name",
        "avatar_url",
        "professional_title",
        "bio",
        "skills",
        "portfolio_links",
        "hourly_rate",
        "availability",
        "linkedin_url",
    ),
}


# The order of a task's statuses; only the creator may move a task back.
FORWARD: dict[Status, frozenset[Status]] = {
    "planning": frozenset({"in-progress", "completed"}),
    "in-progress": frozenset({"completed"}),
    "completed": frozenset(),
}

# The actions on a deliverable: the status before, and the one after.
MOVES: dict[str, tuple[DeliverableStatus, DeliverableStatus]] = {
    "approve": ("pending", "approved"),
    "request_revision": ("pending", "revision"),
    "resubmit": ("revision", "pending"),
    "replace_files": ("pending", "pending"),  # submitted again after a file was rejected
}
MOST_REVISIONS = 3

# Sizes of lists without pages in the API; the errors TEAM_FULL and TOO_MANY_SAMPLES name them.
MOST_IN_TEAM = MOST_SAMPLES = 100
# After leaving a team by choice, until the user may be added to it again; the error HAS_LEFT_TEAM names it.
PAUSE_AFTER_LEAVING = PAUSE_AFTER_DECLINE
# The most tasks, and projects, and the size of the tasks' texts.
MOST_IN_CALENDAR, MOST_CALENDAR_OCTETS = 500, 2_000_000
FEED = "/api/calendar.ics"
# The feed holds the deadlines closest to today, with shortened descriptions.
FEED_PAST, FEED_AHEAD = timedelta(days=30), timedelta(days=365)
MOST_IN_FEED, FEED_DESCRIPTION = 1000, 500
CALENDAR_PAST, CALENDAR_DAYS, MOST_CALENDAR_DAYS = timedelta(days=30), timedelta(days=120), timedelta(days=366)

# The profile fields of all users, and those of one role.
FIELDS_OF_ALL = frozenset(
    {"name", "avatar_url", "linkedin_url", "twitter_url", "instagram_url", "youtube_url", "github_url"}
)
FIELDS_OF: dict[str, frozenset[str]] = {
    CREATOR: frozenset({"company_name"}),
    TALENT: frozenset({"professional_title", "bio", "skills", "portfolio_links", "hourly_rate", "availability"}),
}
# A search looks at the best SEARCH_BLOCK matches and sorts those by relevance; later pages look at more blocks.
SEARCH_BLOCK = 200
# The position from which a page costs as much as many others, because all matches before it are skipped.
DEEP_SEARCH = 5_000
DEEP_PAGES = Rate("deep-pages", count=20, seconds=60)


def search_depth(end: int) -> int:
    """Return how many matches to examine for a page that ends at `end`, and to know whether there are more."""
    return (end // SEARCH_BLOCK + 1) * SEARCH_BLOCK


def check_profile(role: str, change: ProfileChange) -> None:
    """Raise VALIDATION_ERROR naming each field that the role does not have."""
    values = given(change)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(ProfileChange)}
    foreign = [name for name in values if values[name] and name not in FIELDS_OF[role] and name not in FIELDS_OF_ALL]
    problems = [errors.Detail(names[name], f"A {role} has no such field") for name in foreign]
    if problems:
        raise errors.VALIDATION_ERROR.error(details=problems)


def check_future(field: str, day: date, today: date) -> None:
    """Raise VALIDATION_ERROR unless a due date lies in the future."""
    if day <= today:
        raise errors.invalid(field, NOT_FUTURE)


def check_task_change(change: TaskChange, status: Status, *, creates: bool, assigned: bool) -> None:
    """Raise FORBIDDEN unless the creator, or the assignee of a task in this status, may make the change."""
    if creates:
        return
    if not assigned or given(change).keys() - {"status"}:
        raise errors.FORBIDDEN.error("Not authorized (talent can only update their own tasks' status)")
    if change.status is not UNSET and change.status != status and change.status not in FORWARD[status]:
        raise errors.FORBIDDEN.error(f"Only the project creator can send a task back to {change.status}")


def next_status(action: str, status: DeliverableStatus, revisions: int) -> DeliverableStatus:
    """Return the status of a deliverable after an action; raises MAX_REVISIONS, WRONG_STATUS."""
    if action == "request_revision" and revisions == MOST_REVISIONS:
        raise MAX_REVISIONS.error()
    before, after = MOVES[action]
    if status != before:
        raise WRONG_STATUS.error(f"A deliverable must be {before} for this; it is {status}")
    return after


def check_sample(sample: NewSample) -> None:
    """Raise VALIDATION_ERROR unless a sample has the fields of its type, and none of the other type."""
    own, other = ("url", "fileUrl") if sample.type == "link" else ("fileUrl", "url")
    values = {"url": sample.url, "fileUrl": sample.file_url}
    problems = [] if values[own] else [errors.Detail(own, "Required")]
    if values[other]:
        problems.append(errors.Detail(other, f"A {sample.type} has none"))
    if sample.type == "link" and sample.url and not is_public(sample.url):
        problems.append(errors.Detail("url", "Must be an address of the public web"))
    if problems:
        raise errors.VALIDATION_ERROR.error(details=problems)


def calendar_range(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Return the first and last day of a calendar, with defaults for missing ones; raises VALIDATION_ERROR."""
    try:
        first = first or (last - CALENDAR_DAYS if last else today - CALENDAR_PAST)
        last = last or first + CALENDAR_DAYS
    except OverflowError:
        raise errors.invalid("from", "Out of range") from None
    if not timedelta(0) <= last - first <= MOST_CALENDAR_DAYS:
        problem = f"Must be 0 to {MOST_CALENDAR_DAYS.days} days after `from`"
        raise errors.invalid("to", problem)
    return first, last


def subject(project_id: UUID) -> Subject:
    """Return the subject of a project's conversation."""
    return Subject("project", project_id)


def may_converse(role: str, other: str) -> bool:
    """Return whether two roles may have a conversation of two: one creator and one talent."""
    return {role, other} == ROLES
