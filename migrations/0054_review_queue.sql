-- The review queue, see core/review_queue: whatever a person must decide.
create table review_tasks (
    id uuid primary key,
    market text not null,
    kind text not null,
    queue text not null generated always as (market || '/' || kind) stored,
    subject_type text not null,
    subject_id uuid not null,
    user_id uuid references users on delete cascade,
    reason text not null,
    facts jsonb not null,
    version int not null default 1,
    priority int not null check (priority between 0 and 9),
    excluded text[] not null,
    appeal_of uuid unique references review_tasks on delete cascade,
    state text not null default 'open',
    created_at timestamptz not null,
    due_at timestamptz not null,
    held_by text,
    held_until timestamptz,
    decided_by text,
    decided_at timestamptz,
    note text not null default '',
    check ((held_by is null) = (held_until is null)),
    check ((decided_by is null) = (state = 'open')),
    check (decided_at is null or state <> 'open' and held_by is null),
    -- Whom it is about, and who made the decision that is appealed, neither hold nor decide it.
    check (held_by is null or held_by <> all (excluded)),
    check (decided_by is null or decided_by <> all (excluded))
);
-- one undecided task of each kind about a subject, beside its appeal
create unique index review_tasks_once on review_tasks (market, kind, subject_id)
    where decided_at is null and appeal_of is null;
-- table.TAKE_NEXT
create index review_tasks_queue on review_tasks (priority desc, created_at, id) where decided_at is null;
-- table.HELD
create index review_tasks_held on review_tasks (held_by) where held_by is not null;
-- table.DECIDED, table.FORGET and the statistics
create index review_tasks_decided on review_tasks (decided_at desc, id) where decided_at is not null;
-- table.OF_SUBJECT
create index review_tasks_subject on review_tasks (market, subject_id);
-- erasure: what is about a user
create index review_tasks_user on review_tasks (user_id);

-- What reviewers have noted about a task.
create table review_notes (
    id uuid primary key,
    task_id uuid not null references review_tasks on delete cascade,
    written_by text not null,
    text text not null,
    created_at timestamptz not null
);
create index review_notes_task on review_notes (task_id, created_at);

-- The name of a reviewer, whose id is "user:{id}" or "operator:{name}".
create function reviewer_name(reviewer text) returns text language sql stable as $$
    select case when reviewer like 'user:%' then (select u.name from users u where u.id = substr(reviewer, 6)::uuid)
        else substr(reviewer, strpos(reviewer, ':') + 1) end
$$;

-- What users have reported and nobody has dealt with yet.
insert into review_tasks
    (id, market, kind, subject_type, subject_id, user_id, reason, facts, priority, excluded, created_at, due_at)
select gen_random_uuid(), r.market, 'report', case when r.message_id is null then 'user' else 'message' end,
    coalesce(r.message_id, r.user_id), r.user_id, min(r.reason),
    case when r.message_id is null then '[]'
        else jsonb_build_array(jsonb_build_object('name', 'Message', 'value', coalesce(min(r.evidence), ''))) end,
    least(9, count(*) - 1), array['user:' || r.user_id], min(r.created_at), now() + interval '1 day'
from reports r where r.resolved_at is null group by r.market, r.user_id, r.message_id;
