-- Logins by Google, Apple and Facebook, see core/accounts/oauth.
create table oauth_accounts (
    id uuid primary key,
    market text not null,
    provider text not null,
    subject text not null,
    user_id uuid not null references users on delete cascade,
    linked_at timestamptz not null,
    last_used_at timestamptz,
    unique (market, provider, subject),
    unique (user_id, provider)
);
-- People whose provider proves no address have none.
alter table users alter column email drop not null;

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
