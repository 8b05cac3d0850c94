-- Searches for several common words are some three times as fast: what others write as one word is asked for apart, and only if there
-- is less than a page looks at without it.

drop function search_query(text);
-- What a query asks for: names as they were typed; all words, in names and texts; the same with neighbours that others write as one
-- word (null: it has one word); both of these; all words with a slip in those of the name, and with words as written, for the rank. All
-- null: it has no words. The first 16 count. Joined words are asked apart, because an index skips most rows only if every word must be there.
create function search_query(
    given text, out exact tsquery, out apart tsquery, out joined tsquery, out normal tsquery, out near tsquery
)
language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
declare
    words text[] := (string_to_array(search_normal(left(given, 400)), ' '))[:16];
    written text[] := (string_to_array(search_written(left(given, 400)), ' '))[:16];
    word text;
    stem text;
    in_name text;
    in_text text;
    slips text;
    places text[] := '{}';
    texts text[] := '{}';
    telling text[] := '{}';
    near_telling text[] := '{}';
    silent text[] := '{}';
    one_less tsquery;
begin
    if words = '{}' then
        return;
    end if;
    for i in 1 .. cardinality(words) loop
        word := left(words[i], 64);
        in_name := (
            select string_agg(format('''@%s'':*', spelling), '|') from (
                select word
                union
                select unnest(search_other_spellings(case when cardinality(written) = cardinality(words) then written[i] else word end))
            ) spellings (spelling)
        );
        slips := (select string_agg(format('''~%s''', slip), '|') from unnest(search_slips(word)) slip);
        stem := search_stem(word);
        if search_is_unspaced(word) then
            in_text := case when length(word) = 1 then format('''%s'':*', word) else (
                select '(' || string_agg(format('''%s''', substr(word, at, 2)), '<->' order by at) || ')'
                from generate_series(1, length(word) - 1) at
            ) end;
        elsif stem is null then
            places := places || format('%s|''%s''', in_name, word);
            silent := silent || places[i];
            continue;
        else
            in_text := format('''*%s''|''%s''', stem, stem); -- more would only mislead the planner: this finds the word itself, too
        end if;
        places := places || concat_ws('|', in_name, in_text);
        texts := texts || in_text;
        telling := telling || places[i];
        near_telling := near_telling || concat_ws('|', in_name, in_text, '''' || nullif(word, stem) || '''', slips);
    end loop;
    apart := search_all(telling, silent, texts);
    near := search_all(near_telling, silent, texts);
    for i in 1 .. cardinality(words) - 1 loop
        for more in 1 .. least(2, cardinality(words) - i) loop
            word := left(array_to_string(words[i:i + more], ''), 64);
            in_text := '|''*' || search_stem(word) || '''|''' || search_stem(word) || '''';
            one_less := search_all(
                places[:i - 1] || (format('''@%s'':*', word) || coalesce(in_text, '')) || places[i + more + 1:], '{}', '{}'
            );
            joined := coalesce(joined || one_less, one_less);
        end loop;
    end loop;
    normal := coalesce(apart || joined, apart);
    exact := (select string_agg(format('''=%s''', left(w, 64)), '&') from unnest(written) w)::tsquery && apart;
end $$;

-- Finds talents: `wanted` of them after the first `skipped`, and how many there are up to `depth`; none of `hidden`. Null, '' and
-- '{}' mean: whatever.
--
-- Names as they were typed come before all else that fits, then what others write as one word, then names with a slip (and, where
-- nothing fits at all, with several). Each kind is taken by rating and sorted by relevance in blocks of `block`, so that a page does not change when one looks
-- deeper. A total of less than `depth` is all there are; onswift.count_talents counts the others.
-- Planned anew for each call: what is not asked for falls out of the plan. The other settings tell the planner what its model of a
-- scan that stops early leaves out: the rows of an order are scattered over the table.
create or replace function onswift.find_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8, hidden uuid[],
    depth int, block int, skipped int, wanted int
) returns table (ids uuid[], total int)
language plpgsql stable
set plan_cache_mode = force_custom_plan set random_page_cost = 1.5 set effective_cache_size = '32MB' as $$
declare
    asked record;
    terms tsquery;
    but tsquery; -- what earlier kinds have found
    page uuid[];
    passed int; -- whole blocks before the page
    matches int;
    slips_below constant int := 50; -- and as many similar names at most; less than a depth, and the same in count_talents
begin
    ids := '{}';
    total := 0;
    select * into asked from search_query(query);
    for kind in 1 .. 4 loop
        terms := case kind when 1 then asked.exact when 2 then asked.apart when 3 then asked.joined else asked.near end;
        but := case kind when 2 then asked.exact when 3 then asked.apart when 4 then asked.normal end;
        continue when terms is null and (query <> '' or kind > 1) or kind = 4 and (terms = but or total >= slips_below);
        passed := greatest(skipped - total, 0) / block * block;
        with best as (
            select t.user_id, t.rating, t.rating_count, case when terms is not null then t.words end as words
            from onswift.matching_talents(terms, but, wanted_traits, min_rate, max_rate, min_rating, hidden) t
            -- Slips and joined words are many, each of which the planner takes for more common than it is; so it must not walk along the ratings.
            order by case when kind > 2 then t.rating + 0::real else t.rating end desc, t.rating_count desc, t.user_id desc
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
