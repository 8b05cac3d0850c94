"""Credentials besides the tokens of a login. Each ends with the login that made it, or with all logins.

A new kind joins with one statement here, so that everything that ends logins ends it too, in the same transaction.
"""

from collections.abc import Sequence
from uuid import UUID

from core.platform.db import Connection, Run

# What was mailed to set a password or to change the address. A code that only verifies an address opens nothing, and stays good.
END_ONE_TIME_TOKENS = Run(
    """
    update one_time_tokens set used_at = now()
    where user_id = $1 and used_at is null and purpose <> 'email verification'"""
)
# A change of e-mail that is not done yet. Before the codes: those of one that is being mailed are ended, too.
END_EMAIL_CHANGES = Run("delete from email_changes where user_id = $1 and changed_at is null")
# Codes sent to a user's phone: to confirm it, and to log in by it.
END_ONE_TIME_CODES = Run(
    """
    delete from one_time_codes where user_id = $1 or user_id is null and purpose = 'phone login'
        and (market, subject) = (select market, phone from users where id = $1)"""
)

END_API_KEYS = Run("update api_keys set revoked_at = now() where user_id = $1 and revoked_at is null")
END_FEEDS = Run("delete from feeds where user_id = $1")
FORGET_KNOWN_DEVICES = Run("update users set devices_forgotten_at = now() where id = $1")
END_DEVICES = Run("delete from devices where session_id = any ($1::uuid[])")
END_UNUSED_UPLOADS = Run(
    """
    update files set deleted_at = now()
    where session_id = any ($1::uuid[]) and entity_id is null and deleted_at is null"""
)

# Each takes the ids of sessions that have ended ($1). Links to files carry their session and need no statement.
OF_SESSIONS: tuple[Run, ...] = (END_DEVICES, END_UNUSED_UPLOADS)
# Each takes the id of a user ($1) whose sessions, all or all but one, have ended.
OF_USER: tuple[Run, ...] = (
    END_FEEDS,
    FORGET_KNOWN_DEVICES,
    END_EMAIL_CHANGES,
    END_ONE_TIME_TOKENS,
    END_ONE_TIME_CODES,
    END_API_KEYS,
)


async def end_of_sessions(db: Connection, session_ids: Sequence[UUID]) -> None:
    """End what these sessions have made."""
    for statement in OF_SESSIONS:
        await statement(db, list(session_ids))


async def end_of_user(db: Connection, user_id: UUID) -> None:
    """End what belongs to no session."""
    for statement in OF_USER:
        await statement(db, user_id)
