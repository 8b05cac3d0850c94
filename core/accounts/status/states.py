"""The status of an account, as a table: the error that a login gets, and the statuses that may follow.

Who is deleted is no status: see core/privacy. changes.py sets them; whatever opens or uses a session asks here.
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from core.base import errors
from core.base.errors import Detail, ErrorCode
from core.platform.db import Db, One
from core.work.rules.accounts import Status


class State(msgspec.Struct, frozen=True):
    """One row of the table. `refusal`: what its user gets instead of a login; None: she may log in.

    `next`: what it may become. `may_end`: whether it may have an end, after which the account is active by itself.
    """

    refusal: ErrorCode | None
    next: frozenset[Status]
    may_end: bool = False


STATES: dict[Status, State] = {
    "active": State(None, frozenset({"suspended", "banned"})),
    "pending": State(errors.ACCOUNT_PENDING, frozenset({"active", "banned"})),
    "suspended": State(errors.ACCOUNT_SUSPENDED, frozenset({"active", "suspended", "banned"}), may_end=True),
    "banned": State(errors.ACCOUNT_BANNED, frozenset({"active"})),
}

# Of a user `u`, in any statement: whether she may use her account, and the status that she has at this moment.
IS_ACTIVE = "(u.status = 'active' or coalesce(u.status_until <= now(), false))"
STATUS = f"""
    case when {IS_ACTIVE} then 'active' else u.status end as status,
    case when u.status_until > now() then u.status_until end as status_until"""


class Standing(msgspec.Struct, frozen=True, rename="camel"):
    """The status of an account at this moment, and when it ends."""

    status: Status
    status_until: datetime | None


OF_USER = One(Standing, f"select {STATUS} from users u where u.id = $1 and u.deleted_at is null")  # noqa: S608


def refusal(status: Status, until: datetime | None) -> errors.AppError | None:
    """Return the error that a login to an account with this status gets; None if it may be used."""
    kind = STATES[status].refusal
    if kind is None:
        return None
    ends = [Detail("until", until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))] if until else []
    return kind.error(details=ends)


async def refusal_of(db: Db, user_id: UUID) -> errors.AppError:
    """Return why a user got no session a moment ago."""
    standing = await OF_USER(db, user_id)
    if standing is None:
        return errors.INVALID_CREDENTIALS.error()  # she has deleted her account meanwhile
    return refusal(standing.status, standing.status_until) or errors.UNAVAILABLE.error()
