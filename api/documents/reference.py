"""Generates pages of docs/: `python -m api.documents.reference`. A test checks that they are up to date."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import marketplaces
from api.documents import asyncapi
from api.documents.event_page import events_page
from api.documents.openapi import document
from api.ops.routes import OPS
from core.base import errors
from core.base.errors import ErrorCode
from core.market.market import Marketplace

DOCS = Path(__file__).parents[2] / "docs"


def error_page() -> str:
    """Return the table of errors."""
    rows = [
        f"| `{error.code}` | {error.status} | {'yes' if error.retryable else ''} | {error.message} |"
        for error in _all_errors()
    ]
    head = [
        "# Errors",
        "",
        'REST answers and socket acks carry `{"error": {"code", "message", "details": [{"field", "message"}]}}`. Codes are',
        "stable, messages are not. Retry: the same request may succeed later.",
        "",
        "| Code | Status | Retry | Message |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def _all_errors() -> list[ErrorCode]:
    """Return the errors of core and those specific to marketplaces, by status."""
    known = dict(errors.TABLE)
    for market in (*marketplaces.ALL.values(), OPS):
        known |= {error.code: error for route in market.routes for error in route.errors}
    return sorted(known.values(), key=lambda error: error.status)


def openapi_page(market: Marketplace, server: str) -> str:
    """Return a marketplace's OpenAPI document, or the operators'."""
    return _page(document(market, server))


def asyncapi_page(market: Marketplace) -> str:
    """Return a marketplace's AsyncAPI document."""
    return _page(asyncapi.document(market))


def _page(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


PAGES: Mapping[Path, Callable[[], str]] = {
    DOCS / "ERRORS.md": error_page,
    DOCS / "events.md": partial(events_page, marketplaces.ALL.values()),
    DOCS / "openapi/ops.json": partial(openapi_page, OPS, ""),
    **{
        DOCS / "openapi" / f"{name}.json": partial(openapi_page, market, f"/{name}")
        for name, market in marketplaces.ALL.items()
    },
    **{DOCS / "asyncapi" / f"{name}.json": partial(asyncapi_page, market) for name, market in marketplaces.ALL.items()},
}

if __name__ == "__main__":
    for path, generate in PAGES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generate())
