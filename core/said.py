"""What a notification says, found when it is read, mailed or pushed.

One of new messages stores no text: it says what its conversation holds now, so it follows edits, and is gone with what it told of
or with the membership of its user. Messages that are quiet for the user (core/mutes.py) are passed over.
"""

from core.wording import PREVIEW, shown

# How far back the newest message that is left is looked for.
MOST_DELETED = 1000

# Of a row `n` of notifications: `f` is the message that a folded one tells of, if one is left, and `r` says whether it is read:
# so reading a conversation writes no notification. One that was read tells of the message that it ended with.
SAID = f"""
    left join members s on s.conversation_id = n.fold_key and s.user_id = n.user_id and s.left_at is null
    cross join lateral (
        select n.read_at is not null or n.fold_key is not null and coalesce(s.last_read_seq >= n.fold_seq, true) as is_read
    ) r
    left join lateral (
        select m.id,
            case when m.kind = 'system' then '' else w.name || ': ' end || left({shown("m", "body")}, {PREVIEW}) as message
        from messages m join users w on w.id = m.sender_id
        where s.user_id is not null and m.conversation_id = n.fold_key and m.seq <= n.fold_seq and m.deleted_at is null
            and m.sender_id <> n.user_id
            and not is_quiet(n.user_id, n.fold_key, '{{}}') and not is_quiet(n.user_id, null, array[m.sender_id])
            and m.seq > case when r.is_read then n.fold_seq - 1 else greatest(s.last_read_seq, n.fold_seq - {MOST_DELETED}) end
        order by m.seq desc limit 1
    ) f on true"""  # noqa: S608 - no input in it
IS_LEFT = "(n.fold_key is null or f.id is not null)"
MESSAGE = (
    f"case when n.fold_key is null then {shown('n', 'message')} else coalesce(f.message, 'New message') end as message"
)
ENTITY_ID = "case when n.fold_key is null then n.entity_id else f.id end as entity_id"
