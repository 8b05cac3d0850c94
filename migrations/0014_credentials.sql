-- What opens something ends with the login that made it, and the table of feeds opens nothing to a thief.

-- Addresses that calendars have go on; only their hashes are kept. The version before, which knows tokens only, answers 401 to
-- calendars for as long as it runs beside this one, and renews no addresses: what it stored would be no hash.
alter table feeds alter column token drop not null;
alter table feeds add column hash bytea unique;
alter table feeds add column nonce bytea;
update feeds set hash = sha256(convert_to(token, 'UTF8')), token = null;
alter table feeds alter column hash set not null;

-- Last, so that no upload waits for the above. The login that announced a file. Null: one of the version before.
alter table files add column session_id uuid;
-- files.END_UNUSED
create index files_session on files (session_id) where entity_id is null and deleted_at is null;
