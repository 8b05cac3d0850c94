"""One function for each row of the operators' table."""

from api.ops.handlers.actions import (
    drain,
    drop_jobs,
    end_session,
    list_jobs,
    resolve_report,
    retry_jobs,
    set_status,
    undrain,
)
from api.ops.handlers.broadcasts import list_broadcasts, send_broadcast
from api.ops.handlers.payments import decide_payment, list_payments
from api.ops.handlers.queries import (
    get_conversation,
    get_me,
    get_task,
    get_user,
    list_hubs,
    list_reports,
    list_tasks,
    search,
    trace,
)

__all__ = [
    "decide_payment",
    "drain",
    "drop_jobs",
    "end_session",
    "get_conversation",
    "get_me",
    "get_task",
    "get_user",
    "list_broadcasts",
    "list_hubs",
    "list_jobs",
    "list_payments",
    "list_reports",
    "list_tasks",
    "resolve_report",
    "retry_jobs",
    "search",
    "send_broadcast",
    "set_status",
    "trace",
    "undrain",
]
