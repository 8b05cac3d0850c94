"""Errors as responses, in the format of the marketplace."""

from collections.abc import Mapping, Sequence
from math import ceil

from aiohttp import hdrs, web

from core.base.errors import AppError
from core.market.dialect import DEFAULT
from core.market.market import Marketplace
from core.market.translation import ErrorWriter
from core.work.rate_limits import RateLimitedError

CORE = ErrorWriter(DEFAULT, "")


class ErrorForms:
    """The error writers by path prefix; `at_root`: the writer of a marketplace that serves the root of the host."""

    def __init__(self, mounted: Mapping[str, Marketplace], at_root: Marketplace | None) -> None:
        self._mounted = {f"{prefix}/": _writer(market) for prefix, market in mounted.items()}
        self._at_root = _writer(at_root) if at_root else CORE

    def of(self, path: str) -> ErrorWriter:
        """Return the error writer of a path."""
        return next((one for prefix, one in self._mounted.items() if path.startswith(prefix)), self._at_root)


FORMS = web.AppKey("error_forms", ErrorForms)


def _writer(market: Marketplace) -> ErrorWriter:
    return ErrorWriter(market.dialect, market.name)


def answer(
    error: AppError, allow: Sequence[str] = (), writer: ErrorWriter = CORE, request_id: str = ""
) -> web.Response:
    """Return the HTTP response for an error."""
    status, body = writer.write(error, request_id)
    response = web.Response(body=body, status=status, content_type="application/json")
    if isinstance(error, RateLimitedError) or error.retry_after:
        response.headers[hdrs.RETRY_AFTER] = str(ceil(error.retry_after))
    elif status == 503:
        response.headers[hdrs.RETRY_AFTER] = "1"
    elif status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    if allow:
        response.headers[hdrs.ALLOW] = ", ".join(allow)
    return response
