-- Accounts with a phone number (E.164), and accounts without an e-mail address. Until no process of the version before runs, nobody
-- signs up without one.
alter table users
    alter column email drop not null,
    add column phone text,
    add column phone_verified_at timestamptz;
create unique index users_phone on users (market, phone) where phone is not null and deleted_at is null;

create or replace function index_user() returns trigger language plpgsql as $$
begin
    if new.deleted_at is null then
        insert into user_search (user_id, words)
        values (new.id, search_name(new.name) || search_name(coalesce(new.email, '')))
        on conflict (user_id) do update set words = excluded.words;
    else
        delete from user_search where user_id = new.id;
    end if;
    return null;
end $$;
