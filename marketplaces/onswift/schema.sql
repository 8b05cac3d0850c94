-- OnSwift's own tables, in its own schema.

create schema onswift;

-- The columns of the document's User that only OnSwift has; a row exists once one of them is set.
create table onswift.profiles (
    user_id uuid primary key references users on delete cascade,
    company_name text,
    professional_title text,
    bio text,
    skills text[] not null default '{}',
    portfolio_links text[] not null default '{}',
    hourly_rate numeric(5, 2),
    availability text,
    linkedin_url text,
    twitter_url text,
    instagram_url text,
    youtube_url text,
    github_url text
);

-- What the search for talents looks at, one row for each talent: kept by triggers, whoever changes name, profile or rating.
create table onswift.talents (
    user_id uuid primary key references users on delete cascade,
    name text not null, -- in its normal form
    words tsvector not null, -- in the form of core/search
    skills text[] not null,
    hourly_rate numeric(5, 2),
    availability text,
    rating real not null default 0,
    rating_count int not null default 0,
    traits text[] not null generated always as (skills || availability) stored,
    form smallint not null default 0 -- of name and words: 0 is that of the version before 0023, 1 that before 0032
);
-- onswift.find_talents: the best first
create index talents_rating on onswift.talents (rating desc, rating_count desc, user_id desc);
-- onswift.find_talents: one index, because it skips to what both columns have in common
create index talents_search on onswift.talents using gin (words, traits);
-- onswift.find_talents: a narrow range of rates
create index talents_rate on onswift.talents (hourly_rate);
-- onswift.find_talents: names with more than one typing error
create index talents_name on onswift.talents using gin (name gin_trgm_ops);

-- What finds a talent.
create function onswift.talent_words(name text, title text, bio text) returns tsvector
language sql immutable parallel safe return search_name(name) || search_text(coalesce(title, ''), 'B') || search_text(coalesce(bio, ''), 'C');

create function onswift.index_talent() returns trigger language plpgsql as $$
declare
    talent uuid := to_jsonb(new) ->> tg_argv[0];
begin
    -- Two who change different parts of a talent at once: the second waits here, and then sees what the first has written.
    perform from users where id = talent for no key update;
    insert into onswift.talents as t (user_id, name, words, skills, hourly_rate, availability, form)
    select u.id, search_normal(u.name), onswift.talent_words(u.name, p.professional_title, p.bio),
        coalesce(p.skills, '{}'), p.hourly_rate, p.availability, 2
    from users u left join onswift.profiles p on p.user_id = u.id
    where u.id = talent and u.market = 'onswift' and u.role = 'talent' and u.deleted_at is null
    on conflict (user_id) do update set name = excluded.name, words = excluded.words, skills = excluded.skills,
        hourly_rate = excluded.hourly_rate, availability = excluded.availability, form = excluded.form;
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
-- Names as they were typed come before all else that fits, then what others write as one word, then names with a slip (and, where
-- nothing fits at all, with several). Each kind is taken by rating and sorted by relevance in blocks of `block`, so that a page does not change when one looks
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
create function onswift.find_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8,
    depth int, block int, skipped int, wanted int
) returns table (ids uuid[], total int)
language sql stable as
    $$ select * from onswift.find_talents(query, wanted_traits, min_rate, max_rate, min_rating, '{}', depth, block, skipped, wanted) $$;
create function onswift.count_talents(
    query text, wanted_traits text[], min_rate float8, max_rate float8, min_rating float8
) returns int
language sql stable as $$ select onswift.count_talents(query, wanted_traits, min_rate, max_rate, min_rating, '{}') $$;

create table onswift.projects (
    id uuid primary key,
    creator_id uuid not null references users,
    name text not null,
    description text not null,
    status text not null default 'planning' check (status in ('planning', 'in-progress', 'completed')),
    due_date date not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    completed_at timestamptz,
    deleted_at timestamptz
);
-- projects.LIST_OF_CREATOR
create index projects_creator on onswift.projects (creator_id, created_at desc) where deleted_at is null;

-- Who was removed, or has left by choice, keeps the row, and gets it back when added again.
create table onswift.project_team (
    id uuid primary key,
    project_id uuid not null references onswift.projects on delete cascade,
    user_id uuid not null references users,
    role text,
    joined_at timestamptz not null,
    removed_at timestamptz,
    left_by_choice boolean not null default false,
    unique (project_id, user_id)
);
-- projects.LIST_OF_MEMBER
create index project_team_user on onswift.project_team (user_id) where removed_at is null;

-- Comes with the projects, because they count their tasks.
-- Without an assignee: who had it was taken out of the team.
create table onswift.tasks (
    id uuid primary key,
    project_id uuid not null references onswift.projects on delete cascade,
    name text not null,
    description text not null default '',
    status text not null default 'planning' check (status in ('planning', 'in-progress', 'completed')),
    assignee_id uuid references users,
    due_date date not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    completed_at timestamptz,
    reminded_at timestamptz
);
-- projects.*: how many tasks and how many of them are completed; tasks.LIST_OF_PROJECT
create index tasks_project on onswift.tasks (project_id, status);
-- tasks.LIST_OF_ASSIGNEE, calendar
create index tasks_assignee on onswift.tasks (assignee_id, due_date);
-- reminders
create index tasks_unreminded on onswift.tasks (due_date) where status <> 'completed' and reminded_at is null;

create table onswift.task_comments (
    id uuid primary key,
    task_id uuid not null references onswift.tasks on delete cascade,
    author_id uuid not null references users,
    content text not null,
    mentions uuid[] not null default '{}',
    created_at timestamptz not null
);
-- comments.LIST_OF_TASK
create index task_comments_task on onswift.task_comments (task_id, id);
-- what a user has written
create index task_comments_author on onswift.task_comments (author_id);

create table onswift.deliverables (
    id uuid primary key,
    project_id uuid not null references onswift.projects on delete cascade,
    task_id uuid not null references onswift.tasks on delete cascade,
    submitted_by_id uuid not null references users,
    title text not null,
    description text not null,
    status text not null default 'pending' check (status in ('pending', 'approved', 'revision')),
    revision_count int not null default 0 check (revision_count between 0 and 3),
    feedback text,
    approved_at timestamptz,
    approved_by_id uuid references users,
    version int not null default 1,
    submitted_at timestamptz not null,
    updated_at timestamptz not null
);
-- deliverables.LIST_OF_CREATOR
create index deliverables_project on onswift.deliverables (project_id, submitted_at desc);
-- deliverables.LIST_OF_SUBMITTER
create index deliverables_submitter on onswift.deliverables (submitted_by_id, submitted_at desc);
-- deliverables.OF_TASK, and what goes with a task
create index deliverables_task on onswift.deliverables (task_id);

-- What a project refers to: a link, or a file that is attached to it.
create table onswift.project_samples (
    id uuid primary key,
    project_id uuid not null references onswift.projects on delete cascade,
    name text not null,
    type text not null check (type in ('file', 'link')),
    url text check ((url is not null) = (type = 'link')),
    description text,
    created_at timestamptz not null
);
-- samples.OF_PROJECT
create index project_samples_project on onswift.project_samples (project_id, created_at);
