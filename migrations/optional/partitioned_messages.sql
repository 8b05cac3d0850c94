-- Splits `messages` into 16 parts by the hash of its conversation (docs/operate/scaling.md). Not applied by `greenroom migrate`: run it by hand,
-- psql --single-transaction --file, when the table no longer fits. It copies the table while nobody can write to it.

lock table messages in access exclusive mode;
alter table messages rename to messages_whole;

create table messages (like messages_whole including defaults including constraints including storage)
    partition by hash (conversation_id);

do $$
begin
    for part in 0..15 loop
        execute format(
            'create table messages_%s partition of messages for values with (modulus 16, remainder %s)',
            lpad(part::text, 2, '0'), part
        );
    end loop;
end $$;

insert into messages select * from messages_whole;
drop table messages_whole;

alter table messages add primary key (conversation_id, seq);
-- A key of a partitioned table must hold what it is partitioned by; by the id alone a message is still found, in each part.
create unique index messages_id on messages (id, conversation_id);
create index messages_version on messages (conversation_id, version);
create unique index messages_repeat on messages (conversation_id, sender_id, client_id) where client_id is not null;
create index messages_bigint on messages (created_at) where id < '00010000-0000-0000-0000-000000000000';
create trigger change_message_words after update of body on messages
    for each row when (new.body is distinct from old.body) execute function change_message_words();
analyze messages;
