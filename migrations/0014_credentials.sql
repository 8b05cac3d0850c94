-- What opens something ends with the login that made it, and the table of feeds opens nothing to a thief.

-- A feed has its token as long as the version before may run, which knows nothing else: a day after this migration the workers
-- replace it by its hash (feeds.HASH_TOKENS). No row is touched here, so nobody waits.
alter table feeds alter column token drop not null;
alter table feeds add column hash bytea unique;
alter table feeds add column nonce bytea;
alter table feeds add check (hash is not null or token is not null);

-- The login that announced a file. Null: one of the version before.
alter table files add column session_id uuid;
