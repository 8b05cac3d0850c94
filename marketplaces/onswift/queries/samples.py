"""Samples of projects."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, Run, Scalar
from marketplaces.onswift.structs.samples import SampleType


class SampleRow(msgspec.Struct, frozen=True):
    id: UUID
    project_id: UUID
    name: str
    type: SampleType
    url: str | None
    description: str | None
    created_at: datetime


OF_PROJECT = Many(
    SampleRow,
    """
    select id, project_id, name, type, url, description, created_at
    from onswift.project_samples where project_id = $1 order by created_at, id""",
)
COUNT_OF_PROJECT = Scalar(int, "select count(*) from onswift.project_samples where project_id = $1")
INSERT = Run(
    """
    insert into onswift.project_samples (id, project_id, name, type, url, description, created_at)
    values ($1, $2, $3, $4, $5, $6, $7)"""
)
DELETE = Run("delete from onswift.project_samples where project_id = $1 and id = $2")
IS_SEEN_BY = Scalar(
    bool,
    """
    select p.creator_id = $2 or exists (
        select from onswift.project_team m where m.project_id = p.id and m.user_id = $2 and m.removed_at is null
    )
    from onswift.project_samples s join onswift.projects p on p.id = s.project_id and p.deleted_at is null where s.id = $1""",
)
