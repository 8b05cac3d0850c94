"""The table of the operators' calls."""

from aiohttp import web

from api.ops import handlers
from api.ops.endpoint import OperatorEndpoint
from api.ops.operators import Operators
from core.base import errors
from core.base.publisher import Publisher
from core.limits.budget import Rate
from core.market.market import Marketplace, get, post
from core.work.context import Resources
from core.work.policy import Policy
from realtime.operations.admin_client import AdminClient

OPERATOR = frozenset({"operator"})
USUAL = Rate("operators", 1200, 60)  # a console asks every two seconds

ROUTES = (
    get("/ops/me", handlers.get_me, OPERATOR),
    get("/ops/hubs", handlers.list_hubs, OPERATOR),
    post("/ops/hubs/{hubId}/drain", handlers.drain, OPERATOR, errors.HUB_NOT_FOUND, errors.HUB_SILENT),
    post("/ops/hubs/{hubId}/undrain", handlers.undrain, OPERATOR, errors.HUB_NOT_FOUND, errors.HUB_SILENT),
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
    get("/ops/reports", handlers.list_reports, OPERATOR),
    post("/ops/reports/{reportId}/resolve", handlers.resolve_report, OPERATOR, errors.REPORT_NOT_FOUND),
    get("/ops/payments", handlers.list_payments, OPERATOR),
    post(
        "/ops/payments/{paymentId}/decide",
        handlers.decide_payment,
        OPERATOR,
        errors.PAYMENT_NOT_FOUND,
        errors.PAYMENT_NOT_POSSIBLE,
    ),
    get("/ops/jobs", handlers.list_jobs, OPERATOR),
    post("/ops/jobs/retry", handlers.retry_jobs, OPERATOR),
    post("/ops/jobs/drop", handlers.drop_jobs, OPERATOR),
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
