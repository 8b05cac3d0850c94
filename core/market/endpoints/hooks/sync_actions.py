"""The call that does what a client has queued offline: each action once for its client id, in a unit of work of its own.

An action stands for another call of its marketplace.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Raw
from redis.exceptions import RedisError

from core import sync_actions
from core.base import clock, errors
from core.base.answers import Answer
from core.base.errors import AppError
from core.market.dialect import DEFAULT, Dialect
from core.market.traits import Handler, traits_of
from core.market.translation import ErrorWriter, Translation, Turn, on_bytes
from core.platform.db import UNAVAILABLE_ERRORS, columns
from core.sync_actions import Action, Failed, State
from core.text.validation import Shape, converted
from core.work import idempotency
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.policy import Policy

MOST_ACTIONS: Final = 50
CONFLICTS: Final = frozenset({409, 412})
NULL: Final = b"null"
# The client sends all of them again, and those that are done are answered from the store.
AWAY: tuple[type[Exception], ...] = (*UNAVAILABLE_ERRORS, RedisError)
# In the documents, what only the kind of an action says; or null.
_ANY: Final = {"anyOf": [{"type": "object", "additionalProperties": {}}, {"type": "null"}]}
AnyObject: TypeAlias = Annotated[Raw, Meta(extra_json_schema=_ANY)]

log = logging.getLogger(__name__)


class Actions(msgspec.Struct, frozen=True):
    """In the order in which they were made."""

    actions: Annotated[list[Action], Meta(min_length=1, max_length=MOST_ACTIONS)]


class ActionResult(msgspec.Struct, frozen=True, rename="camel"):
    """`result`: what the call would have answered; `error`: likewise; `current`: what a conflict is with."""

    client_id: str
    state: State
    result: AnyObject
    error: AnyObject
    current: AnyObject


class ActionResults(msgspec.Struct, frozen=True):
    results: list[ActionResult]


class SyncQueue(msgspec.Struct, frozen=True):
    """Those that were not done, the latest first."""

    actions: list[Failed]


class LastSync(msgspec.Struct, frozen=True, rename="camel"):
    last_sync_time: datetime | None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of action: the handler of a call, whose path has one part at most; who may make it; and what reads its subject."""

    handler: Handler
    who: frozenset[str]
    read: Handler | None = None


async def get_queue(ctx: Ctx) -> SyncQueue:
    """Get the actions that were not done"""
    return SyncQueue(await sync_actions.FAILED(ctx.db, ctx.user.id))


async def get_last_sync_time(ctx: Ctx) -> LastSync:
    """Get when the user last sent actions"""
    return LastSync(await sync_actions.LAST(ctx.db, ctx.user.id))


def applying(
    kinds: Mapping[str, Kind], policy: Policy, dialect: Dialect = DEFAULT
) -> Callable[[Ctx, Actions], Awaitable[ActionResults]]:
    """Return the handler that does actions of these kinds, by their names."""
    calls = {name: _Call(kind, policy, dialect) for name, kind in kinds.items()}
    writer = ErrorWriter(dialect, policy.name)

    async def apply_actions(ctx: Ctx, body: Actions) -> ActionResults:
        """Do what was queued offline: each action once for its clientId, in order, and answered for itself"""
        if more := len(body.actions) - 1:  # as if each were a call of its own
            await limits.take(ctx, policy.per_user, str(ctx.user.id), 1.0, more - 1.0)
        queue = _Queue(ctx, calls, writer)
        results = [await queue.apply(action) for action in body.actions]
        await queue.note_failed()
        return ActionResults(results)

    return apply_actions


class _Queue:
    """The actions of one request. `_made`: the ids of what was made for subjects that the client has named."""

    def __init__(self, ctx: Ctx, calls: Mapping[str, "_Call"], writer: ErrorWriter) -> None:
        self._ctx = ctx
        self._calls = calls
        self._writer = writer
        self._made: dict[str, str] = {}
        self._stopped: set[str] = set()
        self._failed: list[tuple[str, str, str | None, str, str]] = []

    async def apply(self, action: Action) -> ActionResult:
        """Do an action, unless an earlier one of its subject has failed; raises what AWAY has."""
        if action.subject in self._stopped:
            return self._fail(action, "skipped")
        try:
            call = self._call(action)
        except AppError as error:
            return self._fail(action, "refused", error)
        try:
            result = await self._do(call, action)
        except AppError as error:
            if error.kind.status in CONFLICTS:
                return self._fail(action, "conflict", error, await self._current(call, action))
            return self._fail(action, "refused", error)
        except AWAY:
            raise
        except Exception:
            log.exception("an action %s failed", action.type)
            return self._fail(action, "refused", errors.INTERNAL_ERROR.error())
        made = msgspec.json.decode(result)
        if action.subject and not call.part and isinstance(made, dict):
            self._made[action.subject] = str(made.get("id", ""))
        return ActionResult(action.client_id, "done", Raw(on_bytes(call.show, result)), Raw(NULL), Raw(NULL))

    async def note_failed(self) -> None:
        """Store what was not done."""
        if self._failed:
            of_user = self._ctx.user.id, clock.now()
            await sync_actions.NOTE_FAILED(self._ctx.db, *of_user, *columns(self._failed, 5))

    def _fail(self, action: Action, state: State, error: AppError | None = None, current: bytes = NULL) -> ActionResult:
        if action.subject:
            self._stopped.add(action.subject)
        self._failed.append((action.client_id, action.type, action.subject, state, error.kind.code if error else ""))
        told = self._writer.write(error, self._ctx.request_id)[1] if error else NULL
        return ActionResult(action.client_id, state, Raw(NULL), Raw(told), Raw(current))

    def _call(self, action: Action) -> "_Call":
        call = self._calls.get(action.type)
        if call is None:
            raise errors.invalid("type", f"Must be one of: {', '.join(sorted(self._calls))}")
        if self._ctx.user.role not in call.kind.who:
            raise errors.FORBIDDEN.error()
        return call

    async def _do(self, call: "_Call", action: Action) -> bytes:
        noted = self._ctx.user.id, action.client_id, action.type, action.subject

        async def once(ctx: Ctx) -> Answer[bytes]:
            if await sync_actions.NOTE_DONE(ctx.db, *noted, clock.now()) is None:
                return Answer(200, NULL)  # what it was answered is forgotten
            return Answer(200, await self._make(replace(ctx, idempotency_key=""), call, action))

        own = replace(self._ctx, idempotency_key=f"sync {action.client_id}", if_match=action.based_on or "")
        if call.has_client_id:  # its call is done once by itself, on a connection of its own
            result = await self._make(replace(own, idempotency_key=""), call, action)
            await sync_actions.NOTE_DONE(self._ctx.db, *noted, clock.now())
            return result
        about = b"sync", action.type.encode(), (action.subject or "").encode(), msgspec.json.encode(action.payload)
        answer, _ = await idempotency.once(own, about, once)
        return answer.body

    async def _make(self, ctx: Ctx, call: "_Call", action: Action) -> bytes:
        arguments = {**call.place(action, self._made), **call.body(action)}
        if weight := traits_of(call.kind.handler).weight:
            rest = weight.rest(arguments.get("body"))
            await limits.take(ctx, ctx.policy.messages, str(ctx.user.id), weight.base, rest)
        return _encoded(await call.kind.handler(ctx, **arguments))

    async def _current(self, call: "_Call", action: Action) -> bytes:
        if call.kind.read is None:
            return NULL
        try:
            now = await call.kind.read(self._ctx, **call.place(action, self._made))
        except AppError:
            return NULL
        return on_bytes(call.show_read, _encoded(now))


class _Call:
    """What a kind of action takes and gives, in the dialect of its marketplace."""

    def __init__(self, kind: Kind, policy: Policy, dialect: Dialect) -> None:
        self.kind = kind
        hints = get_type_hints(kind.handler, include_extras=True)
        names = list(inspect.signature(kind.handler).parameters)[1:]
        self.part = next((name for name in names if name != "body"), "")
        taken = Translation(dialect, policy.name, incoming=True)
        given = Translation(dialect, policy.name, incoming=False)
        self._kind_of_part = hints.get(self.part)
        self._take_part = taken.of(self._kind_of_part) if self.part else None
        self._shape: Shape[object] | None = Shape(hints["body"], policy.checks) if "body" in hints else None
        self._take_body = taken.of(hints["body"]) if self._shape else None
        self.has_client_id = self._shape is not None and "client_id" in hints["body"].__struct_fields__
        self.show = _turn(given, hints["return"])
        self.show_read = _turn(given, get_type_hints(kind.read)["return"]) if kind.read else _same

    def place(self, action: Action, made: Mapping[str, str]) -> dict[str, object]:
        """Return the subject as the part of the path; raises VALIDATION_ERROR."""
        if not self.part:
            return {}
        subject = action.subject or ""
        text = made.get(subject) or (self._take_part(subject) if self._take_part else subject)
        return {self.part: converted(self._kind_of_part, str(text), "subject")}

    def body(self, action: Action) -> dict[str, object]:
        """Return the payload as the body; raises VALIDATION_ERROR."""
        if self._shape is None:
            return {}
        ours = msgspec.convert(
            self._take_body(action.payload) if self._take_body else action.payload, dict[str, object]
        )
        own = {"clientId": action.client_id} if self.has_client_id else {}
        return {"body": self._shape.decode(msgspec.json.encode({**ours, **own}))}


def _turn(translation: Translation, returned: object) -> Turn:
    kind = get_args(returned)[0] if get_origin(returned) is Answer else returned
    return translation.of(kind) or _same


def _same(value: object) -> object:
    return value


def _encoded(answer: object) -> bytes:
    return msgspec.json.encode(answer.body if isinstance(answer, Answer) else answer)
