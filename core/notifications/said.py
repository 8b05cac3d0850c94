"""The text of a notification, determined when it is read, mailed or pushed.

A notification of new messages stores no text: it shows the current content of its conversation, so it follows edits, and
disappears with its messages or with the user's membership. Messages that the user has muted or blocked (core/chat/mutes.py)
are skipped. The same applies to a notification of an edit that mentioned its user after they had read the message: it shows
that message, and counts as read when the user reads on or marks it.
"""

from core.text.wording import PREVIEW, said, shown

# How far back to search for the newest remaining message.
MOST_DELETED = 1000

# Whether the user has read up to (folded) or since (mentioned by an edit) the message of notification `n`; `s`: the membership.
HAS_READ = """case
            when n.fold_key is not null then coalesce(s.last_read_seq >= n.fold_seq, true)
            when n.mention_key is not null then s.user_id is null or coalesce(s.last_read_at > n.created_at, false)
            else false
        end"""
# For a row `n` of notifications: `f` is the message of a folded one, if any is left, and `r` says whether it is read, so
# that reading a conversation writes no notification. One that was read shows the message that it ended with.
SAID = f"""
    left join members s
        on s.conversation_id = coalesce(n.fold_key, n.mention_key) and s.user_id = n.user_id and s.left_at is null
    cross join lateral (select n.read_at is not null or {HAS_READ} as is_read) r
    left join lateral (
        select m.id,
            case when m.kind = 'system' then '' else w.name || ': ' end || {said("m", PREVIEW)} as message
        from messages m join users w on w.id = m.sender_id
        where s.user_id is not null and m.conversation_id = s.conversation_id and m.seq <= n.fold_seq and m.deleted_at is null
            and m.sender_id <> n.user_id
            and not is_quiet(n.user_id, s.conversation_id, '{{}}') and not is_quiet(n.user_id, null, array[m.sender_id])
            and m.seq > case
                when r.is_read or n.mention_key is not null then n.fold_seq - 1
                else greatest(s.last_read_seq, n.fold_seq - {MOST_DELETED})
            end
        order by m.seq desc limit 1
    ) f on true"""  # noqa: S608 - no input in it
_OF_MESSAGES = "coalesce(n.fold_key, n.mention_key) is not null"
IS_LEFT = f"(not {_OF_MESSAGES} or f.id is not null)"
MESSAGE = (
    f"case when {_OF_MESSAGES} then coalesce(f.message, 'New message') else {shown('n', 'message')} end as message"
)
ENTITY_ID = f"case when {_OF_MESSAGES} then f.id else n.entity_id end as entity_id"
