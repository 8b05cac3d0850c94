"""The conditions for a review."""

from uuid import UUID

from core.platform.db import Scalar

# Locked, so that it is still completed at the commit. Former team members keep their row, so they count as well.
COMPLETED_TOGETHER = Scalar(
    UUID,
    """
    select p.id
    from onswift.project_team m join onswift.projects p on p.id = m.project_id
    join users u on u.id = m.user_id and u.deleted_at is null
    where p.creator_id = $1 and m.user_id = $2 and p.status = 'completed' and p.deleted_at is null
        and ($3::uuid is null or p.id = $3)
    limit 1 for share of p""",
)
