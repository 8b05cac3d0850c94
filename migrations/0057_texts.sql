-- Texts that were sent, and what became of them, see core/texting/sent.py.
create table texts_sent (
    id uuid primary key,
    market text not null,
    user_id uuid references users on delete cascade,
    channel text not null check (channel in ('sms', 'whatsapp')),
    number_hash text not null,
    country int not null,
    template text not null,
    parts int not null,
    state text not null default 'queued' check (state in ('queued', 'accepted', 'sent', 'failed', 'delivered', 'read')),
    provider_id text,
    error_code int,
    category text not null default '',
    created_at timestamptz not null,
    changed_at timestamptz,
    claimed_until timestamptz not null
);
create index texts_sent_user on texts_sent (user_id) where user_id is not null;
create index texts_sent_provider on texts_sent (provider_id) where provider_id is not null;
create index texts_sent_created on texts_sent (created_at);
