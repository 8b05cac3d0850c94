"""Changes of the status of an account, by operators: they end its sessions and sockets at once, and are in the audit log."""

from datetime import datetime
from uuid import UUID

from core.accounts import sessions
from core.accounts.status.states import OF_USER, STATES, Standing
from core.base import clock, errors
from core.platform.db import Run, Scalar, found
from core.work.context import Ctx
from core.work.rules.accounts import Status
from core.work.unit_of_work import unit_of_work

MARKET_OF = Scalar(str, "select market from users where id = $1 and deleted_at is null")
LOCK = Scalar(UUID, "select id from users where id = $1 and market = $2 and deleted_at is null for no key update")
SET = Run("update users set status = $2, status_until = $3 where id = $1")


async def set_status(
    ctx: Ctx, user_id: UUID, status: Status, reason: str, until: datetime | None = None, *, operator: str = ""
) -> None:
    """Give a user of this marketplace another status; harmless to repeat.

    `until`: when a suspension ends by itself. `operator`: who does it, where that is no user; `reason` is for the audit log.
    Raises USER_NOT_FOUND, STATUS_NOT_POSSIBLE, VALIDATION_ERROR.
    """
    if until and not (STATES[status].may_end and until > clock.now()):
        raise errors.invalid("until", "Only a suspension ends, and in the future")
    async with unit_of_work(ctx) as work:
        if await LOCK(work.db, user_id, ctx.policy.name) is None:
            raise errors.USER_NOT_FOUND.error()
        before = found(await OF_USER(work.db, user_id), errors.USER_NOT_FOUND.error())
        if (before.status, before.status_until) == (status, until):
            return
        _check(before, status)
        await SET(work.db, user_id, status, until)
        change = {"status": status, "before": before.status, "reason": reason, "until": until and until.isoformat()}
        who = {"operator": operator} if operator else {}
        await work.record("user.set_status", user_id, None, **{**change, **who})
        if STATES[status].refusal:
            await sessions.end_all(work, user_id, f"account {status}", by_user=False)


def _check(before: Standing, status: Status) -> None:
    if status not in STATES[before.status].next:
        raise errors.STATUS_NOT_POSSIBLE.error(f"The account is {before.status}: it cannot become {status}")
