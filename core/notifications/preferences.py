"""Users' preferences of notifications: their choices, and otherwise the defaults of the marketplace's notices."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from core.base import errors
from core.platform.db import Many, Run, transaction
from core.text.fields import Short
from core.work.context import Ctx
from core.work.notices import Notice
from core.work.personal_data import PersonalData, rows_of


class Preference(msgspec.Struct, frozen=True, rename="camel"):
    """Where a user gets notifications of a type: in her list and on her sockets, by mail, on her devices."""

    type: str
    in_app: bool
    email: bool
    push: bool


class PreferenceChange(msgspec.Struct, frozen=True, rename="camel"):
    """A choice; what is not given stays."""

    type: Short
    in_app: bool | UnsetType = UNSET
    email: bool | UnsetType = UNSET
    push: bool | UnsetType = UNSET


class Chosen(msgspec.Struct, frozen=True):
    type: str
    in_app: bool | None
    email: bool | None
    push: bool | None


OF_USER = Many(Chosen, "select type, in_app, email, push from notification_preferences where user_id = $1")
CHOOSE = Run(
    """
    insert into notification_preferences as p (user_id, type, in_app, email, push)
    select $1, $2, $3::bool, $4::bool, $5::bool where num_nonnulls($3::bool, $4::bool, $5::bool) > 0
    on conflict (user_id, type) do update set in_app = coalesce(excluded.in_app, p.in_app),
        email = coalesce(excluded.email, p.email), push = coalesce(excluded.push, p.push)
        where (p.in_app, p.email, p.push) is distinct from (
            coalesce(excluded.in_app, p.in_app), coalesce(excluded.email, p.email), coalesce(excluded.push, p.push)
        )"""
)
PERSONAL_DATA = PersonalData(
    "notification preferences",
    frozenset({"notification_preferences"}),
    rows_of("select type, in_app, email, push from notification_preferences where user_id = $1 order by type"),
    (Run("delete from notification_preferences where user_id = $1"),),
)


async def of_user(ctx: Ctx) -> list[Preference]:
    """Return the caller's preference for each of the marketplace's notices."""
    chosen = {row.type: row for row in await OF_USER(ctx.db, ctx.user.id)}
    return [_preference(notice, chosen.get(notice.type)) for notice in ctx.policy.notices]


async def choose(ctx: Ctx, changes: Sequence[PreferenceChange]) -> None:
    """Store what the caller has chosen; raises VALIDATION_ERROR for a type that the marketplace does not have."""
    if not {change.type for change in changes} <= {notice.type for notice in ctx.policy.notices}:
        raise errors.invalid("preferences", "There is no such type")
    async with transaction(ctx.db) as db:
        # In the order of types, so that two concurrent changes cannot deadlock.
        for change in sorted(changes, key=lambda change: change.type):
            channels = (change.in_app, change.email, change.push)
            await CHOOSE(db, ctx.user.id, change.type, *(None if one is UNSET else one for one in channels))


def _preference(notice: Notice, chosen: Chosen | None) -> Preference:
    own = chosen or Chosen(notice.type, None, None, None)
    return Preference(
        notice.type, _or(own.in_app, notice.in_app), _or(own.email, notice.email), _or(own.push, notice.push)
    )


def _or(choice: bool | None, default: bool) -> bool:
    return default if choice is None else choice
