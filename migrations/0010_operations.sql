-- Jobs that failed in all their tries. `arguments` are JSON; null if they held a secret.
create table dead_jobs (
    id uuid primary key,
    name text not null,
    arguments text,
    error text not null,
    tries int not null,
    request_id text not null default '',
    failed_at timestamptz not null,
    retried_at timestamptz
);
-- dead_jobs.ALL, dead_jobs.FORGET
create index dead_jobs_failed on dead_jobs (failed_at);

-- tidy: what has expired
create index sessions_ended on sessions (ended_at) where ended_at is not null;
create index refresh_tokens_issued on refresh_tokens (issued_at);
create index one_time_tokens_expires on one_time_tokens (expires_at);

-- In the list or not (a user may want a type by mail only), and when it went out by mail and to devices; a folded one is
-- pushed again when it changes, but mailed once.
alter table notifications
    add column in_app boolean not null default true, add column mailed_at timestamptz, add column pushed_at timestamptz;

-- What a user has chosen otherwise than the notice; null: as the notice has it.
create table notification_preferences (
    user_id uuid not null references users on delete cascade,
    type text not null,
    in_app boolean,
    email boolean,
    push boolean,
    primary key (user_id, type)
);

-- Where an app is installed. It gets pushes for as long as the session that registered it lives.
create table devices (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    session_id uuid not null references sessions on delete cascade,
    platform text not null check (platform in ('fcm', 'apns', 'webpush')),
    token text not null,
    created_at timestamptz not null,
    unique (platform, token)
);
-- devices.OF_USER, deliveries.CLAIM
create index devices_user on devices (user_id);
-- the cascade from sessions
create index devices_session on devices (session_id);
