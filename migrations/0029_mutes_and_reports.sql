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

-- Whether a user wants to hear nothing, outside of the conversation itself, of what these people do there.
create or replace function is_quiet(listener uuid, conversation uuid, people uuid[]) returns boolean language sql stable as $$
    select exists (select from blocks b where b.user_id = listener and b.blocked_id = any (people))
        or exists (
            select from mutes m where m.user_id = listener and m.muted_id = any (array_append(people, conversation))
                and (m.until is null or m.until > now())
        )
$$;
