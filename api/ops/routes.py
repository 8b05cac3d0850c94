"""The table of the operators' calls."""

from aiohttp import web

from api.ops import handlers
from api.ops.endpoint import OperatorEndpoint
from api.ops.operators import OPERATOR, Operators
from core import reports
from core.base import errors
from core.base.publisher import Publisher
from core.limits.budget import Rate
from core.market.endpoints.review import review
from core.market.market import Marketplace, get, post
from core.review_queue.kinds import ADMIN
from core.work.context import Resources
from core.work.policy import Policy
from realtime.operations.admin_client import AdminClient

ADMINS = frozenset({ADMIN})
MODERATORS = frozenset({ADMIN, reports.REVIEW.role})
USUAL = Rate("operators", 1200, 60)  # a console asks every two seconds

ROUTES = (
    get("/ops/me", handlers.get_me, OPERATOR),
    get("/ops/hubs", handlers.list_hubs, OPERATOR),
    post("/ops/hubs/{hubId}/drain", handlers.drain, ADMINS, errors.HUB_NOT_FOUND, errors.HUB_SILENT),
    post("/ops/hubs/{hubId}/undrain", handlers.undrain, ADMINS, errors.HUB_NOT_FOUND, errors.HUB_SILENT),
    get("/ops/search", handlers.search, OPERATOR),
    get("/ops/users/{userId}", handlers.get_user, OPERATOR, errors.USER_NOT_FOUND),
    post(
        "/ops/users/{userId}/status",
        handlers.set_status,
        OPERATOR,
        errors.USER_NOT_FOUND,
        errors.STATUS_NOT_POSSIBLE,
    ),
    post("/ops/sessions/{sessionId}/end", handlers.end_session, OPERATOR, errors.SESSION_NOT_FOUND),
    get("/ops/conversations/{conversationId}", handlers.get_conversation, OPERATOR, errors.CONVERSATION_NOT_FOUND),
    get("/ops/messages/{messageId}/trace", handlers.trace, OPERATOR, errors.MESSAGE_NOT_FOUND),
    get("/ops/reports", handlers.list_reports, MODERATORS),
    post(
        "/ops/reports/{reportId}/resolve",
        handlers.resolve_report,
        MODERATORS,
        errors.REPORT_NOT_FOUND,
        *review.OF_A_TASK,
    ),
    get("/ops/review/tasks", handlers.list_tasks, OPERATOR),
    post("/ops/review/tasks/next", review.take_next, OPERATOR),
    post("/ops/review/tasks/decide", review.decide_many, OPERATOR),
    get("/ops/review/tasks/{taskId}", handlers.get_task, OPERATOR),
    post("/ops/review/tasks/{taskId}/take", review.take, OPERATOR),
    post("/ops/review/tasks/{taskId}/release", review.release, OPERATOR),
    post("/ops/review/tasks/{taskId}/decide", review.decide, OPERATOR),
    post("/ops/review/tasks/{taskId}/notes", review.add_note, OPERATOR),
    get("/ops/review/statistics", review.get_statistics, OPERATOR),
    get("/ops/payments", handlers.list_payments, ADMINS),
    post(
        "/ops/payments/{paymentId}/decide",
        handlers.decide_payment,
        ADMINS,
        errors.PAYMENT_NOT_FOUND,
        errors.PAYMENT_NOT_POSSIBLE,
        *review.OF_A_TASK,
    ),
    get("/ops/broadcasts", handlers.list_broadcasts, OPERATOR),
    post("/ops/broadcasts", handlers.send_broadcast, ADMINS, statuses=(201,)),
    get("/ops/jobs", handlers.list_jobs, ADMINS),
    post("/ops/jobs/retry", handlers.retry_jobs, ADMINS),
    post("/ops/jobs/drop", handlers.drop_jobs, ADMINS),
)
# A marketplace in form, so that calls and documents are built in the same way.
OPS = Marketplace(
    Policy(
        name="ops",
        title="Operators",
        per_user=USUAL,
        per_address=USUAL,
        per_address_changes=USUAL,
        per_holder=USUAL,
    ),
    ROUTES,
)


def routes(resources: Resources, publisher: Publisher, hubs: AdminClient) -> list[web.RouteDef]:
    """Return the calls of operators."""
    operators = Operators(resources.settings)
    return [
        web.route(
            route.method, route.path, OperatorEndpoint(OPS, route, resources, publisher, hubs, operators).__call__
        )
        for route in ROUTES
    ]
