-- Encryption at rest: what is sealed is read with its place, repeats of sealed messages are recognised by a tag, and no words of them
-- are stored. Nothing is sealed until a marketplace says so.

-- Encryption at rest (core/platform/sealing): sealed values begin with a direction override, which no text of users does, and a version.
create function is_sealed(value text) returns boolean language sql immutable parallel safe return
    coalesce(starts_with(value, e'\u202d1:'), false);

-- What queries read of a column that may be sealed. `place`: its name and the row's id, without which a value cannot be opened.
create function placed(value text, place text) returns text language sql immutable parallel safe return
    case when is_sealed(value) then value || ' ' || place else value end;

-- Whether a text of a message is known to differ from an earlier one. Sealed, a message and its repeats have the same tag; messages that
-- were sealed later have none.
create function is_other_text(one text, other text) returns boolean language sql immutable parallel safe return case
    when is_sealed(one) and is_sealed(other) then split_part(other, ':', 4) not in ('', split_part(one, ':', 4))
    else not is_sealed(one) and not is_sealed(other) and one <> other
end;

alter table users add column sealed_email text, add column sealed_phone text;

create or replace function change_message_words() returns trigger language plpgsql as $$
begin
    if new.body = '' or is_sealed(new.body) then
        delete from message_words where message_id = new.id;
    else
        update message_words set words = search_keyed(search_key(new.conversation_id), new.body) where message_id = new.id;
    end if;
    return null;
end $$;

create or replace function append_messages(
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
                    r.reply_to is distinct from u.reply_to or is_other_text(u.body, coalesce(
                        ( -- as it was before it was changed, as long as that is kept
                            select e.body from message_edits e where e.conversation_id = r.conversation_id and e.seq = r.seq
                            order by e.version limit 1
                        ),
                        case when r.edited_at is null and r.deleted_at is null then r.body else u.body end
                    )) or coalesce(
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
