-- What operators find users by: words of their names and e-mail addresses, in the form of core/search. Kept by a trigger; those who are
-- deleted have no row.
create table user_search (
    user_id uuid primary key references users on delete cascade,
    words tsvector not null
);
-- find_users
create index user_search_words on user_search using gin (words);

create function index_user() returns trigger language plpgsql as $$
begin
    if new.deleted_at is null then
        insert into user_search (user_id, words) values (new.id, search_name(new.name) || search_name(new.email))
        on conflict (user_id) do update set words = excluded.words;
    else
        delete from user_search where user_id = new.id;
    end if;
    return null;
end $$;
create trigger index_user after insert or update of name, email, deleted_at on users
    for each row execute function index_user();

-- Finds users for operators, so many at most: by all words of `query`, or their beginnings, and if that finds nobody, with typing
-- errors. Planned anew for each call, and by the index: the planner cannot tell how rare the beginning of a word is.
create function find_users(query text, most int) returns table (id uuid)
language plpgsql stable
set plan_cache_mode = force_custom_plan set enable_seqscan = off as $$
declare
    asked record;
begin
    select * into asked from search_query(query);
    return query select s.user_id from user_search s where s.words @@ asked.normal limit most;
    if not found then
        return query select s.user_id from user_search s where s.words @@ asked.near limit most;
    end if;
end $$;
