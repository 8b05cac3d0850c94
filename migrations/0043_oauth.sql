-- Logins by Google, Apple and Facebook, see core/accounts/oauth.
create table oauth_accounts (
    id uuid primary key,
    market text not null,
    provider text not null,
    subject text not null,
    user_id uuid not null references users on delete cascade,
    linked_at timestamptz not null,
    last_used_at timestamptz,
    unique (market, provider, subject),
    unique (user_id, provider)
);
