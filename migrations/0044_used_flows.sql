-- Logins by a provider that have come back: each is good for one use.
create table used_flows (
    id uuid primary key,
    expires_at timestamptz not null
);
create index used_flows_expired on used_flows (expires_at);
