"""aiohttp responses in our error envelope."""

from aiohttp import hdrs, web

from realtime.engine.http.faults import BAD_REQUEST, INTERNAL, NO_STORE, OF_STATUS, TOO_MANY, Fault


def in_our_form(error: web.HTTPError) -> web.Response:
    """Return what aiohttp refuses by itself."""
    response = response_of(OF_STATUS.get(error.status, BAD_REQUEST if error.status < 500 else INTERNAL))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    if error.status == 417:
        response.force_close()  # its body may not have been received
    return response


def too_many() -> web.Response:
    """Return the answer to a request of an address that exceeds its rate."""
    response = response_of(TOO_MANY)
    response.headers["Retry-After"] = "1"
    response.force_close()
    return response


class _Anonymous(web.Response):
    """A response without aiohttp's version, which at this stage no application would remove."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)


def response_of(fault: Fault) -> web.Response:
    """Return a fault as a response."""
    return _Anonymous(status=fault.status, body=fault.body(), content_type="application/json", headers=NO_STORE)
