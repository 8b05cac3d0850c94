-- What a transaction wants told, until it has been told.
create table outbox (
    id uuid primary key,
    effects text not null,
    created_at timestamptz not null
);
-- outbox.OVERDUE_EFFECTS
create index outbox_created on outbox (created_at);

-- The answers of calls that may be repeated; without a status while the call is running.
create table idempotency_keys (
    user_id uuid not null references users on delete cascade,
    key text not null,
    fingerprint bytea not null,
    status int not null default 0,
    body bytea not null default '',
    etag text not null default '',
    created_at timestamptz not null,
    primary key (user_id, key)
);
-- idempotency.FORGET
create index idempotency_keys_created on idempotency_keys (created_at);

-- No foreign keys: what is written here outlives what it is about.
create table audit_log (
    id uuid primary key,
    market text not null,
    actor_id uuid,
    action text not null,
    entity_id uuid,
    facts jsonb not null default '{}',
    request_id text not null default '',
    remote text not null default '',
    recorded_at timestamptz not null
);
-- what happened to an entity, what a user did
create index audit_log_entity on audit_log (entity_id, recorded_at);
create index audit_log_actor on audit_log (actor_id, recorded_at);
