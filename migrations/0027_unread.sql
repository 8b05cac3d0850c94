-- What does not count as unread, see core/unread.py.
create index messages_gone on messages (conversation_id, seq) where deleted_at is not null or kind = 'system';
