-- Reviews and what they add up to; OnSwift: deliverables and samples.

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
