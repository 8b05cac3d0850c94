-- inspection.USERS_BY_NAME
create index users_name on users (lower(name) text_pattern_ops) where deleted_at is null;
