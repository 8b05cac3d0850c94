-- Profiles, the search for talents, verified addresses, and where a session was opened.

-- Of Postgres itself (contrib), and trusted: whoever may create in the database may make it.
create extension if not exists pg_trgm;

alter table users add column email_verified_at timestamptz;
alter table sessions add column remote text not null default '';
-- identity.IS_FAMILIAR
create index sessions_familiar on sessions (user_id, remote);

-- What the search for talents looks at, one row for each talent: kept by triggers, whoever changes name, profile or rating.
-- 0012_talents enters those who are there already.
create table onswift.talents (
    user_id uuid primary key references users on delete cascade,
    name text not null,
    words tsvector not null,
    skills text[] not null,
    hourly_rate numeric(5, 2),
    availability text,
    rating real not null default 0,
    rating_count int not null default 0,
    traits text[] not null generated always as (skills || availability) stored
);
-- onswift.find_talents: the best first
create index talents_rating on onswift.talents (rating desc, rating_count desc, user_id desc);
-- onswift.find_talents: one index, because it skips to what both columns have in common
create index talents_search on onswift.talents using gin (words, traits);
-- onswift.find_talents: a narrow range of rates
create index talents_rate on onswift.talents (hourly_rate);
-- onswift.find_talents: names with typing errors
create index talents_name on onswift.talents using gin (name gin_trgm_ops);

create function onswift.index_talent() returns trigger language plpgsql as $$
declare
    talent uuid := to_jsonb(new) ->> tg_argv[0];
begin
    -- Two who change different parts of a talent at once: the second waits here, and then sees what the first has written.
    perform from users where id = talent for no key update;
    insert into onswift.talents as t (user_id, name, words, skills, hourly_rate, availability)
    select u.id, u.name,
        setweight(to_tsvector('english', u.name), 'A') || setweight(to_tsvector('english', coalesce(p.professional_title, '')), 'B')
            || setweight(to_tsvector('english', coalesce(p.bio, '')), 'C'),
        coalesce(p.skills, '{}'), p.hourly_rate, p.availability
    from users u left join onswift.profiles p on p.user_id = u.id
    where u.id = talent and u.market = 'onswift' and u.role = 'talent' and u.deleted_at is null
    on conflict (user_id) do update set name = excluded.name, words = excluded.words, skills = excluded.skills,
        hourly_rate = excluded.hourly_rate, availability = excluded.availability;
    if not found then
        delete from onswift.talents where user_id = talent;
    end if;
    return null;
end $$;
create trigger index_talent after insert or update of name, deleted_at on users
    for each row when (new.role = 'talent') execute function onswift.index_talent('id');
create trigger index_talent after insert or update on onswift.profiles
    for each row execute function onswift.index_talent('user_id');

create function onswift.rate_talent() returns trigger language plpgsql as $$
begin
    update onswift.talents set rating_count = new.rating_count, rating = coalesce(new.rating_sum::real / nullif(new.rating_count, 0), 0)
    where user_id = new.subject_id;
    return null;
end $$;
create trigger rate_talent after insert or update on ratings for each row execute function onswift.rate_talent();

-- Finds talents: `wanted` of them after the first `skipped`, and how many there are. Null and '' mean: whatever.
--
-- The matches with the best ratings are taken, `depth` at most, and sorted by relevance in blocks of `block`, so that a page does not
-- change when one looks deeper. The total is what was found up to the depth, so that nobody waits for a count of a million.
-- Planned anew for each call: what is not asked for falls out of the plan. The other settings tell the planner what its model of a
-- scan that stops early leaves out: the rows of an order are scattered over the table.
create function onswift.find_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8,
    depth int, block int, skipped int, wanted int
) returns table (ids uuid[], total int)
language plpgsql stable
set plan_cache_mode = force_custom_plan set random_page_cost = 1.5 set effective_cache_size = '32MB' as $$
declare
    terms tsquery := case when query <> '' then plainto_tsquery('english', query) end;
begin
    with best as (
        select t.user_id, row_number() over best_first as place, case when terms is not null then ts_rank(t.words, terms) end as relevance
        from onswift.talents t
        where (terms is null or t.words @@ terms)
            and (wanted_traits = '{}' or t.traits @> wanted_traits)
            and (min_rate is null or t.hourly_rate >= min_rate::numeric)
            and (max_rate is null or t.hourly_rate <= max_rate::numeric)
            and (min_rating is null or t.rating >= min_rating::real)
        window best_first as (order by t.rating desc, t.rating_count desc, t.user_id desc)
        order by t.rating desc, t.rating_count desc, t.user_id desc limit depth
    ),
    sorted as (
        select b.user_id, row_number() over (order by (b.place - 1) / block, b.relevance desc, b.place) as place from best b
    )
    select coalesce(array_agg(s.user_id order by s.place) filter (where s.place > skipped and s.place <= skipped + wanted), '{}'),
        count(*)::int
    into ids, total from sorted s;

    if total = 0 and query <> '' then
        with alike as (
            select t.user_id, row_number() over (order by word_similarity(query, t.name) desc, t.user_id desc) as place
            from onswift.talents t
            where query <% t.name
                and (wanted_traits = '{}' or t.traits @> wanted_traits)
                and (min_rate is null or t.hourly_rate >= min_rate::numeric)
                and (max_rate is null or t.hourly_rate <= max_rate::numeric)
                and (min_rating is null or t.rating >= min_rating::real)
            order by word_similarity(query, t.name) desc, t.user_id desc limit depth
        )
        select coalesce(array_agg(a.user_id order by a.place) filter (where a.place > skipped and a.place <= skipped + wanted), '{}'),
            count(*)::int
        into ids, total from alike a;
    end if;
    return next;
end $$;
