"""Changes of stored messages: an edit, a deletion, a reaction that is added or removed.

Each is two statements in one transaction: membership.LOCK, then one that sees everything committed by earlier holders of the
lock. A change without a difference takes no version and writes nothing, even if two clients make it concurrently.
"""

import msgspec

from core.base import errors
from core.platform.db import Connection, One, found


class Change(msgspec.Struct, frozen=True):
    """The state of a message after a change, and whether the change made a difference."""

    seq: int
    version: int
    differs: bool


def change_of(kept: str, differs: str, follows: str, sets: str = "") -> One[Change]:
    """Declare a change. Parameters: conversation ($1), message ($2), its author ($3), text or emoji ($4), mentions ($5).

    `kept`: which messages can be changed this way. `differs`: whether it changes the message, `t`. `follows`: further writes,
    from `t` and the next version `n`. `sets`: columns of the message to set, besides its version.
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
    """Make a change under the lock, with the next version if it makes a difference; raises MESSAGE_NOT_FOUND."""
    return found(await change(db, *args), errors.MESSAGE_NOT_FOUND.error())
