-- What users upload. The objects are in S3: `key` says where one lies now, `place` where it belongs once it is released.
-- pending: announced; uploaded: in quarantine; released: checked, may be read; rejected: its object is gone.
create table files (
    id uuid primary key,
    market text not null,
    owner_id uuid not null references users,
    purpose text not null,
    key text not null,
    place text unique,
    file_name text not null,
    mime_type text not null,
    size bigint not null,
    status text not null default 'pending' check (status in ('pending', 'uploaded', 'released', 'rejected')),
    entity_id uuid,
    reject_reason text,
    width int,
    height int,
    thumbnail_key text,
    created_at timestamptz not null,
    uploaded_at timestamptz,
    released_at timestamptz,
    deleted_at timestamptz
);
-- files.OF_ENTITIES, files.DETACH
create index files_entity on files (entity_id, id) where deleted_at is null;
-- files.LEFTOVER
create index files_leftover on files (created_at) where entity_id is null or deleted_at is not null;
-- files.UNCHECKED
create index files_unchecked on files (uploaded_at) where status = 'uploaded' and deleted_at is null;
-- what a user has uploaded
create index files_owner on files (owner_id);
