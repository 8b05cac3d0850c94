-- What names people holds their ids, and the names are filled in when it is read: `wording` is the text in pieces, and behind each
-- piece but the last stands one of `people`. `body` and `message` say the same without names, for the version before this one.
alter table messages add column wording text[], add column people uuid[];
alter table notifications add column wording text[], add column people uuid[];

create function told_text(wording text[], people uuid[]) returns text language sql stable as $$
    select string_agg(coalesce(t.piece, '') || coalesce(u.name, ''), '' order by t.place)
    from unnest(wording, people) with ordinality as t (piece, person, place) left join users u on u.id = t.person
$$;

-- tidy: earlier texts that are too old
create index message_edits_replaced on message_edits (replaced_at);
-- export and erasure: the used ones too
create index one_time_tokens_owner on one_time_tokens (user_id);
-- erasure.ERASED_SINCE
create index users_deleted on users (deleted_at) where deleted_at is not null;

-- Who was erased by the version before this one is erased by this one's rules: its workers take these jobs.
insert into outbox (id, effects, created_at)
select gen_random_uuid(), jsonb_build_array(jsonb_build_object(
    'type', 'enqueue', 'name', 'FinishErasure', 'arguments', jsonb_build_object('user_id', id), 'request_id', ''
))::text, now()
from users where deleted_at is not null;
