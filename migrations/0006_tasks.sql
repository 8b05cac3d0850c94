-- What is said under tasks, conversations of the people of something, and feeds for calendars.

-- A conversation with a subject (OnSwift: a project) has the people of that as its members: nobody else adds or removes them.
alter table conversations add column subject_type text;
alter table conversations add column subject_id uuid;
-- subjects.CREATE, subjects.CONVERSATION: one for each
create unique index conversations_subject on conversations (market, subject_type, subject_id) where subject_id is not null;

-- The secret address of a user's feed. Calendars ask without a login, for years: so it is no signed token, which ends with its key.
create table feeds (
    user_id uuid primary key references users on delete cascade,
    token text not null unique,
    created_at timestamptz not null
);

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
