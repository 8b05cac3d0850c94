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
from api.ops.handlers.queries import get_conversation, get_me, get_user, list_hubs, list_reports, search, trace

__all__ = [
    "drain",
    "drop_jobs",
    "end_session",
    "get_conversation",
    "get_me",
    "get_user",
    "list_hubs",
    "list_jobs",
    "list_reports",
    "resolve_report",
    "retry_jobs",
    "search",
    "set_status",
    "trace",
    "undrain",
]
