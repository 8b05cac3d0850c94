-- A file of its own: no message waits for these indexes behind the locks of 0015.

-- tidy: earlier texts that are too old
create index message_edits_replaced on message_edits (replaced_at);
-- export and erasure: the used ones too
create index one_time_tokens_owner on one_time_tokens (user_id);
-- erasure.ERASED_SINCE
create index users_deleted on users (deleted_at) where deleted_at is not null;

-- erasure.ANSWERS_THAT_NAME
create index idempotency_keys_named on idempotency_keys using gin (named);
create index idempotency_keys_unnamed on idempotency_keys (user_id, key) where named is null;

-- Who was erased by the version before this one is erased by this one's rules: its workers take these jobs.
insert into outbox (id, effects, created_at)
select gen_random_uuid(), jsonb_build_array(jsonb_build_object(
    'type', 'enqueue', 'name', 'FinishErasure', 'arguments', jsonb_build_object('user_id', id), 'request_id', ''
))::text, now()
from users where deleted_at is not null;
