"""Samples: what the work on a project shall be like."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core import files
from core.base import clock
from core.files import FileView
from core.market.traits import call
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces.onswift import access, rules
from marketplaces.onswift.errors import NOT_MY_PROJECT, PROJECT_NOT_FOUND, SAMPLE_NOT_FOUND, TOO_MANY_SAMPLES
from marketplaces.onswift.purposes import SAMPLE
from marketplaces.onswift.queries import samples as queries
from marketplaces.onswift.queries.samples import SampleRow
from marketplaces.onswift.structs.samples import NewSample, SampleList, SampleView


@call(*NOT_MY_PROJECT)
async def list_samples(ctx: Ctx, project_id: UUID) -> SampleList:
    """Get the samples of a project, the first first"""
    await access.project_seen(ctx, project_id)
    rows = await queries.OF_PROJECT(ctx.db, project_id)
    files_of = await files.views_of(ctx, ctx.db, [row.id for row in rows])
    return SampleList([_view(ctx, row, files_of[row.id]) for row in rows])


@call(PROJECT_NOT_FOUND, TOO_MANY_SAMPLES)
async def add_sample(ctx: Ctx, project_id: UUID, body: NewSample) -> SampleView:
    """Add a sample to a project: a link or a file"""
    rules.check_sample(body)
    async with unit_of_work(ctx) as work:
        await access.project_owned(ctx, work.db, project_id, "add samples")
        if (await queries.COUNT_OF_PROJECT(work.db, project_id) or 0) >= rules.MOST_SAMPLES:
            raise TOO_MANY_SAMPLES.error()
        url = body.url if body.type == "link" else None
        row = SampleRow(ctx.new_id(), project_id, body.name, body.type, url, body.description, clock.now())
        await queries.INSERT(work.db, *msgspec.structs.astuple(row))
        return _view(ctx, row, await _attach(ctx, work, row, body.file_url))


@call(PROJECT_NOT_FOUND, SAMPLE_NOT_FOUND)
async def delete_sample(ctx: Ctx, project_id: UUID, sample_id: UUID) -> None:
    """Take a sample, with its file, from a project"""
    async with unit_of_work(ctx) as work:
        await access.project_owned(ctx, work.db, project_id, "delete samples")
        if not await queries.DELETE(work.db, project_id, sample_id):
            raise SAMPLE_NOT_FOUND.error()
        await files.detach(work, sample_id)


async def _attach(ctx: Ctx, work: UnitOfWork, row: SampleRow, url: str | None) -> list[FileView]:
    if url is None:
        return []
    folder = f"project-samples/{row.project_id}/samples/{row.id}"
    return await files.attach(ctx, work, [url], SAMPLE.name, row.id, folder=folder, field="fileUrl")


def _view(ctx: Ctx, row: SampleRow, attached: Sequence[FileView]) -> SampleView:
    file = files.shown(ctx, attached[0]) if attached else None
    url = (file.view_url if file else row.url) or ""
    return SampleView(row.id, row.project_id, row.name, row.type, url, row.description, row.created_at, file)
