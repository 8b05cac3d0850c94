-- Webhooks: endpoints of users, and what is delivered to them.
create table webhook_endpoints (
    id uuid primary key,
    market text not null,
    user_id uuid not null references users on delete cascade,
    url text not null,
    events text[] not null,
    hears_all boolean not null, -- its user's role is one that is told of the whole marketplace
    secret text not null, -- as core/webhooks/signing.py stores it
    former_secret text, -- signs, too, until former_until
    former_until timestamptz,
    created_at timestamptz not null,
    failing_since timestamptz, -- nothing has been delivered since
    paused_until timestamptz, -- after a failure
    leased_until timestamptz, -- by the worker that delivers to it; in the past: when that was last done
    disabled_at timestamptz,
    disabled_for text check (disabled_for in ('gone', 'failing', 'owner')),
    check ((disabled_at is null) = (disabled_for is null)),
    check ((former_secret is null) = (former_until is null))
);
create index webhook_endpoints_user on webhook_endpoints (user_id);
create index webhook_endpoints_hearing_all on webhook_endpoints (market) where hears_all;

create table webhook_deliveries (
    id uuid primary key,
    endpoint_id uuid not null references webhook_endpoints on delete cascade,
    event text not null,
    data jsonb not null,
    created_at timestamptz not null,
    status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
    tries int not null default 0, -- since it was last asked for
    due_at timestamptz,
    attempts jsonb not null default '[]', -- the latest
    check ((status = 'pending') = (due_at is not null))
);
-- deliveries.TAKE, deliveries.DUE
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, due_at) where due_at is not null;
-- deliveries.PAGE
create index webhook_deliveries_page on webhook_deliveries (endpoint_id, created_at desc, id desc);
-- deliveries.FORGET
create index webhook_deliveries_created on webhook_deliveries (created_at);
