"""Writes the generated pages of docs/ anew: `python -m api.reference`. A test holds them equal to what is generated."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import marketplaces
from api.openapi import document
from core import errors
from core.market import Marketplace

DOCS = Path(__file__).parents[1] / "docs"


def error_page() -> str:
    """Return the table of errors."""
    rows = [
        f"| `{error.code}` | {error.status} | {'yes' if error.retryable else ''} | {error.message} |"
        for error in errors.TABLE.values()
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


def openapi_page(market: Marketplace) -> str:
    """Return a marketplace's OpenAPI document."""
    return json.dumps(document(market, f"/{market.name}"), indent=2, ensure_ascii=False) + "\n"


PAGES: Mapping[Path, Callable[[], str]] = {
    DOCS / "ERRORS.md": error_page,
    **{DOCS / "openapi" / f"{name}.json": partial(openapi_page, market) for name, market in marketplaces.ALL.items()},
}

if __name__ == "__main__":
    for path, generate in PAGES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generate())
