"""The job that erases the rest of a user."""

from uuid import UUID

from core.base.publisher import Publisher
from core.platform.observability import logs
from core.privacy import erasure
from core.work.context import Ctx, Resources
from core.work.jobs import FinishErasure
from marketplaces import policy_of


async def finish_erasure(resources: Resources, publisher: Publisher, job: FinishErasure) -> None:
    """Erase the rest of a user by the rules of the marketplace; if there is much, the next job continues."""
    user_id = UUID(job.user_id)
    market = await erasure.ERASED_IN(resources.db, user_id)
    if market is None:
        return
    ctx = Ctx(resources, publisher.of(market), policy_of(market), logs.request_id())
    if not await erasure.finish(ctx, user_id):
        await resources.jobs.enqueue(job)
