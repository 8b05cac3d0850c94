"""What the bazaar's moderators decide: listings, reports of users, and papers; operators decide payments."""

from core import reports
from core.payments.checkout import deciding
from core.platform.db import Run
from core.review_queue.kinds import Decision, ReviewKind
from core.review_queue.table import ReviewTask
from core.verification import requests
from core.work.unit_of_work import UnitOfWork

MODERATORS = frozenset({"moderator"})
JUDGE = Run("update bazaar.listings set verdict = $2 where id = $1")


async def judge(work: UnitOfWork, task: ReviewTask, decision: Decision) -> None:
    """Give a listing its verdict, in the transaction of the decision."""
    await JUDGE(work.db, task.subject_id, decision.name)


LISTING = ReviewKind(
    "listing",
    {"open": ("approve", "reject", "hold"), "hold": ("approve", "reject")},
    judge,
    appealable=frozenset({"reject"}),
)
KINDS = (LISTING, reports.REVIEW, deciding.REVIEW, requests.REVIEW)
