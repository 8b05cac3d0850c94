"""Unread messages: those after a member's read position, except deleted ones and notes about the member's own actions."""

from core.platform.db import Scalar

# At most this many uncounted messages are looked up; beyond them, everything counts.
MOST_GONE = 1000
_GONE = "(g.deleted_at is not null or g.kind = 'system' and g.sender_id = {})"


def unread(conversation: str, member: str) -> str:
    """Return the SQL of a member's unread count, given the aliases of the two rows."""
    return f"""case when {conversation}.last_seq > {member}.last_read_seq then
        {conversation}.last_seq - {member}.last_read_seq - (
            select count(*) from (
                select from messages g where g.conversation_id = {conversation}.id and g.seq > {member}.last_read_seq
                    and {_GONE.format(f"{member}.user_id")} limit {MOST_GONE}
            ) gone
        ) else 0 end"""  # noqa: S608 - no input in it


# Messages of conversation $1 that do not count for user $2, after seq $3 up to seq $4.
GONE = Scalar(
    int,
    f"""
    select count(*) from (
        select from messages g where g.conversation_id = $1 and g.seq > $3 and g.seq <= $4 and {_GONE.format("$2")}
        limit {MOST_GONE}
    ) gone""",  # noqa: S608 - no input in it
)
