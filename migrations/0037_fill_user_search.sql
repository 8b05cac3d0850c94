-- outside a transaction
-- Enters the users who were there before 0036, some at a time. Their rows are locked meanwhile: who is erased is entered by nobody
-- afterwards. Those who are there already were entered by the trigger, with newer words.
do $$
declare
    done uuid := '00000000-0000-0000-0000-000000000000';
    upto uuid;
begin
    loop
        select b.id into upto from (select u.id from users u where u.id > done order by u.id limit 200) b order by b.id desc limit 1;
        exit when upto is null;
        insert into user_search (user_id, words)
        select u.id, search_name(u.name) || search_name(u.email) from (
            select id, name, email from users where id > done and id <= upto and deleted_at is null
                and not exists (select from user_search s where s.user_id = users.id)
            order by id for share
        ) u
        on conflict do nothing;
        done := upto;
        commit;
    end loop;
end $$;
