"""The review queue, for those who decide: users with a role for it, or operators (`StaffCtx`)."""

from core.market.endpoints.review.tasks import add_note as add_note
from core.market.endpoints.review.tasks import appeal as appeal
from core.market.endpoints.review.tasks import decide as decide
from core.market.endpoints.review.tasks import decide_many as decide_many
from core.market.endpoints.review.tasks import get_statistics as get_statistics
from core.market.endpoints.review.tasks import get_task as get_task
from core.market.endpoints.review.tasks import list_tasks as list_tasks
from core.market.endpoints.review.tasks import release as release
from core.market.endpoints.review.tasks import take as take
from core.market.endpoints.review.tasks import take_next as take_next
