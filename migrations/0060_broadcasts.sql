-- What is told to all clients of a marketplace. Versions have no gaps: see core/broadcasts.py.
create table broadcasts (
    market text not null,
    version bigint not null check (version > 0),
    kind text not null,
    data jsonb not null,
    author text not null, -- an operator
    created_at timestamptz not null,
    primary key (market, version)
);

-- What became of the actions that a client made offline: see core/sync_actions.py.
create table sync_actions (
    user_id uuid not null references users on delete cascade,
    client_id text not null,
    type text not null,
    subject text,
    state text not null check (state in ('done', 'conflict', 'refused', 'skipped')),
    code text not null default '', -- of the error
    at timestamptz not null,
    primary key (user_id, client_id)
);
-- sync_actions.FORGET
create index sync_actions_at on sync_actions (at);
