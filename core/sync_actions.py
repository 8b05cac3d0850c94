"""What became of the actions that clients made offline: see core/market/endpoints/hooks/sync_actions.py.

The answers are kept as those of all repeatable calls (core/work/idempotency.py). This is kept for longer: an action that is
repeated when its answer is forgotten is done, and is not done again.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from core.platform.db import Many, Run, Scalar
from core.text.fields import STORABLE, JsonObject
from core.work.personal_data import PersonalData, rows_of

State: TypeAlias = Literal["done", "conflict", "refused", "skipped"]
KEPT: Final = timedelta(days=90)


class Action(msgspec.Struct, frozen=True, rename="camel"):
    """`subject`: what it is about, an id or a name of the client's; `basedOn`: the version that the client knows of it.

    `payload`: the body of the call that it stands for, checked when it is done.
    """

    client_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=STORABLE)]
    type: Annotated[str, Meta(max_length=64, pattern=STORABLE)]
    payload: JsonObject = {}
    subject: Annotated[str, Meta(max_length=128, pattern=STORABLE)] | None = None
    based_on: Annotated[str, Meta(max_length=128)] | None = None


class Failed(msgspec.Struct, frozen=True, rename="camel"):
    """An action that was not done, and the code of its error."""

    client_id: str
    type: str
    subject: str | None
    state: str
    code: str
    at: datetime


# Nothing is returned for one that was done before.
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
    """
    select client_id, type, subject, state, code, at from sync_actions
    where user_id = $1 and state <> 'done' order by at desc limit 100""",
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
