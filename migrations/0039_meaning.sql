-- Repeats of a call are recognised whatever the order of the fields in their JSON.
alter table idempotency_keys add column meaning bytea;
