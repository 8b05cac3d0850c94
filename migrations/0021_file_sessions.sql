-- files.END_UNUSED. A file of its own: uploads wait for the index, but nobody who reads files waits for the lock of 0014.
create index files_session on files (session_id) where entity_id is null and deleted_at is null;
