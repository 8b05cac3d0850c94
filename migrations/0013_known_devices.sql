-- Devices that were known before are so no longer: a new password forgets them.
alter table users add column devices_forgotten_at timestamptz;
