"""Actions that a client made offline, sent in one call: each is done once for its client id, in a unit of work of its own.

The answers are kept as those of all repeatable calls (core/work/idempotency.py); here is what became of each action, for longer:
an action that is repeated when its answer is forgotten is done, and is not done again.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Meta
from redis.exceptions import RedisError

from core.base import clock, errors
from core.base.answers import Answer
from core.base.errors import AppError
from core.platform.db import UNAVAILABLE_ERRORS, Many, Run, Scalar, columns
from core.text.fields import Content
from core.work import idempotency
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of

State: TypeAlias = Literal["done", "conflict", "refused", "skipped"]
# The body of a call that an action stands for: bounded, and checked by the type of that call when the action is done.
Key: TypeAlias = Annotated[str, Meta(max_length=64)]
Plain: TypeAlias = bool | int | float | Content | None
PlainList: TypeAlias = Annotated[list[Plain], Meta(max_length=100)]
Inner: TypeAlias = Annotated[dict[Key, Plain | PlainList], Meta(max_length=100)]
Payload: TypeAlias = Annotated[dict[Key, Plain | PlainList | Inner], Meta(max_length=100)]

CONFLICTS: Final = frozenset({409, 412})
KEPT: Final = timedelta(days=90)
LISTED: Final = 100
AWAY: tuple[type[Exception], ...] = (*UNAVAILABLE_ERRORS, RedisError)

log = logging.getLogger(__name__)


class Action(msgspec.Struct, frozen=True, rename="camel"):
    """`subject`: what it is about, an id or a name of the client's; `basedOn`: the version that the client knows of it."""

    client_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
    type: Annotated[str, Meta(max_length=64)]
    payload: Payload = {}
    subject: Annotated[str, Meta(max_length=128, pattern=r"^[^\x00]*$")] | None = None
    based_on: Annotated[str, Meta(max_length=128)] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What became of an action; `result` is JSON, if it is done, `current` the state that it is in conflict with."""

    action: Action
    state: State
    result: bytes = b"null"
    error: AppError | None = None
    current: object = None


class Failed(msgspec.Struct, frozen=True, rename="camel"):
    """An action that was not done, and the code of its error."""

    client_id: str
    type: str
    subject: str | None
    state: str
    code: str
    at: datetime


class Doing(Protocol):
    """How the actions of a marketplace are done; both raise AppError."""

    async def do(self, ctx: Ctx, action: Action) -> object:
        """Do it; return the result, which becomes JSON."""
        ...

    def is_repeatable(self, action: Action) -> bool:
        """Return whether it is done once by itself: by its client id, and on a connection of its own."""
        ...

    async def read(self, ctx: Ctx, action: Action) -> object:
        """Return the present state of its subject."""
        ...

    def done(self, action: Action, result: bytes) -> None:
        """Take note of a result, also of one that is repeated."""
        ...


NOTE_DONE = Scalar(
    str,
    """
    insert into sync_actions (user_id, client_id, type, subject, state, at) values ($1, $2, $3, $4, 'done', $5)
    on conflict (user_id, client_id) do update set state = 'done', code = '', at = excluded.at
    where sync_actions.state <> 'done' returning client_id""",
)
NOTE_FAILED = Run(
    """
    insert into sync_actions (user_id, at, client_id, type, subject, state, code)
    select distinct on (f.client_id) $1::uuid, $2::timestamptz, f.*
    from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) as f (client_id, type, subject, state, code)
    on conflict (user_id, client_id) do update set state = excluded.state, code = excluded.code, at = excluded.at
    where sync_actions.state <> 'done'"""
)
FAILED = Many(
    Failed,
    f"""
    select client_id, type, subject, state, code, at from sync_actions
    where user_id = $1 and state <> 'done' order by at desc limit {LISTED}""",  # noqa: S608
)
LAST = Scalar(datetime, "select max(at) from sync_actions where user_id = $1")
FORGET = Run(
    """
    delete from sync_actions where (user_id, client_id) in (
        select user_id, client_id from sync_actions where at < $1 order by at limit $2
    )"""
)
PERSONAL_DATA = PersonalData(
    "actions made offline",
    frozenset({"sync_actions"}),
    rows_of("select client_id, type, subject, state, code, at from sync_actions where user_id = $1 order by at"),
    (Run("delete from sync_actions where user_id = $1"),),
)


async def apply(ctx: Ctx, actions: Sequence[Action], doing: Doing) -> list[Outcome]:
    """Do the caller's actions, one after the other; after one that fails, the later ones of its subject are skipped."""
    outcomes: list[Outcome] = []
    stopped: set[str] = set()
    for action in actions:
        outcome = Outcome(action, "skipped") if action.subject in stopped else await _apply(ctx, action, doing)
        outcomes.append(outcome)
        if outcome.state == "done":
            doing.done(action, outcome.result)
        elif action.subject:
            stopped.add(action.subject)
    failed = [one for one in outcomes if one.state != "done"]
    if failed:
        rows = [
            (
                one.action.client_id,
                one.action.type,
                one.action.subject,
                one.state,
                one.error.kind.code if one.error else "",
            )
            for one in failed
        ]
        await NOTE_FAILED(ctx.db, ctx.user.id, clock.now(), *columns(rows, 5))
    return outcomes


async def _apply(ctx: Ctx, action: Action, doing: Doing) -> Outcome:
    noted = ctx.user.id, action.client_id, action.type, action.subject

    async def once(ctx: Ctx) -> Answer[bytes]:
        if await NOTE_DONE(ctx.db, *noted, clock.now()) is None:
            return Answer(200, b"null")  # what it was answered is forgotten
        return Answer(200, msgspec.json.encode(await doing.do(replace(ctx, idempotency_key=""), action)))

    own = replace(ctx, idempotency_key=f"sync {action.client_id}", if_match=action.based_on or "")
    call = b"sync", action.type.encode(), (action.subject or "").encode(), msgspec.json.encode(action.payload)
    try:
        if doing.is_repeatable(action):
            result = msgspec.json.encode(await doing.do(ctx, action))
            await NOTE_DONE(ctx.db, *noted, clock.now())
            return Outcome(action, "done", result)
        answer, _ = await idempotency.once(own, call, once)
        return Outcome(action, "done", answer.body)
    except AppError as error:
        if error.kind.status in CONFLICTS:
            return Outcome(action, "conflict", error=error, current=await _current(ctx, action, doing))
        return Outcome(action, "refused", error=error)
    except AWAY:
        raise  # the client sends all of them again, and those that are done are answered from the store
    except Exception:
        log.exception("an action %s failed", action.type)
        return Outcome(action, "refused", error=errors.INTERNAL_ERROR.error())


async def _current(ctx: Ctx, action: Action, doing: Doing) -> object:
    try:
        return await doing.read(ctx, action)
    except AppError:
        return None
