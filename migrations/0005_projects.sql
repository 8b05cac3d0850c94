-- OnSwift: projects and who works on them.
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

-- Who was removed keeps the row, and gets it back when added again.
create table onswift.project_team (
    id uuid primary key,
    project_id uuid not null references onswift.projects on delete cascade,
    user_id uuid not null references users,
    role text,
    joined_at timestamptz not null,
    removed_at timestamptz,
    unique (project_id, user_id)
);
-- projects.LIST_OF_MEMBER
create index project_team_user on onswift.project_team (user_id) where removed_at is null;

-- Comes with the projects, because they count their tasks.
create table onswift.tasks (
    id uuid primary key,
    project_id uuid not null references onswift.projects on delete cascade,
    name text not null,
    description text not null default '',
    status text not null default 'planning' check (status in ('planning', 'in-progress', 'completed')),
    assignee_id uuid not null references users,
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
