"""Numbers about one's own work. Rates are from 0 to 1, null where there is nothing to rate yet."""

import msgspec

from core.base.people import Person


class ProjectCounts(msgspec.Struct, frozen=True, rename="camel"):
    total: int
    planning: int
    in_progress: int
    completed: int


class TaskCounts(msgspec.Struct, frozen=True, rename="camel"):
    """`onTime`: completed on the day that they were due or before; `overdue`: not completed, and due before today."""

    total: int
    planning: int
    in_progress: int
    completed: int
    on_time: int
    overdue: int


class DeliverableCounts(msgspec.Struct, frozen=True, rename="camel"):
    total: int
    pending: int
    approved: int
    revision: int


class TeamWork(msgspec.Struct, frozen=True, rename="camel"):
    """What a talent does in all projects of the creator."""

    talent: Person
    task_count: int
    completed_task_count: int
    completion_rate: float | None
    on_time_rate: float | None


class CreatorAnalytics(msgspec.Struct, frozen=True, rename="camel"):
    """`team`: the hundred talents with the most tasks; `teamSize` counts those who are in a team now."""

    projects: ProjectCounts
    project_completion_rate: float | None
    tasks: TaskCounts
    task_completion_rate: float | None
    on_time_rate: float | None
    deliverables: DeliverableCounts
    average_revisions: float | None
    team_size: int
    team: list[TeamWork]


class TalentAnalytics(msgspec.Struct, frozen=True, rename="camel"):
    """`projects`: those in whose team the talent is now; `averageRating` is 0 without reviews, as in the profile."""

    projects: ProjectCounts
    tasks: TaskCounts
    task_completion_rate: float | None
    on_time_rate: float | None
    deliverables: DeliverableCounts
    average_revisions: float | None
    average_rating: float
    total_reviews: int
