"""What a call is given: the parts of its path, its query and its body, as its handler takes them."""

from collections.abc import Mapping
from functools import cache

from aiohttp import web

from api.calls.look import Look
from api.calls.signature import Parameter, Signature
from api.cookies import Cookies
from core.base import errors
from core.base.answers import JSON
from core.text.validation import Shape, converted
from core.work.policy import Policy

BODIES = (JSON, "application/octet-stream")  # the latter is what a body without a type has


class Arguments:
    """Reads what one call takes from its requests."""

    def __init__(self, policy: Policy, signature: Signature, look: Look | None, cookies: Cookies) -> None:
        self.shape: Shape[object] | None = Shape(signature.body, policy.checks) if signature.body else None
        self._signature = signature
        self._look = look
        self._cookies = cookies
        self._query = _query_shape(signature.query) if signature.query else None
        name = look.query_name if look else str
        self._lists = frozenset(map(name, signature.query_lists))

    def placed(self, request: web.Request) -> dict[str, object]:
        """Return what the path and the query say; raises VALIDATION_ERROR."""
        arguments = {part.argument: self._part(request, part) for part in self._signature.path}
        if self._query:
            values = _query(request, self._lists)
            arguments["query"] = self._query.convert(self._look.query(values) if self._look else values)
        return arguments

    def _part(self, request: web.Request, part: Parameter) -> object:
        text = request.match_info[part.name]
        return converted(part.type, self._look.part(part.name, text) if self._look else text, part.name)

    def ours(self, raw: bytes) -> bytes:
        """Return a body with core's names and ids."""
        return self._look.body(raw) if self._look else raw

    def ours_of_form(self, texts: Mapping[str, str]) -> dict[str, object]:
        """Return the texts of a form likewise."""
        return self._look.form(dict(texts)) if self._look else dict(texts)

    def body(self, request: web.Request, raw: bytes) -> object:
        """Decode such a body.

        Raises MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR.
        """
        assert self.shape  # noqa: S101 - the call takes one
        if not raw and self._signature.body_optional:
            return None
        if self._signature.refresh_token:
            raw = self._cookies.with_refresh_token(request, raw, self._signature.refresh_token)
        if request.content_type not in BODIES:
            raise errors.UNSUPPORTED_MEDIA_TYPE.error()
        return self.shape.decode(raw)


@cache
def _query_shape(type: object) -> Shape[object]:
    return Shape(type)


def _query(request: web.Request, lists: frozenset[str]) -> dict[str, object]:
    values: dict[str, object] = dict(request.query)
    for name in lists:
        values[name] = [*request.query.getall(name, ()), *request.query.getall(f"{name}[]", ())]
    return values
