"""Comments on tasks: the people of a project talk about the work where it is."""

from collections.abc import Sequence
from uuid import UUID

from core.base import clock, errors
from core.base.paging import CursorQuery, cursor_pagination, page_of
from core.base.people import Person
from core.limits import weights
from core.market.traits import call
from core.platform.db import found
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces.onswift import access, notices
from marketplaces.onswift.errors import COMMENT_NOT_FOUND, NOT_MY_TASK, TASK_NOT_FOUND
from marketplaces.onswift.events import TaskCommentDeleted, TaskCommented
from marketplaces.onswift.queries import comments as queries
from marketplaces.onswift.queries import tasks
from marketplaces.onswift.queries.comments import CommentRow
from marketplaces.onswift.queries.tasks import TaskRow
from marketplaces.onswift.structs.comments import CommentPage, CommentView, NewComment


@call(*NOT_MY_TASK)
async def list_comments(ctx: Ctx, project_id: UUID, task_id: UUID, query: CursorQuery) -> CommentPage:
    """Get the comments on a task, the first first"""
    await access.project_seen(ctx, project_id)
    task = found(await tasks.TASK(ctx.db, project_id, task_id), TASK_NOT_FOUND.error())
    after = query.place(queries.Place)
    rows = await queries.LIST_OF_TASK(ctx.db, task_id, *query.window, after and after.id)
    page = page_of(query, rows, lambda row: queries.Place(row.id))
    total = await queries.COUNT_OF_TASK(ctx.db, task_id) or 0
    return CommentPage([_view(task, row) for row in page.rows], cursor_pagination(query, total, page.next_cursor))


@call(*NOT_MY_TASK, weight=weights.COMMENT)
async def create_comment(ctx: Ctx, project_id: UUID, task_id: UUID, body: NewComment) -> CommentView:
    """Comment on a task; people of the project can be mentioned"""
    async with unit_of_work(ctx) as work:
        project = await access.project_shared(ctx, work.db, project_id)
        task = found(await tasks.TASK(work.db, project_id, task_id), TASK_NOT_FOUND.error())
        people = await access.people(work.db, project)
        mentions = list(dict.fromkeys(body.mentions))
        _check_mentions(mentions, people)
        comment = CommentView(ctx.new_id(), project_id, task_id, ctx.user.person, body.content, mentions, clock.now())
        await queries.INSERT(work.db, comment.id, task_id, ctx.user.id, comment.content, mentions, comment.created_at)
        work.emit(people, TaskCommented(comment, task_id, project_id))
        concerned = {id for id in (project.creator_id, task.assignee_id) if id in people} - set(mentions)
        await _notify(work, task, comment, list(concerned))
        return comment


@call(*NOT_MY_TASK, COMMENT_NOT_FOUND)
async def delete_comment(ctx: Ctx, project_id: UUID, task_id: UUID, comment_id: UUID) -> None:
    """Delete one's own comment"""
    async with unit_of_work(ctx) as work:
        project = await access.project_shared(ctx, work.db, project_id)
        task = found(await tasks.TASK(work.db, project_id, task_id), TASK_NOT_FOUND.error())
        author_id = await queries.AUTHOR(work.db, task.id, comment_id)
        if author_id is None:
            raise COMMENT_NOT_FOUND.error()
        if author_id != ctx.user.id:
            raise errors.FORBIDDEN.error("Only one's own comments can be deleted")
        await queries.DELETE(work.db, comment_id)
        work.emit(await access.people(work.db, project), TaskCommentDeleted(comment_id, task_id, project_id))


def _check_mentions(mentions: Sequence[UUID], people: Sequence[UUID]) -> None:
    if not set(mentions) <= set(people):
        raise errors.invalid("mentions", "Only people of the project can be mentioned")


async def _notify(work: UnitOfWork, task: TaskRow, comment: CommentView, concerned: Sequence[UUID]) -> None:
    values = {"author": comment.author, "task": task.name, "project": task.project_name}
    await work.notify(notices.MENTIONED, comment.mentions, task.id, **values)
    await work.notify(notices.TASK_COMMENTED, concerned, task.id, **values)


def _view(task: TaskRow, row: CommentRow) -> CommentView:
    author = Person(row.author_id, row.author_name, row.author_avatar)
    return CommentView(row.id, task.project_id, task.id, author, row.content, row.mentions, row.created_at)
