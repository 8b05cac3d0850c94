"""The call that does what a client has queued offline. An action stands for another call of its marketplace."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Raw

from core import sync_actions
from core.base import errors
from core.base.answers import Answer
from core.market.dialect import DEFAULT, Dialect
from core.market.traits import Handler, traits_of
from core.market.translation import ErrorWriter, Translation, Turn, on_bytes
from core.sync_actions import Action, Failed, Outcome, State
from core.text.validation import Shape, converted
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.policy import Policy

MOST_ACTIONS: Final = 50
# In the documents, what only the kind of an action says; or null.
_ANY: Final = {"anyOf": [{"type": "object", "additionalProperties": {}}, {"type": "null"}]}
AnyObject: TypeAlias = Annotated[Raw, Meta(extra_json_schema=_ANY)]


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
        outcomes = await sync_actions.apply(ctx, body.actions, _Doing(calls))
        return ActionResults([_shown(ctx, calls, writer, one) for one in outcomes])

    return apply_actions


def _shown(ctx: Ctx, calls: Mapping[str, "_Call"], writer: ErrorWriter, outcome: Outcome) -> ActionResult:
    call, action = calls.get(outcome.action.type), outcome.action
    result = on_bytes(call.show, outcome.result) if call else outcome.result
    error = writer.write(outcome.error, ctx.request_id)[1] if outcome.error else b"null"
    current = msgspec.json.encode(outcome.current)
    return ActionResult(action.client_id, outcome.state, Raw(result), Raw(error), Raw(current))


class _Doing:
    """Does the actions of one request; `_made`: the ids of what was made for subjects that the client has named."""

    def __init__(self, calls: Mapping[str, "_Call"]) -> None:
        self._calls = calls
        self._made: dict[str, str] = {}

    async def do(self, ctx: Ctx, action: Action) -> object:
        call = self._call(ctx, action)
        arguments = {**call.place(action, self._made), **call.body(action)}
        if weight := traits_of(call.kind.handler).weight:
            rest = weight.rest(arguments.get("body"))
            await limits.take(ctx, ctx.policy.messages, str(ctx.user.id), weight.base, rest)
        answer = await call.kind.handler(ctx, **arguments)
        return answer.body if isinstance(answer, Answer) else answer

    def is_repeatable(self, action: Action) -> bool:
        return action.type in self._calls and self._calls[action.type].has_client_id

    async def read(self, ctx: Ctx, action: Action) -> object:
        call = self._call(ctx, action)
        if call.kind.read is None:
            return None
        answer = await call.kind.read(ctx, **call.place(action, self._made))
        return call.show_read(msgspec.to_builtins(answer.body if isinstance(answer, Answer) else answer))

    def done(self, action: Action, result: bytes) -> None:
        made = msgspec.json.decode(result)
        if action.subject and isinstance(made, dict) and not self._calls[action.type].part:
            self._made[action.subject] = str(made.get("id", ""))

    def _call(self, ctx: Ctx, action: Action) -> "_Call":
        call = self._calls.get(action.type)
        if call is None:
            raise errors.invalid("type", f"Must be one of: {', '.join(sorted(self._calls))}")
        if ctx.user.role not in call.kind.who:
            raise errors.FORBIDDEN.error()
        return call


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
