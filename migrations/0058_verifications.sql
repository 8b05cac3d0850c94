-- Who users are, as a provider or a person has found, see core/verification/requests.py.
create table verifications (
    id uuid primary key,
    market text not null,
    user_id uuid not null references users on delete cascade,
    kind text not null,
    state text not null default 'pending' check (state in ('pending', 'approved', 'rejected', 'expired', 'revoked')),
    person_hash bytea,
    ref text not null default '',
    code text not null default '',
    reason text not null default '',
    claims jsonb not null default '{}',
    decided_by text not null default '',
    created_at timestamptz not null,
    expires_at timestamptz,
    polled_at timestamptz,
    decided_at timestamptz,
    check ((state = 'pending') = (decided_at is null))
);
-- requests.INSERT: one that is open or approved for each user and kind
create unique index verifications_valid on verifications (user_id, kind) where state in ('pending', 'approved');
-- requests.SET: a person is verified for one account
create unique index verifications_person on verifications (market, kind, person_hash) where state = 'approved';
create index verifications_user on verifications (user_id);
create index verifications_ref on verifications (ref) where ref <> '';
create index verifications_open on verifications (expires_at) where state = 'pending';
create index verifications_decided on verifications (decided_at) where state in ('rejected', 'expired', 'revoked');
