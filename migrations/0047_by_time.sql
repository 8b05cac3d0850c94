-- notifications.WRITTEN_SINCE: the ids of these messages hold a bigint and tell no time. No other message is in it.
create index messages_bigint on messages (created_at) where id < '00010000-0000-0000-0000-000000000000';
-- reports.FORGET, likewise
create index reports_created on reports (created_at);
