-- Core tables. Ids are UUIDv7 made by the application; times are UTC.

create table users (
    id uuid primary key,
    market text not null,
    email text not null,
    password_hash text not null,
    name text not null,
    role text not null,
    avatar_url text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_seen_at timestamptz,
    deleted_at timestamptz
);
-- identity.USER_BY_EMAIL; and one account per address
create unique index users_email on users (market, lower(email)) where deleted_at is null;

-- A login. Its refresh tokens are one family: a reuse ends the session.
create table sessions (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    user_agent text not null default '',
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    end_reason text
);
-- identity.END_ALL_SESSIONS
create index sessions_live on sessions (user_id) where ended_at is null;

create table refresh_tokens (
    id uuid primary key,
    session_id uuid not null references sessions on delete cascade,
    issued_at timestamptz not null,
    used_at timestamptz,
    successor_id uuid
);
-- the cascade from sessions
create index refresh_tokens_session on refresh_tokens (session_id);

-- What is mailed is never stored, only its SHA-256.
create table one_time_tokens (
    hash bytea primary key,
    user_id uuid not null references users on delete cascade,
    purpose text not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
-- identity.VOID_ONE_TIME_TOKENS
create index one_time_tokens_user on one_time_tokens (user_id, purpose) where used_at is null;

-- last_seq: the place of the newest message. version: counts every change in the conversation, changed_at: when the last one was.
-- The fill factor keeps the updates of each send on their page (HOT), so no column that a send changes is indexed.
create table conversations (
    id uuid primary key,
    market text not null,
    kind text not null check (kind in ('pair', 'group')),
    pair_key text,
    title text,
    created_by uuid,
    last_seq bigint not null default 0,
    version bigint not null default 0,
    last_message_at timestamptz,
    changed_at timestamptz not null default now(),
    created_at timestamptz not null default now()
) with (fillfactor = 50);
-- conversations.CREATE_PAIR
create unique index conversations_pair on conversations (market, pair_key) where pair_key is not null;

create table members (
    conversation_id uuid not null references conversations on delete cascade,
    user_id uuid not null references users on delete cascade,
    role text not null default 'member' check (role in ('owner', 'member')),
    last_read_seq bigint not null default 0,
    last_read_at timestamptz,
    joined_at timestamptz not null default now(),
    left_at timestamptz,
    primary key (conversation_id, user_id)
) with (fillfactor = 50);
-- conversations.LIST_OF_USER, rooms.CIRCLES, sync.CHANGED
create index members_user on members (user_id);

-- The log. No foreign keys: append_messages holds the conversation's row and has seen the sender's membership,
-- and a trigger per row and key would cost as much as the insert.
create table messages (
    conversation_id uuid not null,
    seq bigint not null,
    version bigint not null,
    changed_at timestamptz not null,
    id uuid not null,
    sender_id uuid not null,
    client_id text,
    kind text not null default 'text' check (kind in ('text', 'system')),
    body text not null,
    reply_to uuid,
    created_at timestamptz not null,
    edited_at timestamptz,
    deleted_at timestamptz,
    primary key (conversation_id, seq)
);
-- messages.BY_ID and the reply_to, read positions and `before` cursors that name a message
create unique index messages_id on messages (id);
-- messages.CHANGES: give me all with version > v; within a conversation changed_at grows with the version
create index messages_version on messages (conversation_id, version);
-- append_messages: a send repeated with its client id is found, at any later time
create unique index messages_repeat on messages (conversation_id, sender_id, client_id) where client_id is not null;

-- Earlier texts of edited and deleted messages, for moderators.
create table message_edits (
    conversation_id uuid not null,
    seq bigint not null,
    version bigint not null,
    body text not null,
    replaced_by uuid not null,
    replaced_at timestamptz not null default now(),
    primary key (conversation_id, seq, version)
);

create table reactions (
    conversation_id uuid not null,
    seq bigint not null,
    emoji text not null,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    primary key (conversation_id, seq, emoji, user_id)
);

create table mentions (
    conversation_id uuid not null,
    seq bigint not null,
    user_id uuid not null references users on delete cascade,
    primary key (conversation_id, seq, user_id)
);

-- fold_key and fold_seq: one unread notification per thing (say, a conversation), told up to this seq.
create table notifications (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    type text not null,
    title text not null,
    message text not null,
    entity_type text,
    entity_id uuid,
    fold_key uuid,
    fold_seq bigint not null default 0,
    created_at timestamptz not null default now(),
    read_at timestamptz
);
-- notifications.LIST_OF_USER
create index notifications_user on notifications (user_id, created_at desc);
-- notifications.FOLD_MESSAGES
create unique index notifications_fold on notifications (user_id, type, fold_key) where read_at is null and fold_key is not null;
-- notifications.FOLD_MESSAGES: has this seq been told before?
create index notifications_told on notifications (user_id, fold_key, fold_seq) where fold_key is not null;

-- Appends messages to their conversations: the only statement that does.
--
-- Arrays are parallel, one element per message, in the order of arrival. Conversation rows are locked in id order, so two hubs
-- never deadlock and a later statement of this function sees all that earlier holders of the locks committed. Then: a repeat
-- (same conversation, sender and client id) gets the first answer; a sender who is not a member, or a reply to a message that is
-- not there, is refused by an error code; the rest are numbered densely. The sender has read what she wrote.
-- Repeats within one call are the caller's to hold back.
create function append_messages(
    ids uuid[], conversation_ids uuid[], sender_ids uuid[], client_ids text[], bodies text[], replies uuid[],
    mention_places int[], mention_users uuid[]
) returns table (
    place bigint, message_id uuid, message_seq bigint, message_version bigint, sent_at timestamptz, repeated boolean, refusal text
)
language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
    moment timestamptz;
begin
    perform 1 from conversations c where c.id = any (conversation_ids) order by c.id for update;
    moment := clock_timestamp();
    return query
    with incoming as (
        select u.*,
            case
                when not exists (
                    select from members s
                    where s.conversation_id = u.conversation_id and s.user_id = u.sender_id and s.left_at is null
                ) then 'NOT_A_MEMBER'
                when u.reply_to is not null and not exists (
                    select from messages t where t.id = u.reply_to and t.conversation_id = u.conversation_id
                ) then 'MESSAGE_NOT_FOUND'
            end as refusal
        from unnest(ids, conversation_ids, sender_ids, client_ids, bodies, replies)
            with ordinality as u (id, conversation_id, sender_id, client_id, body, reply_to, place)
    ),
    repeats as (
        select i.place, m.id, m.seq, m.version, m.created_at
        from incoming i join messages m using (conversation_id, sender_id, client_id)
    ),
    fresh as (
        select i.*, c.last_seq + row_number() over numbered as seq, c.version + row_number() over numbered as version
        from incoming i join conversations c on c.id = i.conversation_id
        where i.refusal is null and i.place not in (select r.place from repeats r)
        window numbered as (partition by i.conversation_id order by i.place)
    ),
    stored as (
        insert into messages (conversation_id, seq, version, changed_at, id, sender_id, client_id, body, reply_to, created_at)
        select f.conversation_id, f.seq, f.version, moment, f.id, f.sender_id, f.client_id, f.body, f.reply_to, moment from fresh f
    ),
    counted as (
        update conversations c set last_seq = f.seq, version = f.version, last_message_at = moment, changed_at = moment
        from (select g.conversation_id, max(g.seq) as seq, max(g.version) as version from fresh g group by 1) f
        where c.id = f.conversation_id
    ),
    self_read as (
        update members s set last_read_seq = f.seq, last_read_at = moment
        from (select g.conversation_id, g.sender_id, max(g.seq) as seq from fresh g group by 1, 2) f
        where s.conversation_id = f.conversation_id and s.user_id = f.sender_id
    ),
    mentioned as (
        insert into mentions (conversation_id, seq, user_id)
        select distinct f.conversation_id, f.seq, u.user_id
        from unnest(mention_places, mention_users) as u (place, user_id)
        join fresh f on f.place = u.place
        join members s on s.conversation_id = f.conversation_id and s.user_id = u.user_id and s.left_at is null
    )
    select i.place,
        coalesce(r.id, f.id), coalesce(r.seq, f.seq), coalesce(r.version, f.version), coalesce(r.created_at, moment), r.id is not null,
        case when r.id is null then i.refusal end
    from incoming i left join repeats r using (place) left join fresh f using (place)
    order by i.place;
end $$;
