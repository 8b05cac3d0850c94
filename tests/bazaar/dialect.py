"""How the bazaar looks."""

from dataclasses import replace

from core.market.dialect import Dialect, Pages
from core.market.error_forms import FLAT

DIALECT = Dialect(
    errors=replace(
        FLAT,
        codes={
            "UNAUTHORIZED": "AUTH_001",
            "TOKEN_EXPIRED": "AUTH_002",
            "INVALID_CREDENTIALS": "AUTH_003",
            "VALIDATION_ERROR": "INPUT_001",
        },
        statuses={"VALIDATION_ERROR": 422, "EMAIL_EXISTS": 422},
    ),
    snake_case=True,
    bigint_ids=True,
    pages=Pages(items="data", about="meta", names={"limit": "per_page", "total": "total_count"}),
    data="data",
    keeps_cookies=True,
)
