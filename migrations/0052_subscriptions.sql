-- Subscriptions and what they entitle to, see core/payments/subscriptions.py.

-- version: counts what was stored of it, so that an older answer of the provider does not replace a newer one. canceling: what its
-- user wants, until the provider has done it.
create table payment_subscriptions (
    id uuid primary key,
    market text not null,
    user_id uuid not null references users,
    plan text not null,
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    provider text not null,
    ref text,
    pay_url text not null default '',
    state text not null default 'created' check (
        state in ('created', 'incomplete', 'active', 'past_due', 'canceled', 'ended')
    ),
    period_end timestamptz,
    canceling text not null default '' check (canceling in ('', 'at_end', 'now')),
    version int not null default 0,
    tries int not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check_at timestamptz,
    checks int not null default 0,
    unique (provider, ref)
);
create unique index payment_subscriptions_live on payment_subscriptions (market, user_id, plan) where state <> 'ended';
create index payment_subscriptions_user on payment_subscriptions (user_id, id);
create index payment_subscriptions_check on payment_subscriptions (check_at) where check_at is not null;

-- What a user may do or use until a time (null: for good). source: the subscription that grants it, or a grant by hand.
create table entitlements (
    user_id uuid not null references users on delete cascade,
    market text not null,
    name text not null,
    source uuid not null,
    expires_at timestamptz,
    primary key (user_id, market, name, source)
);
create index entitlements_expired on entitlements (expires_at) where expires_at is not null;
