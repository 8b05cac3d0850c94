-- Of whom or where users want no notifications, until a moment or (null) for good: people and conversations.
create table mutes (
    user_id uuid not null references users on delete cascade,
    muted_id uuid not null,
    kind text not null check (kind in ('user', 'conversation')),
    until timestamptz,
    created_at timestamptz not null,
    primary key (user_id, muted_id)
);
-- erasure: by whom somebody is muted
create index mutes_muted on mutes (muted_id);
-- tidy: those that are over
create index mutes_until on mutes (until) where until is not null;

-- What users have reported to the operators: a user (user_id), or what she said in a message (its text as it was is `evidence`).
create table reports (
    id uuid primary key,
    market text not null,
    reporter_id uuid not null references users on delete cascade,
    user_id uuid not null references users on delete cascade,
    conversation_id uuid,
    message_id uuid,
    reason text not null,
    text text not null,
    evidence text,
    created_at timestamptz not null
);
-- reports.INSERT: one of each user about each thing
create unique index reports_once on reports (reporter_id, user_id, message_id) nulls not distinct;
-- what is reported of a user
create index reports_user on reports (user_id);

-- Whether a user wants to hear nothing, outside of the conversation itself, of what these people do there.
create or replace function is_quiet(listener uuid, conversation uuid, people uuid[]) returns boolean language sql stable as $$
    select exists (select from blocks b where b.user_id = listener and b.blocked_id = any (people))
        or exists (
            select from mutes m where m.user_id = listener and m.muted_id = any (array_append(people, conversation))
                and (m.until is null or m.until > now())
        )
$$;
