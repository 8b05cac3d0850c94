-- Short codes that people type, see core/accounts/one_time/codes.py.
create table one_time_codes (
    market text not null,
    purpose text not null,
    subject text not null,
    user_id uuid references users on delete cascade,
    hash bytea not null,
    tries int not null default 0,
    expires_at timestamptz not null,
    unique nulls not distinct (market, purpose, subject, user_id)
);
create index one_time_codes_user on one_time_codes (user_id) where user_id is not null;
create index one_time_codes_expires on one_time_codes (expires_at);
