"""Turns the result of a handler into the response: status, body, entity tag, and rate limit headers."""

import msgspec
from aiohttp import hdrs, web

from api.calls.pieces import Pieces
from core.base.answers import Answer, Text
from core.work.etag import body_tag, matches
from core.work.rate_limits import Allowance


def encoded(result: object, status: int) -> Answer[bytes]:
    """Encode the result of a handler; `status` is the usual one of its route."""
    if result is None:
        return Answer(204, b"")
    answer = result if isinstance(result, Answer) else Answer(0, result)
    status = answer.status or status
    if isinstance(answer.body, Text):
        return Answer(status, answer.body.octets, answer.etag, answer.body.media_type)
    body = b"" if answer.body is None else msgspec.json.encode(answer.body)
    return Answer(status, body, answer.etag, location=answer.location)


def answered(request: web.Request, answer: Answer[bytes], *, is_shared: bool = False) -> web.Response:
    """Return an answer with its tag, or 304 if the client's copy is current. `is_shared`: many clients get the same bytes."""
    if answer.status == 204:
        return web.Response(status=204)
    if answer.status == 304:  # the handler knew it without building the answer
        return web.Response(status=304, headers={hdrs.ETAG: answer.etag})
    if answer.location and not answer.body:
        return web.Response(status=answer.status, headers={hdrs.LOCATION: answer.location})
    headers, etag = {hdrs.CONTENT_TYPE: answer.media_type}, answer.etag
    if answer.location:
        headers[hdrs.LOCATION] = answer.location
    if request.method == hdrs.METH_GET or etag:
        headers[hdrs.ETAG] = etag = etag or body_tag(answer.body)
    # A tag of the bytes themselves: names and states of files change without a new version.
    is_of_body = request.method == hdrs.METH_GET and not answer.etag
    if is_of_body and matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
        return web.Response(status=304, headers={hdrs.ETAG: etag})
    body = Pieces(answer.body) if is_shared else answer.body  # unshared bytes are in memory anyway, and count as unread
    return web.Response(body=body, status=answer.status, headers=headers)


def rate_headers(allowance: Allowance) -> dict[str, str]:
    """Return the headers with the caller's remaining calls."""
    rate = allowance.rate
    return {
        "RateLimit-Policy": f'"{rate.name}";q={rate.count};w={rate.seconds}',
        "RateLimit": f'"{rate.name}";r={allowance.remaining};t={allowance.reset}',
    }
