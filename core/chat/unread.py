"""What is unread: what came after a member's read position, but for deleted messages and notes about what she did herself."""

from core.platform.db import Scalar

# So many that do not count are looked up at most; of what is beyond them, all counts.
MOST_GONE = 1000
_GONE = "(g.deleted_at is not null or g.kind = 'system' and g.sender_id = {})"


def unread(conversation: str, member: str) -> str:
    """Return the SQL of how many messages a member has not read, from the aliases of the two rows."""
    return f"""case when {conversation}.last_seq > {member}.last_read_seq then
        {conversation}.last_seq - {member}.last_read_seq - (
            select count(*) from (
                select from messages g where g.conversation_id = {conversation}.id and g.seq > {member}.last_read_seq
                    and {_GONE.format(f"{member}.user_id")} limit {MOST_GONE}
            ) gone
        ) else 0 end"""  # noqa: S608 - no input in it


# Of conversation $1, what does not count for user $2 after seq $3 up to seq $4.
GONE = Scalar(
    int,
    f"""
    select count(*) from (
        select from messages g where g.conversation_id = $1 and g.seq > $3 and g.seq <= $4 and {_GONE.format("$2")}
        limit {MOST_GONE}
    ) gone""",  # noqa: S608 - no input in it
)
