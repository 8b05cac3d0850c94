-- The status of an account, see core/accounts/status. The version before knows none, and treats everybody as active.
-- status_until: when a suspension ends by itself; null: when somebody ends it.
alter table users
    add column status text not null default 'active' check (status in ('active', 'pending', 'suspended', 'banned')),
    add column status_until timestamptz check (status_until is null or status = 'suspended');
