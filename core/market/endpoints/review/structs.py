"""What the calls of the review queue take and give."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base.paging import PageQuery, Pagination
from core.review_queue.deciding import Outcome
from core.review_queue.table import ReviewNote, ReviewTask
from core.text.fields import Description, Prose

MOST_AT_ONCE = 100
Word = Annotated[str, Meta(max_length=64)]
State: TypeAlias = Literal["open", "parked", "decided"]


class ReviewQuery(PageQuery, frozen=True, rename="camel"):
    """`state`: open, put aside (parked) or decided; `mine`: held or decided by oneself; `market` and `kind`: of these alone."""

    state: State = "open"
    mine: bool = False
    market: Word | None = None
    kind: Word | None = None


class NextQuery(msgspec.Struct, frozen=True):
    """Of which marketplace and kind the next task may be; without them of any that one may decide."""

    market: Word | None = None
    kind: Word | None = None


class TaskView(ReviewTask, frozen=True, rename="camel"):
    """`decisions`: what can be decided about it as it is."""

    decisions: list[str]


class ReviewPage(msgspec.Struct, frozen=True):
    tasks: list[TaskView]
    pagination: Pagination


class NextTask(msgspec.Struct, frozen=True):
    """The task that was taken; null: there is none."""

    task: TaskView | None


class Picture(msgspec.Struct, frozen=True, rename="camel"):
    """A picture of the subject. The links work in a page (`<img src>`) for some minutes."""

    file_name: str
    url: str
    thumbnail_url: str | None


class ReviewDetails(msgspec.Struct, frozen=True):
    """A task, the latest notes about it, and the other tasks about its subject, the latest first."""

    task: TaskView
    pictures: list[Picture]
    notes: list[ReviewNote]
    history: list[ReviewTask]


class Verdict(msgspec.Struct, frozen=True):
    """One of the task's `decisions`. `version`: that of the task one has seen; another one is refused."""

    decision: Word
    note: Description = ""
    version: int | None = None


class Verdicts(msgspec.Struct, frozen=True):
    """The same decision about several tasks."""

    ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    decision: Word
    note: Description = ""


class Outcomes(msgspec.Struct, frozen=True):
    """What became of each."""

    outcomes: list[Outcome]


class NewNote(msgspec.Struct, frozen=True):
    text: Prose


class NewAppeal(msgspec.Struct, frozen=True):
    """Why the decision is wrong."""

    reason: Prose


class Appeal(msgspec.Struct, frozen=True):
    """The id of the task in which somebody else decides."""

    id: UUID
