-- Changes of e-mail addresses, see core/email_changes.py.
create table email_changes (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    session_id uuid not null,
    old_email text not null,
    new_email text not null,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    old_confirmed_at timestamptz,
    new_confirmed_at timestamptz,
    changed_at timestamptz
);
create unique index email_changes_pending on email_changes (user_id) where changed_at is null;
create index email_changes_user on email_changes (user_id);
create index email_changes_expired on email_changes (expires_at);
