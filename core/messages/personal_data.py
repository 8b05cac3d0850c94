"""The personal data in messages, their earlier texts, mentions and reactions."""

from core.chat.conversations import LEFT_BY_ALL
from core.chat.notes import MEMBERS_HAVE_CHANGED
from core.platform.db import Run
from core.text.wording import said
from core.work.personal_data import PersonalData, rows_of

PERSONAL_DATA = (
    PersonalData(
        "messages",
        frozenset({"messages"}),
        rows_of(
            f"""
            select m.id, m.conversation_id, m.seq, m.kind, {said("m")} as body,
                case when not starts_with(m.client_id, e'\\x1f') then m.client_id end as client_id,
                m.reply_to, m.created_at, m.edited_at, m.deleted_at
            from members c join messages m on m.conversation_id = c.conversation_id and m.sender_id = c.user_id
            where c.user_id = $1 order by m.id"""  # noqa: S608 - no input in it
        ),
        later=(
            Run(
                f"""
                update messages set body = '' where (conversation_id, seq) in (
                    select m.conversation_id, m.seq from {LEFT_BY_ALL} join messages m on m.conversation_id = c.id
                    join users s on s.id = m.sender_id and s.deleted_at is not null
                    where m.kind = 'text' and m.body <> ''
                    order by m.conversation_id, m.seq limit $2 for update of m skip locked
                )"""  # noqa: S608 - no input in it
            ),
            Run(
                """
                update messages set client_id = null where (conversation_id, seq) in (
                    select m.conversation_id, m.seq from members c
                    join messages m on m.conversation_id = c.conversation_id and m.sender_id = c.user_id
                    where c.user_id = $1 and m.client_id is not null
                    order by m.conversation_id, m.seq limit $2 for update of m skip locked
                )"""
            ),
            # System messages written by the previous version contain the names of users who join and leave.
            Run(
                f"""
                update messages set body = '{MEMBERS_HAVE_CHANGED}' where (conversation_id, seq) in (
                    select m.conversation_id, m.seq from members c join messages m on m.conversation_id = c.conversation_id
                    where c.user_id = $1 and m.kind = 'system' and m.wording is null and m.body <> '{MEMBERS_HAVE_CHANGED}'
                    order by m.conversation_id, m.seq limit $2 for update of m skip locked
                )"""  # noqa: S608 - no input in it
            ),
        ),
        kept="What she wrote to others is theirs too; it stays, without her name, as long as anybody can read it.",
    ),
    PersonalData(
        "earlier texts",
        frozenset({"message_edits"}),
        rows_of(
            """
            select e.conversation_id, e.seq, e.version, placed(e.body, 'messages.body ' || m.id) as body, e.replaced_at
            from members c join message_edits e on e.conversation_id = c.conversation_id
            join messages m on m.conversation_id = e.conversation_id and m.seq = e.seq and m.sender_id = c.user_id
            where c.user_id = $1 order by e.replaced_at"""
        ),
        later=(
            Run(
                """
                delete from message_edits where (conversation_id, seq, version) in (
                    select e.conversation_id, e.seq, e.version
                    from members c join message_edits e on e.conversation_id = c.conversation_id
                    join messages m on m.conversation_id = e.conversation_id and m.seq = e.seq and m.sender_id = c.user_id
                    where c.user_id = $1 limit $2
                )"""
            ),
        ),
    ),
    PersonalData(
        "mentions",
        frozenset({"mentions"}),
        rows_of(
            """
            select t.conversation_id, t.seq from members c
            join mentions t on t.conversation_id = c.conversation_id and t.user_id = c.user_id
            where c.user_id = $1 order by t.conversation_id, t.seq"""
        ),
        later=(
            Run(
                """
                delete from mentions where (conversation_id, seq, user_id) in (
                    select t.conversation_id, t.seq, t.user_id from members c
                    join mentions t on t.conversation_id = c.conversation_id and t.user_id = c.user_id
                    where c.user_id = $1 limit $2
                )"""
            ),
        ),
    ),
    PersonalData(
        "reactions",
        frozenset({"reactions"}),
        rows_of(
            """
            select r.conversation_id, r.seq, r.emoji, r.created_at from members c
            join reactions r on r.conversation_id = c.conversation_id and r.user_id = c.user_id
            where c.user_id = $1 order by r.created_at"""
        ),
        kept="As messages.",
    ),
)
