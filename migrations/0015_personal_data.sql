-- What names people holds their ids, and the names are filled in when it is read: `wording` is the text in pieces, and behind each
-- piece but the last stands one of `people`. `body` and `message` say the same without names, for the version before this one.
alter table messages add column wording text[], add column people uuid[];
alter table notifications add column wording text[], add column people uuid[];

create function told_text(wording text[], people uuid[]) returns text language sql stable as $$
    select string_agg(coalesce(t.piece, '') || coalesce(u.name, ''), '' order by t.place)
    from unnest(wording, people) with ordinality as t (piece, person, place) left join users u on u.id = t.person
$$;

-- Whom the answer names, so that an erasure finds it. Null: an answer of the version before.
alter table idempotency_keys add column named uuid[];
