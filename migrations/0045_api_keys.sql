-- Keys of programs, see core/accounts/api_keys.py.
create table api_keys (
    id uuid primary key,
    market text not null,
    user_id uuid not null references users on delete cascade,
    name text not null,
    prefix text not null unique,
    hash bytea not null,
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    successor_id uuid
);
create index api_keys_user on api_keys (user_id);
create index api_keys_expired on api_keys (least(expires_at, revoked_at));
