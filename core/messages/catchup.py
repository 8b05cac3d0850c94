"""Queries for clients and hubs that catch up on many conversations: changes since a version, and the newest messages."""

import msgspec

from core.messages.rows import SHOWN, PlacedMessageRow, SizedMessageRow
from core.platform.db import Many


class Place(msgspec.Struct, frozen=True):
    seq: int
    version: int


# Changes in conversations $1 after versions $2 up to versions $3, at most $4 each; `place` is the index of the conversation.
CHANGES = Many(
    PlacedMessageRow,
    f"""
    select n.*, c.place from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as c (id, since, until, place)
    cross join lateral (
        {SHOWN} where m.conversation_id = c.id and m.version > c.since and m.version <= c.until order by m.version limit $4
    ) n order by c.place, n.version""",  # noqa: S608 - no input in it
)
_OCTETS = "octet_length({0}.content) + octet_length({0}.reactions::text)"


def _begun_within(octets: str, order: str, page: str) -> str:
    """Return the SQL of the messages of a page that start within its first `octets`."""
    return f"""
        select * from (select q.*, sum({_OCTETS.format("q")}) over (order by {order}) as octets from ({page}) q) s
        where s.octets - ({_OCTETS.format("s")}) <= {octets}"""  # noqa: S608 - no input in it


# The same, at most $5 octets each; the message that crosses the limit is included.
CHANGES_WITHIN = Many(
    SizedMessageRow,
    f"""
    select n.*, c.place from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as c (id, since, until, place)
    cross join lateral ({
        _begun_within(
            "$5",
            "q.version",
            f'''
        {SHOWN} where m.conversation_id = c.id and m.version > c.since and m.version <= c.until order by m.version limit $4
    ''',
        )
    }) n order by c.place, n.version""",  # noqa: S608 - no input in it
)
# The last $3 messages of conversations $1 up to seqs $2, oldest first, within $4 octets in the same way.
NEWEST = Many(
    SizedMessageRow,
    f"""
    select n.*, c.place from unnest($1::uuid[], $2::bigint[], $3::int[]) with ordinality as c (id, until, count, place)
    cross join lateral ({
        _begun_within(
            "$4",
            "q.seq desc",
            f'''
        {SHOWN} where m.conversation_id = c.id and m.seq <= c.until order by m.seq desc limit c.count
    ''',
        )
    }) n order by c.place, n.seq""",  # noqa: S608 - no input in it
)
# The versions of conversations $1 at times $2.
STOOD_AT = Many(
    Place,
    """
    select
        coalesce((
            select m.seq from messages m where m.conversation_id = c.id and m.created_at < c.moment
            order by m.seq desc limit 1
        ), 0) as seq,
        coalesce((
            select m.version from messages m where m.conversation_id = c.id and m.changed_at < c.moment
            order by m.version desc limit 1
        ), 0) as version
    from unnest($1::uuid[], $2::timestamptz[]) with ordinality as c (id, moment, place) order by c.place""",
)
