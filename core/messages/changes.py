"""A change of a message that is in the log: its text is edited or deleted, a reaction is added or taken back.

It is two statements in one transaction: membership.LOCK, and then one that sees all that earlier holders of the lock have
committed. What makes no difference takes no version and writes nothing, also if two do the same at once.
"""

import msgspec

from core.base import errors
from core.platform.db import Connection, One, found


class Change(msgspec.Struct, frozen=True):
    """Where a message stands after a change, and whether that made a difference."""

    seq: int
    version: int
    differs: bool


def change_of(kept: str, differs: str, follows: str, sets: str = "") -> One[Change]:
    """Declare a change. Parameters: conversation ($1), message ($2), who changes it ($3), its text or emoji ($4), mentions ($5).

    `kept`: which messages can be changed so. `differs`: whether it makes a difference to `t`, the message. `follows`: what else
    is written, from `t` and the next version `n`. `sets`: columns of the message, besides its version.
    """
    return One(
        Change,
        f"""
        with t as materialized (
            select conversation_id, seq, version, body, deleted_at from messages
            where conversation_id = $1 and id = $2 and {kept}
        ),
        n as (
            update conversations set version = version + 1, changed_at = clock_timestamp()
            where id = $1 and exists (select from t where {differs})
            returning version, changed_at as at
        ),
        {follows},
        changed as (
            update messages m set {sets} version = n.version, changed_at = n.at
            from t cross join n where m.conversation_id = t.conversation_id and m.seq = t.seq
        )
        select t.seq, coalesce(n.version, t.version) as version, n.version is not null as differs
        from t left join n on true""",  # noqa: S608 - no input in it
    )


async def make(db: Connection, change: One[Change], *args: object) -> Change:
    """Make a change, under the lock: the next version if it makes a difference; raises MESSAGE_NOT_FOUND."""
    return found(await change(db, *args), errors.MESSAGE_NOT_FOUND.error())
