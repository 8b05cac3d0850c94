"""Read-only fields in changes: a different value is refused, but the value that was read may be sent back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from api.calls.signature import CHANGES, names_of, signature_of
from core.base import errors
from core.base.answers import Answer
from core.base.errors import Detail
from core.market.market import Marketplace, Route
from core.work.context import Ctx

# Times are compared in milliseconds, since JavaScript's dates keep no more, and write the zone differently.
_PRECISION = timedelta(milliseconds=1)
_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Fixed:
    """The read-only fields of a change: those in its answer but not in its body. `reads` is the call that reads the entity."""

    def __init__(self, market: Marketplace, route: Route) -> None:
        signature = signature_of(route)
        is_change = route.method in CHANGES and signature.body is not None
        self._names = names_of(signature.answer) - names_of(signature.body) if is_change else frozenset[str]()
        same = (one for one in market.routes if (one.method, one.path) == ("GET", route.path))
        self._read = next((one.handler for one in same if signature_of(one).query is signature.query), None)

    async def check(self, ctx: Ctx, place: Mapping[str, object], body: bytes) -> None:
        """Raise FIELD_NOT_CHANGEABLE naming each read-only field that a body would change; `place`: the path parameters."""
        if not self._names or not self._names.intersection(sent := _fields_of(body)):
            return
        now = await self._now(ctx, place)
        fixed = [
            name
            for name in sorted(self._names & sent.keys())
            if not _is_same(_value(sent[name]), now.get(name, _fields_of))
        ]
        if fixed:
            raise errors.FIELD_NOT_CHANGEABLE.error(details=[Detail(name, "Cannot be changed") for name in fixed])

    async def _now(self, ctx: Ctx, place: Mapping[str, object]) -> dict[str, object]:
        if self._read is None:
            return {}
        answer = await self._read(replace(ctx, if_none_match=""), **place)
        value = msgspec.to_builtins(answer.body if isinstance(answer, Answer) else answer)
        return value if isinstance(value, dict) else {}


def _value(raw: msgspec.Raw) -> object:
    value: object = msgspec.json.decode(raw)
    return value


def _is_same(given: object, now: object) -> bool:
    if given == now or not (isinstance(given, str) and isinstance(now, str)):
        return given == now
    try:
        one, other = msgspec.convert((given, now), tuple[datetime, datetime])
        return abs(one - other) < _PRECISION
    except (msgspec.ValidationError, TypeError):  # no times, or one without a zone
        return False
