-- Searches leave out those between whom and the searcher there is a block, and say once what a talent must be to fit.

-- The talents that fit: found by `terms` and not by `but`, and none of `hidden`. Null and '{}' mean: whatever.
-- Postgres puts it in the place of its calls, so that each is planned as one query, by its indexes: tests/contract/test_search_plans.py.
create function onswift.matching_talents(
    terms tsquery, but tsquery, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8, hidden uuid[]
) returns setof onswift.talents
language sql stable as $$
    select t.* from onswift.talents t
    where (terms is null or t.words @@ terms)
        and (but is null or not t.words @@ but)
        and (wanted_traits = '{}' or t.traits @> wanted_traits)
        and (min_rate is null or t.hourly_rate >= min_rate::numeric)
        and (max_rate is null or t.hourly_rate <= max_rate::numeric)
        and (min_rating is null or t.rating >= min_rating::real)
        and (hidden = '{}' or t.user_id <> all (hidden))
$$;

-- Finds talents: `wanted` of them after the first `skipped`, and how many there are up to `depth`; none of `hidden`. Null, '' and
-- '{}' mean: whatever.
--
-- Names as they were typed come before all else that fits, and that before names with a slip (and, where nothing fits at all, with
-- several). Each kind is taken by rating and sorted by relevance in blocks of `block`, so that a page does not change when one looks
-- deeper. A total of less than `depth` is all there are; onswift.count_talents counts the others.
-- Planned anew for each call: what is not asked for falls out of the plan. The other settings tell the planner what its model of a
-- scan that stops early leaves out: the rows of an order are scattered over the table.
create function onswift.find_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8, hidden uuid[],
    depth int, block int, skipped int, wanted int
) returns table (ids uuid[], total int)
language plpgsql stable
set plan_cache_mode = force_custom_plan set random_page_cost = 1.5 set effective_cache_size = '32MB' as $$
declare
    asked record;
    terms tsquery;
    but tsquery; -- what an earlier kind has found
    page uuid[];
    passed int; -- whole blocks before the page
    matches int;
    slips_below constant int := 50; -- and as many similar names at most; less than a depth, and the same in count_talents
begin
    ids := '{}';
    total := 0;
    select * into asked from search_query(query);
    for kind in 1 .. 3 loop
        terms := case kind when 1 then asked.exact when 2 then asked.normal else asked.near end;
        continue when terms is null and (query <> '' or kind > 1) or kind = 3 and (terms = but or total >= slips_below);
        passed := greatest(skipped - total, 0) / block * block;
        with best as (
            select t.user_id, t.rating, t.rating_count, case when terms is not null then t.words end as words
            from onswift.matching_talents(terms, but, wanted_traits, min_rate, max_rate, min_rating, hidden) t
            -- Slips are many words, each of which the planner takes for more common than it is; so it must not walk along the ratings.
            order by case when kind = 3 then t.rating + 0::real else t.rating end desc, t.rating_count desc, t.user_id desc
            offset passed limit greatest(depth - total - passed, 0)
        ),
        placed as (
            select b.user_id, row_number() over (order by b.rating desc, b.rating_count desc, b.user_id desc) as place,
                case when terms is not null then ts_rank(b.words, asked.near) end as relevance
            from best b
        ),
        sorted as (
            select p.user_id, total + passed + row_number() over (order by (p.place - 1) / block, p.relevance desc, p.place) as place
            from placed p
        )
        select array_agg(s.user_id order by s.place) filter (where s.place > skipped and s.place <= skipped + wanted), count(*)
        into page, matches from sorted s;
        if matches = 0 and passed > 0 then -- all of this kind come before the page
            select count(*) into passed
            from onswift.matching_talents(terms, but, wanted_traits, min_rate, max_rate, min_rating, hidden);
        end if;
        ids := ids || page;
        total := total + passed + matches;
        exit when total >= depth;
        but := terms;
    end loop;

    if total = 0 and asked.normal is not null then
        with alike as (
            select t.user_id, row_number() over (order by word_similarity(search_normal(query), t.name) desc, t.user_id desc) as place
            from onswift.matching_talents(null, null, wanted_traits, min_rate, max_rate, min_rating, hidden) t
            where search_normal(query) <% t.name
            order by word_similarity(search_normal(query), t.name) desc, t.user_id desc limit slips_below
        )
        select coalesce(array_agg(a.user_id order by a.place) filter (where a.place > skipped and a.place <= skipped + wanted), '{}'),
            count(*)::int
        into ids, total from alike a;
    end if;
    return next;
end $$;

-- How many talents there are for a search that has found more than it looked at.
create function onswift.count_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8, hidden uuid[]
) returns int
language plpgsql stable
set plan_cache_mode = force_custom_plan set enable_seqscan = off as $$
declare
    asked record;
    terms tsquery;
    but tsquery;
    matches int;
    total int := 0;
    slips_below constant int := 50;
begin
    select * into asked from search_query(query);
    for kind in 1 .. 2 loop
        terms := case kind when 1 then asked.normal else asked.near end;
        continue when terms is null and (query <> '' or kind > 1) or kind = 2 and (terms = but or total >= slips_below);
        select count(*) into matches
        from onswift.matching_talents(terms, but, wanted_traits, min_rate, max_rate, min_rating, hidden);
        total := total + matches;
        but := terms;
    end loop;
    return total;
end $$;

-- For the version before, while both run: it hides nobody.
create or replace function onswift.find_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8,
    depth int, block int, skipped int, wanted int
) returns table (ids uuid[], total int)
language sql stable as
    $$ select * from onswift.find_talents(query, wanted_traits, min_rate, max_rate, min_rating, '{}', depth, block, skipped, wanted) $$;
create or replace function onswift.count_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8
) returns int
language sql stable as $$ select onswift.count_talents(query, wanted_traits, min_rate, max_rate, min_rating, '{}') $$;
