"""The audit log: who did what to what, written in the transaction that does it. Rows are added, never changed."""

from uuid import UUID

from core.base import clock
from core.base.ids import uuid7
from core.platform.db import Db, Run
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of

INSERT = Run(
    """
    insert into audit_log (id, market, actor_id, action, entity_id, facts, request_id, remote, recorded_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
)
PERSONAL_DATA = PersonalData(
    "audit log",
    frozenset({"audit_log"}),
    rows_of(
        # Of what operators did about her account what they did and why, not who and from where.
        """
        select action, entity_id, facts - 'operator' as facts, case when actor_id = $1 then request_id end as request_id,
            case when actor_id = $1 then remote end as ip, recorded_at
        from audit_log where actor_id = $1 or entity_id = $1 and action = 'user.set_status' order by recorded_at"""
    ),
    later=(
        Run(
            """
            update audit_log set remote = '', request_id = '', facts = '{}' where id in (
                select id from audit_log
                where actor_id = $1 and (remote <> '' or request_id <> '' or facts <> '{}') limit $2
            )"""
        ),
        Run(
            """
            update audit_log set facts = facts - 'reason' where id in (
                select id from audit_log
                where entity_id = $1 and action = 'user.set_status' and facts ? 'reason' limit $2
            )"""
        ),
    ),
    kept="What was done, by an id that has no name any more.",
)


async def record(
    ctx: Ctx,
    db: Db,
    action: str,
    entity_id: UUID | None,
    facts: dict[str, object],
    actor_id: UUID | None = None,
) -> None:
    """Write that the caller did `action` ("project.delete") to an entity; facts are JSON and hold no secrets.

    `actor_id`: the user who did it, if there is no caller yet (a login).
    """
    actor = ctx.caller.id if ctx.caller else actor_id
    id, now = uuid7(), clock.now()
    await INSERT(db, id, ctx.policy.name, actor, action, entity_id, facts, ctx.request_id, ctx.remote, now)
