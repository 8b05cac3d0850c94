-- The whole schema as it is now. The way here is in migrations/; a test holds the two equal.

-- Core tables. Ids are UUIDv7 made by the application; times are UTC.

-- Similarity of texts (contrib).
create extension if not exists pg_trgm;

\ir core/search/schema.sql

-- Ids that hold a bigint, for marketplaces whose clients know ids as such: their sequence is `ids` in their schema. The same as
-- BigintIds in core/base/ids.py.
create function bigint_id(market text, id bigint) returns uuid
language sql immutable strict parallel safe as $$
    select ('0000' || encode(substring(sha256(convert_to(market, 'UTF8')) for 6), 'hex') || lpad(to_hex(id), 16, '0'))::uuid
$$;

-- The next of them; null: the ids of this marketplace are UUIDv7.
create function next_bigint_id(market text) returns uuid
language sql volatile strict as $$
    select bigint_id(market, nextval(to_regclass(quote_ident(market) || '.ids')))
$$;

-- email or phone (E.164) is null where somebody has none. What no password fits is in password_hash where there is no password.
-- status_until: when a suspension ends by itself; null: when somebody ends it.
create table users (
    id uuid primary key,
    market text not null,
    email text,
    password_hash text not null,
    name text not null,
    role text not null,
    avatar_url text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_seen_at timestamptz,
    deleted_at timestamptz,
    email_verified_at timestamptz,
    devices_forgotten_at timestamptz,
    status text not null default 'active' check (status in ('active', 'pending', 'suspended', 'banned')),
    status_until timestamptz check (status_until is null or status = 'suspended'),
    phone text,
    phone_verified_at timestamptz
);
-- identity.USER_BY_EMAIL; and one account per address, in the form of core/accounts/emails.py
create unique index users_email_canonical on users (market, lower(email collate "C")) where deleted_at is null;
-- phones.accounts.BY_PHONE; and one account per number
create unique index users_phone on users (market, phone) where phone is not null and deleted_at is null;
-- For the version before 0013, which names it.
create unique index users_email on users (market, lower(email)) where deleted_at is null;
-- For the version before 0036, whose operators find users by it.
create index users_name on users (lower(name) text_pattern_ops) where deleted_at is null;
-- erasure.ERASED_SINCE
create index users_deleted on users (deleted_at) where deleted_at is not null;

-- What operators find users by: words of their names and e-mail addresses, in the form of core/search. Kept by a trigger; those who are
-- deleted have no row.
create table user_search (
    user_id uuid primary key references users on delete cascade,
    words tsvector not null
);
-- find_users
create index user_search_words on user_search using gin (words);

create function index_user() returns trigger language plpgsql as $$
begin
    if new.deleted_at is null then
        insert into user_search (user_id, words)
        values (new.id, search_name(new.name) || search_name(coalesce(new.email, '')))
        on conflict (user_id) do update set words = excluded.words;
    else
        delete from user_search where user_id = new.id;
    end if;
    return null;
end $$;
create trigger index_user after insert or update of name, email, deleted_at on users
    for each row execute function index_user();

-- Finds users for operators, so many at most: by all words of `query`, or their beginnings, and if that finds nobody, with typing
-- errors. Planned anew for each call, and by the index: the planner cannot tell how rare the beginning of a word is.
create function find_users(query text, most int) returns table (id uuid)
language plpgsql stable
set plan_cache_mode = force_custom_plan set enable_seqscan = off as $$
declare
    asked record;
begin
    select * into asked from search_query(query);
    return query select s.user_id from user_search s where s.words @@ asked.normal limit most;
    if not found then
        return query select s.user_id from user_search s where s.words @@ asked.near limit most;
    end if;
end $$;

-- A login. Its refresh tokens are one family: a reuse ends the session.
create table sessions (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    user_agent text not null default '',
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    end_reason text,
    remote text not null default ''
);
-- sessions.END_OF_USER
create index sessions_live on sessions (user_id) where ended_at is null;
-- identity.IS_FAMILIAR
create index sessions_familiar on sessions (user_id, remote);

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
-- one_time.tokens.VOID
create index one_time_tokens_user on one_time_tokens (user_id, purpose) where used_at is null;
-- export and erasure: the used ones too
create index one_time_tokens_owner on one_time_tokens (user_id);

-- Short codes that people type, of which only a keyed hash is stored: one for each purpose, subject (a phone number) and user. user_id
-- is null where a code is for whoever has the number. tries: how many codes were typed; after a few it is of no use.
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
-- export and erasure; the cascade from users
create index one_time_codes_user on one_time_codes (user_id) where user_id is not null;
-- tidy
create index one_time_codes_expires on one_time_codes (expires_at);

-- A change of e-mail, of which a user has one pending at a time. Its codes are in one_time_tokens. Once done (changed_at) it is kept for
-- the mail to the old address. session_id: the login that asked for it, which goes on after it.
create table email_changes (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    session_id uuid not null,
    old_email text not null,
    new_email text not null,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    old_confirmed_at timestamptz,
    new_confirmed_at timestamptz,
    changed_at timestamptz
);
-- email_changes.CONFIRM, credentials.END_EMAIL_CHANGES; and one at a time
create unique index email_changes_pending on email_changes (user_id) where changed_at is null;
-- export and erasure: those that were done, too
create index email_changes_user on email_changes (user_id);
-- tidy
create index email_changes_expired on email_changes (expires_at);

-- Whom a provider of logins (Google, Apple, Facebook) knows as `subject`. None of the provider's tokens is kept.
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

-- Logins by a provider that have come back, until they would have expired: each is good for one use.
create table used_flows (
    id uuid primary key,
    expires_at timestamptz not null
);
-- tidy
create index used_flows_expired on used_flows (expires_at);

-- Keys of programs. Shown once, stored as a SHA-256, found by their prefix. successor_id: the key that it was rotated to.
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
-- api_keys.LIST_OF_USER, credentials.END_API_KEYS
create index api_keys_user on api_keys (user_id);
-- tidy
create index api_keys_expired on api_keys (least(expires_at, revoked_at));

-- last_seq: the place of the newest message. version: counts every change in the conversation, changed_at: when the last one was.
-- A conversation with a subject (OnSwift: a project) has the people of that as its members: nobody else adds or removes them.
-- closed_at: its subject is gone. It can be read, and nothing is said in it any more.
-- is_blocked: of two people, one of them has blocked the other; likewise, for as long as that lasts.
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
    created_at timestamptz not null default now(),
    subject_type text,
    subject_id uuid,
    closed_at timestamptz,
    is_blocked boolean not null default false
) with (fillfactor = 50);
-- conversations.CREATE_PAIR
create unique index conversations_pair on conversations (market, pair_key) where pair_key is not null;
-- subjects.CREATE, subjects.CONVERSATION: one for each
create unique index conversations_subject on conversations (market, subject_type, subject_id) where subject_id is not null;

-- took_part: she has made the conversation, accepted an invitation to it or written in it, and was not only put into it.
create table members (
    conversation_id uuid not null references conversations on delete cascade,
    user_id uuid not null references users on delete cascade,
    role text not null default 'member' check (role in ('owner', 'member')),
    last_read_seq bigint not null default 0,
    last_read_at timestamptz,
    joined_at timestamptz not null default now(),
    left_at timestamptz,
    took_part boolean not null default false,
    left_by_choice boolean not null default false,
    primary key (conversation_id, user_id)
) with (fillfactor = 50);
-- conversations.LIST_OF_USER, rooms.CIRCLES, sync.CHANGED
create index members_user on members (user_id);

-- Strangers are invited to a group: one invitation for each at a time, the last one. Without an answer it is open.
create table invitations (
    id uuid primary key,
    conversation_id uuid not null references conversations on delete cascade,
    user_id uuid not null references users on delete cascade,
    invited_by uuid not null references users on delete cascade,
    created_at timestamptz not null,
    answer text check (answer in ('accepted', 'declined', 'withdrawn')),
    answered_at timestamptz,
    unique (conversation_id, user_id)
);
-- invitations.LIST_OF_USER
create index invitations_user on invitations (user_id, id);
-- export and erasure: whom a user has invited
create index invitations_inviter on invitations (invited_by, created_at);
-- tidy: those that were answered long ago
create index invitations_answered on invitations (answered_at) where answered_at is not null;

-- The log. No foreign keys: append_messages holds the conversation's row and has seen the sender's membership,
-- and a trigger per row and key would cost as much as the insert.
-- What the system says names people: see told_text. `body` says it without names.
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
    wording text[],
    people uuid[],
    primary key (conversation_id, seq)
);
-- messages.BY_ID and the reply_to, read positions and `before` cursors that name a message
create unique index messages_id on messages (id);
-- messages.CHANGES: give me all with version > v; within a conversation changed_at grows with the version
create index messages_version on messages (conversation_id, version);
-- append_messages: a send repeated with its client id is found, at any later time
create unique index messages_repeat on messages (conversation_id, sender_id, client_id) where client_id is not null;
-- What does not count as unread, see core/chat/unread.py.
create index messages_gone on messages (conversation_id, seq) where deleted_at is not null or kind = 'system';
-- notifications.WRITTEN_SINCE: the ids of these messages hold a bigint and tell no time. No other message is in it.
create index messages_bigint on messages (created_at) where id < '00010000-0000-0000-0000-000000000000';

-- Earlier texts of edited and deleted messages, for moderators and for a while.
-- mentioned: tells a repeat of the send from another message; null in those of an earlier version.
create table message_edits (
    conversation_id uuid not null,
    seq bigint not null,
    version bigint not null,
    body text not null,
    replaced_by uuid not null,
    replaced_at timestamptz not null default now(),
    mentioned bytea,
    primary key (conversation_id, seq, version)
);
-- tidy: earlier texts that are too old
create index message_edits_replaced on message_edits (replaced_at);

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
-- In the list or not (a user may want a type by mail only), and when it went out by mail and to devices; a folded one is
-- pushed again when it changes, but mailed once.
-- One that names people has a wording, see told_text; `message` says it without names.
-- mention_key: the conversation of a message (fold_seq) that mentions the user since an edit, after she had read it.
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
    read_at timestamptz,
    in_app boolean not null default true,
    mailed_at timestamptz,
    pushed_at timestamptz,
    wording text[],
    people uuid[],
    mention_key uuid
);
-- notifications.LIST_OF_USER
create index notifications_user on notifications (user_id, created_at desc);
-- notifications.FOLD_MESSAGES
create unique index notifications_fold on notifications (user_id, type, fold_key) where read_at is null and fold_key is not null;
-- notifications.FOLD_MESSAGES: has this seq been told before?
create index notifications_told on notifications (user_id, fold_key, fold_seq) where fold_key is not null;
-- mentions.TAKE_BACK, conversation_updates.OF_MEMBERS
create index notifications_mention on notifications (mention_key, fold_seq) where mention_key is not null;

-- What a user has chosen otherwise than the notice; null: as the notice has it.
create table notification_preferences (
    user_id uuid not null references users on delete cascade,
    type text not null,
    in_app boolean,
    email boolean,
    push boolean,
    primary key (user_id, type)
);

-- Where an app is installed. It gets pushes for as long as the session that registered it lives.
create table devices (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    session_id uuid not null references sessions on delete cascade,
    platform text not null check (platform in ('fcm', 'apns', 'webpush')),
    token text not null,
    created_at timestamptz not null,
    unique (platform, token)
);
-- devices.OF_USER, deliveries.CLAIM
create index devices_user on devices (user_id);
-- the cascade from sessions
create index devices_session on devices (session_id);

-- The secret address of a user's feed. Calendars ask without a login, for years: so it is no signed token, which ends with its key.
-- The address holds a token, which a signing key derives from the nonce; here is its SHA-256. No nonce: made by an earlier version.
-- token: what an earlier version stored instead; a day after the upgrade there is none left.
create table feeds (
    user_id uuid primary key references users on delete cascade,
    token text unique,
    created_at timestamptz not null,
    hash bytea unique,
    nonce bytea,
    check (hash is not null or token is not null)
);

-- What a transaction wants told, until it has been told.
create table outbox (
    id uuid primary key,
    effects text not null,
    created_at timestamptz not null
);
-- outbox.OVERDUE_EFFECTS
create index outbox_created on outbox (created_at);

-- The answers of calls that may be repeated; without a status while the call is running.
-- named: the people in the answer; null in those of an earlier version.
create table idempotency_keys (
    user_id uuid not null references users on delete cascade,
    key text not null,
    fingerprint bytea not null,
    status int not null default 0,
    body bytea not null default '',
    etag text not null default '',
    created_at timestamptz not null,
    named uuid[],
    meaning bytea, -- fingerprint, whatever the order of the fields in the JSON
    primary key (user_id, key)
);
-- idempotency.FORGET
create index idempotency_keys_created on idempotency_keys (created_at);
-- erasure.ANSWERS_THAT_NAME
create index idempotency_keys_named on idempotency_keys using gin (named);
create index idempotency_keys_unnamed on idempotency_keys (user_id, key) where named is null;

-- No foreign keys: what is written here outlives what it is about.
create table audit_log (
    id uuid primary key,
    market text not null,
    actor_id uuid,
    action text not null,
    entity_id uuid,
    facts jsonb not null default '{}',
    request_id text not null default '',
    remote text not null default '',
    recorded_at timestamptz not null
);
-- what happened to an entity, what a user did
create index audit_log_entity on audit_log (entity_id, recorded_at);
create index audit_log_actor on audit_log (actor_id, recorded_at);

-- Jobs that failed in all their tries. `arguments` are JSON; null if they held a secret.
create table dead_jobs (
    id uuid primary key,
    name text not null,
    arguments text,
    error text not null,
    tries int not null,
    request_id text not null default '',
    failed_at timestamptz not null,
    retried_at timestamptz
);
-- dead_jobs.ALL, dead_jobs.FORGET
create index dead_jobs_failed on dead_jobs (failed_at);

-- tidy: what has expired
create index sessions_ended on sessions (ended_at) where ended_at is not null;
create index refresh_tokens_issued on refresh_tokens (issued_at);
create index one_time_tokens_expires on one_time_tokens (expires_at);

-- What users upload. The objects are in S3: `key` says where one lies now, `place` where it belongs once it is released.
-- pending: announced; uploaded: in quarantine; released: checked, may be read; rejected: its object is gone.
create table files (
    id uuid primary key,
    market text not null,
    owner_id uuid not null references users,
    purpose text not null,
    key text not null,
    place text unique,
    file_name text not null,
    mime_type text not null,
    size bigint not null,
    status text not null default 'pending' check (status in ('pending', 'uploaded', 'released', 'rejected')),
    entity_id uuid,
    reject_reason text,
    width int,
    height int,
    thumbnail_key text,
    created_at timestamptz not null,
    uploaded_at timestamptz,
    released_at timestamptz,
    deleted_at timestamptz,
    session_id uuid
);
-- files.OF_ENTITIES, files.DETACH
create index files_entity on files (entity_id, id) where deleted_at is null;
-- files.LEFTOVER
create index files_leftover on files (created_at) where entity_id is null or deleted_at is not null;
-- files.UNCHECKED
create index files_unchecked on files (uploaded_at) where status = 'uploaded' and deleted_at is null;
-- what a user has uploaded
create index files_owner on files (owner_id);
-- files.END_UNUSED
create index files_session on files (session_id) where entity_id is null and deleted_at is null;

-- One user's opinion of another, in a context of the marketplace (OnSwift: a project) or none. Who may is the marketplace's rule.
create table reviews (
    id uuid primary key,
    subject_id uuid not null references users,
    author_id uuid not null references users,
    context_id uuid,
    rating int not null check (rating between 1 and 5),
    text text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);
-- reviews.INSERT: one of each author about each subject in each context, also in none
create unique index reviews_once on reviews (subject_id, author_id, context_id) nulls not distinct where deleted_at is null;
-- reviews.PAGE, reviews.STARS
create index reviews_subject on reviews (subject_id, created_at desc) where deleted_at is null;
-- what a user has written
create index reviews_author on reviews (author_id);

-- The sum of a subject's reviews, kept by reviews.ADD_UP in the transaction that changes them.
create table ratings (
    subject_id uuid primary key references users on delete cascade,
    rating_sum int not null,
    rating_count int not null
);

-- Who wants nothing of whom.
create table blocks (
    user_id uuid not null references users on delete cascade,
    blocked_id uuid not null references users on delete cascade,
    created_at timestamptz not null,
    primary key (user_id, blocked_id)
);
-- blocks.AMONG, export and erasure: by whom somebody is blocked
create index blocks_blocked on blocks (blocked_id);

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
    created_at timestamptz not null,
    resolved_at timestamptz,
    resolved_by text,
    note text not null default ''
);
-- reports.INSERT: one of each user about each thing
create unique index reports_once on reports (reporter_id, user_id, message_id) nulls not distinct;
-- what is reported of a user
create index reports_user on reports (user_id);
-- reports.PAGE and reports.COUNT: the open ones
create index reports_open on reports (id) where resolved_at is null;
-- reports.FORGET
create index reports_created on reports (created_at);

-- Whether a user wants to hear nothing, outside of the conversation itself, of what these people do there.
create function is_quiet(listener uuid, conversation uuid, people uuid[]) returns boolean language sql stable as $$
    select exists (select from blocks b where b.user_id = listener and b.blocked_id = any (people))
        or exists (
            select from mutes m where m.user_id = listener and m.muted_id = any (array_append(people, conversation))
                and (m.until is null or m.until > now())
        )
$$;

-- Texts that name people: `wording` is the text in pieces, and behind each but the last stands one of `people`, by the name that she
-- has now. So a name that is gone is gone everywhere.
create function told_text(wording text[], people uuid[]) returns text language sql stable as $$
    select string_agg(coalesce(t.piece, '') || coalesce(u.name, ''), '' order by t.place)
    from unnest(wording, people) with ordinality as t (piece, person, place) left join users u on u.id = t.person
$$;

-- The words of messages, for the search of their members: filled by the workers (core/messages/search.py), so that appending costs no
-- more; changed and deleted with the text, whatever changes it. The key of the lexemes is search_key of the conversation.
-- No index by conversation: the planner would take it for the shorter way.
create table message_words (
    message_id uuid primary key,
    conversation_id uuid not null,
    sent_at timestamptz not null,
    words tsvector not null
);
-- message_search.FIND
create index message_words_search on message_words using gin (words);

-- Up to which seq of a conversation they are stored.
create table message_words_stored (
    conversation_id uuid primary key,
    seq bigint not null
);

-- Short, and almost never that of two conversations: of what is found the whole id is compared.
create function search_key(conversation uuid) returns text language sql immutable strict parallel safe return
    right(conversation::text, 8);

create function change_message_words() returns trigger language plpgsql as $$
begin
    if new.body = '' then
        delete from message_words where message_id = new.id;
    else
        update message_words set words = search_keyed(search_key(new.conversation_id), new.body) where message_id = new.id;
    end if;
    return null;
end $$;
create trigger change_message_words after update of body on messages
    for each row when (new.body is distinct from old.body) execute function change_message_words();

-- Appends messages to their conversations: the only statement that does.
--
-- Arrays are parallel, one element per message, in the order of arrival. Conversation rows are locked in id order, so two hubs
-- never deadlock and a later statement of this function sees all that earlier holders of the locks committed. Then: a repeat
-- (same conversation, sender and client id) gets the first answer, unless it says something else than the first did; that, a closed
-- conversation (FORBIDDEN: the versions before this know no other word for it), a sender who is not a member, one of two people of
-- whom one has blocked the other (USER_NOT_FOUND, likewise), or a reply to a message that is not there, is refused by an error code;
-- the rest are numbered densely. The sender has read what she wrote.
-- Repeats within one call are the caller's to hold back.
--
-- Planning took most of the time of a small batch, so one plan serves all calls. It must be right for any number of rows and
-- tables of any size: everything is looked up by index, which the settings hold it to, and nothing joins a batch with itself.
create function append_messages(
    ids uuid[], conversation_ids uuid[], sender_ids uuid[], client_ids text[], bodies text[], replies uuid[],
    mention_places int[], mention_users uuid[]
) returns table (
    place bigint, message_id uuid, message_seq bigint, message_version bigint, sent_at timestamptz, repeated boolean, refusal text
)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    moment timestamptz;
begin
    perform 1 from conversations c where c.id = any (conversation_ids) order by c.id for no key update;
    moment := clock_timestamp();
    return query
    with mentioned as materialized ( -- read for repeats only
        select m.place, array_agg(distinct m.user_id order by m.user_id) as users
        from unnest(mention_places, mention_users) as m (place, user_id) group by 1
    ),
    incoming as materialized ( -- or the verdict would be found twice
        select u.*, c.last_seq, c.version as last_version,
            r.id as first_id, r.seq as first_seq, r.version as first_version, r.created_at as first_at,
            -- Not `exists`: Postgres would read all members to save itself the look-ups.
            case
                when r.id is not null and (
                    r.reply_to is distinct from u.reply_to or u.body <> coalesce(
                        ( -- as it was before it was changed, as long as that is kept
                            select e.body from message_edits e where e.conversation_id = r.conversation_id and e.seq = r.seq
                            order by e.version limit 1
                        ),
                        case when r.edited_at is null and r.deleted_at is null then r.body else u.body end
                    ) or coalesce(
                        (
                            select e.mentioned from message_edits e where e.conversation_id = r.conversation_id and e.seq = r.seq
                            order by e.version limit 1
                        ),
                        case when r.edited_at is null and r.deleted_at is null then sha256(array_to_string(array(
                            select t.user_id from mentions t where t.conversation_id = r.conversation_id and t.seq = r.seq
                            order by t.user_id
                        ), ',')::bytea) end
                    ) <> sha256(coalesce((select array_to_string(g.users, ',') from mentioned g where g.place = u.place), '')::bytea)
                ) then 'IDEMPOTENCY_KEY_REUSED'
                when r.id is not null then 'REPEATED'
                when c.closed_at is not null then 'FORBIDDEN'
                when (
                    select s.left_at is null from members s where s.conversation_id = u.conversation_id and s.user_id = u.sender_id
                ) is not true then 'NOT_A_MEMBER'
                when c.is_blocked then 'USER_NOT_FOUND'
                when u.reply_to is not null and (
                    select t.conversation_id = u.conversation_id from messages t where t.id = u.reply_to
                ) is not true then 'MESSAGE_NOT_FOUND'
            end as verdict
        from unnest(ids, conversation_ids, sender_ids, client_ids, bodies, replies)
            with ordinality as u (id, conversation_id, sender_id, client_id, body, reply_to, place)
        left join conversations c on c.id = u.conversation_id
        left join messages r
            on r.conversation_id = u.conversation_id and r.sender_id = u.sender_id and r.client_id = u.client_id
    ),
    numbered as (
        select i.*, count(*) filter (where i.verdict is null) over (partition by i.conversation_id order by i.place) as number
        from incoming i
    ),
    fresh as (
        select n.*, n.last_seq + n.number as seq, n.last_version + n.number as version from numbered n where n.verdict is null
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
        update members s set last_read_seq = f.seq, last_read_at = moment, took_part = true
        from (select g.conversation_id, g.sender_id, max(g.seq) as seq from fresh g group by 1, 2) f
        where s.conversation_id = f.conversation_id and s.user_id = f.sender_id
    )
    select n.place,
        case when n.verdict is null then n.id when n.verdict = 'REPEATED' then n.first_id end,
        case when n.verdict is null then n.last_seq + n.number when n.verdict = 'REPEATED' then n.first_seq end,
        case when n.verdict is null then n.last_version + n.number when n.verdict = 'REPEATED' then n.first_version end,
        coalesce(n.first_at, moment), n.first_id is not null, nullif(n.verdict, 'REPEATED')
    from numbered n order by n.place;
    if cardinality(mention_users) > 0 then
        insert into mentions (conversation_id, seq, user_id)
        select distinct m.conversation_id, m.seq, u.user_id
        from unnest(mention_places, mention_users) as u (place, user_id)
        join messages m on m.id = ids[u.place]
        join members s on s.conversation_id = m.conversation_id and s.user_id = u.user_id and s.left_at is null;
    end if;
end $$;

-- The ledger: double entry in integer minor units, see docs/ledger.md. A transfer carries its legs; whoever inserts or settles one,
-- triggers check it, and move the balances and write the entries that follow from it. Nothing else can.

-- A balance in one currency, of a user or (without owner_id) of the house. `posted` is the sum of its entries, `reserved` what pending
-- transfers will take. The next entry is not dated before posted_until: the last entry, or the end of the last closed day. `open_since`
-- is the first entry of a day that is not closed.
create table ledger_accounts (
    id uuid primary key,
    market text not null,
    owner_id uuid references users,
    kind text not null check (kind ~ '^[a-z][a-z_]{0,31}$'),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    may_owe boolean not null,
    posted bigint not null default 0,
    reserved bigint not null default 0,
    seq bigint not null default 0,
    posted_until timestamptz not null default '-infinity',
    open_since timestamptz,
    -- core/payments/ledger.py knows these names, and those of the triggers below.
    constraint ledger_accounts_funds check (may_owe or posted >= reserved),
    -- Far enough from the end of bigint that adding one amount never gets there.
    constraint ledger_accounts_range check (
        posted between -4000000000000000000 and 4000000000000000000 and reserved between 0 and 4000000000000000000
    ),
    unique nulls not distinct (owner_id, kind, currency, market)
) with (fillfactor = 50);

-- Its legs are parallel arrays; a negative amount is a debit: it leaves the account.
create table ledger_transfers (
    id uuid primary key,
    market text not null,
    key text not null check (length(key) between 1 and 200),
    fingerprint bytea not null,
    kind text not null check (kind ~ '^[a-z][a-z_]{0,31}$'),
    status text not null check (status in ('pending', 'posted', 'void')),
    account_ids uuid[] not null,
    amounts bigint[] not null,
    reverses_id uuid references ledger_transfers,
    facts jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    unique (market, key)
);
-- ledger_open
create index ledger_transfers_reverses on ledger_transfers (reverses_id) where reverses_id is not null;

-- What posted transfers did to an account, numbered without gaps; `balance` is the one after it.
create table ledger_entries (
    account_id uuid not null references ledger_accounts,
    seq bigint not null,
    transfer_id uuid not null references ledger_transfers,
    amount bigint not null,
    balance bigint not null,
    posted_at timestamptz not null,
    primary key (account_id, seq),
    unique (transfer_id, account_id)
);

-- The legs of a transfer, and what of each is not reversed: pending reversals count, void ones do not, and what a reversal took back is
-- there again if that is reversed.
create function ledger_open(transfer uuid) returns table (account_id uuid, amount bigint, remaining bigint) language sql stable as $$
    with recursive tree as (
        select t.id, t.account_ids, t.amounts from ledger_transfers t where t.id = transfer
        union all
        select t.id, t.account_ids, t.amounts
        from tree join ledger_transfers t on t.reverses_id = tree.id and t.status <> 'void'
    )
    select leg.account_id, sum(leg.amount) filter (where tree.id = transfer)::bigint, sum(leg.amount)::bigint
    from tree, unnest(tree.account_ids, tree.amounts) as leg (account_id, amount) group by leg.account_id
$$;

-- The legs that reverse so much of a transfer, or (null) all that is left: each side in proportion to what is left, to the last unit, and no
-- leg more than that. Of a transfer in several currencies there is no part.
create function ledger_reversal(transfer uuid, part bigint) returns table (account_id uuid, amount bigint) language sql stable as $$
    with legs as (
        select o.account_id, o.remaining, sum(abs(o.remaining)) over side as whole,
            sum(abs(o.remaining)) over (side order by o.account_id) as reached
        from ledger_open(transfer) o where o.remaining <> 0 window side as (partition by sign(o.remaining))
    ),
    shares as (
        select l.account_id, div(l.reached * coalesce(part, l.whole), l.whole)
            - div((l.reached - abs(l.remaining)) * coalesce(part, l.whole), l.whole) as share, l.remaining
        from legs l
    )
    select s.account_id, (-sign(s.remaining::numeric) * s.share)::bigint from shares s
    where s.share <> 0 and (part is null or (
        select count(distinct a.currency) from legs l join ledger_accounts a on a.id = l.account_id
    ) = 1) order by 1
$$;

-- Refuses a reversal of what cannot be reversed, or of more than is left. It is stored already, and the transfer is locked.
create function ledger_check_reversal(reversal ledger_transfers) returns void language plpgsql as $$
begin
    perform from ledger_transfers t where t.id = reversal.reverses_id for no key update;
    -- A reversal can be reversed, at once; so what is left of a transfer never shrinks by a reversal of something else.
    if not exists (
        select from ledger_transfers t left join ledger_transfers p on p.id = t.reverses_id
        where t.id = reversal.reverses_id and t.market = reversal.market and t.status = 'posted'
            and p.reverses_id is null and (t.reverses_id is null or reversal.status = 'posted')
    ) then
        raise 'this transfer cannot be reversed' using errcode = 'check_violation', constraint = 'ledger_transfers_state';
    end if;
    if exists (
        select from unnest(reversal.account_ids, reversal.amounts) as leg (account_id, amount)
        left join ledger_open(reversal.reverses_id) o on o.account_id = leg.account_id
        where (sign(leg.amount) = -sign(o.amount) and o.remaining * sign(o.amount::numeric) >= 0) is not true
    ) then
        raise 'more than is left of the transfer' using errcode = 'check_violation', constraint = 'ledger_transfers_reversal';
    end if;
end $$;

create function ledger_book() returns trigger language plpgsql as $$
declare
    moment timestamptz;
    known int;
begin
    if tg_op = 'INSERT' and new.reverses_id is not null then
        perform ledger_check_reversal(new);
    end if;
    -- After its transfer, and in a fixed order: so two transfers never deadlock.
    perform from ledger_accounts a where a.id = any (new.account_ids) order by a.id for no key update;
    select count(*), greatest(clock_timestamp(), max(a.posted_until)) into known, moment
    from ledger_accounts a where a.id = any (new.account_ids) and a.market = new.market;
    if tg_op = 'INSERT' and (
        new.status = 'void' or known < 2 or known <> cardinality(new.account_ids) or known <> cardinality(new.amounts)
        or exists (
            select from unnest(new.amounts) as amount
            where (amount <> 0 and amount between -4000000000000000000 and 4000000000000000000) is not true
        )
        or exists (
            select from unnest(new.account_ids, new.amounts) as leg (account_id, amount)
            join ledger_accounts a on a.id = leg.account_id group by a.currency having sum(leg.amount) <> 0
        )
    ) then
        raise 'not a balanced transfer' using errcode = 'check_violation', constraint = 'ledger_transfers_balanced';
    end if;
    update ledger_accounts a set
        reserved = a.reserved + case
            when leg.amount > 0 then 0 when new.status = 'pending' then -leg.amount when tg_op = 'UPDATE' then leg.amount else 0
        end,
        posted = a.posted + case new.status when 'posted' then leg.amount else 0 end,
        seq = a.seq + case new.status when 'posted' then 1 else 0 end,
        posted_until = case new.status when 'posted' then moment else a.posted_until end,
        open_since = case new.status when 'posted' then coalesce(a.open_since, moment) else a.open_since end
    from unnest(new.account_ids, new.amounts) as leg (account_id, amount) where a.id = leg.account_id;
    if new.status = 'posted' then
        insert into ledger_entries (account_id, seq, transfer_id, amount, balance, posted_at)
        select a.id, a.seq, new.id, leg.amount, a.posted, moment
        from unnest(new.account_ids, new.amounts) as leg (account_id, amount) join ledger_accounts a on a.id = leg.account_id;
    end if;
    return null;
end $$;
create trigger ledger_book after insert or update on ledger_transfers for each row execute function ledger_book();

create function ledger_settle() returns trigger language plpgsql as $$
begin
    if old.status <> 'pending' or new.status = 'pending' or to_jsonb(new) - 'status' <> to_jsonb(old) - 'status' then
        raise 'a transfer only changes from pending to posted or void'
            using errcode = 'check_violation', constraint = 'ledger_transfers_state';
    end if;
    return new;
end $$;
create trigger ledger_settle before update on ledger_transfers for each row execute function ledger_settle();

-- An entry is a leg of a posted transfer, which has all its entries as soon as it is posted: nobody can add one.
create function ledger_check_entry() returns trigger language plpgsql as $$
begin
    if not exists (
        select from ledger_transfers t, unnest(t.account_ids, t.amounts) as leg (account_id, amount)
        where t.id = new.transfer_id and t.status = 'posted' and leg.account_id = new.account_id and leg.amount = new.amount
    ) then
        raise 'entries follow from transfers' using errcode = 'check_violation', constraint = 'ledger_entries_legs';
    end if;
    return new;
end $$;
create trigger ledger_check_entry before insert on ledger_entries for each row execute function ledger_check_entry();

create function ledger_guard_account() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if (new.posted, new.reserved, new.seq, new.posted_until) = (0, 0, 0, '-infinity') and new.open_since is null then
            return new;
        end if;
    elsif (new.id, new.market, new.owner_id, new.kind, new.currency)
            is not distinct from (old.id, old.market, old.owner_id, old.kind, old.currency)
        and new.posted_until >= old.posted_until
        and (pg_trigger_depth() > 1 or to_jsonb(new) - 'may_owe' = to_jsonb(old) - 'may_owe')
    then
        return new;
    end if;
    raise 'balances follow from transfers' using errcode = 'check_violation', constraint = 'ledger_accounts_balance';
end $$;
create trigger ledger_guard_account before insert or update on ledger_accounts
    for each row execute function ledger_guard_account();

create function ledger_keep() returns trigger language plpgsql as $$
begin
    raise '% of % is not possible: the ledger only grows', tg_op, tg_table_name
        using errcode = 'check_violation', constraint = 'ledger_kept';
end $$;
create trigger ledger_keep before delete on ledger_accounts for each row execute function ledger_keep();
create trigger ledger_keep before delete on ledger_transfers for each row execute function ledger_keep();
create trigger ledger_keep before update or delete on ledger_entries for each row execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_accounts execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_transfers execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_entries execute function ledger_keep();

-- What moved on an account on one day (UTC), and its balance at the end; only days with entries. Whoever inserts an account's id closes its
-- next day; nothing else of the row can be chosen.
create table ledger_closings (
    account_id uuid not null references ledger_accounts,
    day date not null,
    seq bigint not null,
    debits numeric not null,
    credits numeric not null,
    balance bigint not null,
    primary key (account_id, day)
);
-- books.CLOSE
create index ledger_accounts_open on ledger_accounts (open_since) where open_since is not null;

-- The account is locked, so what was dated on that day is committed; and what comes later is dated later, even if the clock is set back.
create function ledger_close() returns trigger language plpgsql as $$
declare
    since timestamptz;
    until timestamptz;
    closed bigint;
begin
    select a.open_since into since from ledger_accounts a where a.id = new.account_id for no key update;
    new.day := (since at time zone 'UTC')::date;
    if new.day is null or new.day >= (clock_timestamp() at time zone 'UTC')::date then
        return null;
    end if;
    until := (new.day + 1)::timestamp at time zone 'UTC';
    select coalesce(max(c.seq), 0) into closed from ledger_closings c where c.account_id = new.account_id;
    select max(e.seq), coalesce(-sum(e.amount) filter (where e.amount < 0), 0), coalesce(sum(e.amount) filter (where e.amount > 0), 0)
    into new.seq, new.debits, new.credits
    from ledger_entries e where e.account_id = new.account_id and e.seq > closed and e.posted_at < until;
    select e.balance into new.balance from ledger_entries e where e.account_id = new.account_id and e.seq = new.seq;
    update ledger_accounts a set posted_until = greatest(a.posted_until, until),
        open_since = (select e.posted_at from ledger_entries e where e.account_id = a.id and e.seq = new.seq + 1)
    where a.id = new.account_id;
    return new;
end $$;
create trigger ledger_close before insert on ledger_closings for each row execute function ledger_close();
create trigger ledger_keep before update or delete on ledger_closings for each row execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_closings execute function ledger_keep();

-- What does not fit in the books, all of it computed anew from the transfers: no rows, they balance.
create function ledger_problems() returns table (id uuid, problem text) language sql stable as $$
    with legs as materialized (
        select t.id, t.market, t.status, leg.account_id, leg.amount
        from ledger_transfers t, unnest(t.account_ids, t.amounts) as leg (account_id, amount)
    ),
    running as materialized (
        select e.*, sum(e.amount) over chain as total, row_number() over chain as number, lag(e.posted_at) over chain as before
        from ledger_entries e window chain as (partition by e.account_id order by e.seq)
    ),
    posted as (
        select e.account_id, sum(e.amount) as amount, count(*) as entries, max(e.posted_at) as until from ledger_entries e group by 1
    ),
    reserved as (
        select l.account_id, -sum(l.amount) as amount from legs l where l.status = 'pending' and l.amount < 0 group by 1
    ),
    days as (
        select e.account_id, (e.posted_at at time zone 'UTC')::date as day, max(e.seq) as seq,
            coalesce(-sum(e.amount) filter (where e.amount < 0), 0) as debits,
            coalesce(sum(e.amount) filter (where e.amount > 0), 0) as credits
        from ledger_entries e group by 1, 2
    )
    select l.id, 'the legs of this transfer do not balance' from legs l left join ledger_accounts a on a.id = l.account_id
    group by l.id, a.currency having sum(l.amount) <> 0 or bool_or(l.amount = 0 or a.market is distinct from l.market)
    union all
    select t.id, 'this transfer has fewer than two legs' from ledger_transfers t
    where cardinality(t.account_ids) < 2 or cardinality(t.account_ids) <> cardinality(t.amounts)
    union all
    select coalesce(l.id, e.transfer_id), 'the entries of this transfer are not its legs'
    from (select * from legs where legs.status = 'posted') l
    full join ledger_entries e on e.transfer_id = l.id and e.account_id = l.account_id
    where l.amount is distinct from e.amount
    union all
    select t.id, 'more than all of this transfer is reversed'
    from (select distinct r.reverses_id as id from ledger_transfers r where r.reverses_id is not null) t
    cross join lateral ledger_open(t.id) o
    where (o.remaining * sign(o.amount::numeric) between 0 and abs(o.amount)) is not true
    union all
    select r.account_id, format('entry %s of this account does not follow from those before it', r.seq) from running r
    where (r.balance, r.seq) is distinct from (r.total, r.number) or r.posted_at < r.before
    union all
    select a.id, 'this balance is not the sum of its entries' from ledger_accounts a left join posted p on p.account_id = a.id
    where (a.posted, a.seq) is distinct from (coalesce(p.amount, 0), coalesce(p.entries, 0)) or a.posted_until < p.until
    union all
    select a.id, 'what is reserved here is not the sum of pending debits'
    from ledger_accounts a left join reserved r on r.account_id = a.id where a.reserved <> coalesce(r.amount, 0)
    union all
    select a.id, 'this account owes what it may not' from ledger_accounts a where not a.may_owe and a.posted < a.reserved
    union all
    select c.account_id, format('the closing of %s is not the sum of its entries', c.day)
    from ledger_closings c left join days d on d.account_id = c.account_id and d.day = c.day
    left join ledger_entries e on e.account_id = c.account_id and e.seq = c.seq
    where (c.seq, c.debits, c.credits, c.balance) is distinct from (d.seq, d.debits, d.credits, e.balance)
$$;

\ir core/payments/checkout/schema.sql

\ir marketplaces/onswift/schema.sql
