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
