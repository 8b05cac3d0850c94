-- One form of an address whatever the locale of the database: lower() of "C" knows ASCII only, and addresses are ASCII.
-- users_email stays for the version before, whose sign-ups name it.
-- Takes a moment of writes to users; fails where two accounts differ by a letter that the database's locale lowers in another way.
create unique index users_email_canonical on users (market, lower(email collate "C")) where deleted_at is null;

-- Devices that were known before are so no longer: a new password forgets them.
alter table users add column devices_forgotten_at timestamptz;
