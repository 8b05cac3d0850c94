"""The bazaar's moderators, and sellers who submit listings to them."""

from uuid import UUID

from core.market.endpoints.review import review
from core.market.market import Route, create, get, post
from core.market.traits import call
from core.review_queue import queue
from core.review_queue.kinds import Subject
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from tests.bazaar import handlers
from tests.bazaar.capabilities.review_kinds import LISTING, MODERATORS

USERS = frozenset({"buyer", "seller"})
TASK = "/review/tasks/{task_id}"


@call(handlers.LISTING_NOT_FOUND, statuses=(204,))
async def submit(ctx: Ctx, listing_id: UUID) -> None:
    """Have a listing looked at"""
    listing = await handlers.own(ctx, listing_id)
    async with unit_of_work(ctx) as work:
        subject = Subject("listing", listing.id, listing.seller_id)
        facts = {"Title": listing.title, "Price": str(listing.price_cents)}
        await queue.request(work, LISTING, subject, "submitted", facts)


ROUTES: tuple[Route, ...] = (
    post("/listings/{listing_id}/submit", submit, frozenset({"seller"})),
    get("/review/tasks", review.list_tasks, MODERATORS),
    post("/review/tasks/next", review.take_next, MODERATORS),
    post("/review/tasks/decide", review.decide_many, MODERATORS),
    get(TASK, review.get_task, MODERATORS),
    post(TASK + "/take", review.take, MODERATORS),
    post(TASK + "/release", review.release, MODERATORS),
    post(TASK + "/decide", review.decide, MODERATORS),
    post(TASK + "/notes", review.add_note, MODERATORS),
    get("/review/statistics", review.get_statistics, MODERATORS),
    create(TASK + "/appeal", review.appeal, USERS),
)
