-- outside a transaction
-- Enters the talents who were there before 0032 anew, some at a time: who changes a profile meanwhile waits for one batch at most. A
-- row that its trigger has entered since is left alone. What was interrupted goes on where `form` says so.
do $$
declare
    done uuid := '00000000-0000-0000-0000-000000000000';
    upto uuid;
begin
    loop
        select b.user_id into upto
        from (select t.user_id from onswift.talents t where t.user_id > done order by t.user_id limit 200) b
        order by b.user_id desc limit 1;
        exit when upto is null;
        update onswift.talents t
        set name = search_normal(u.name), form = 2,
            words = onswift.talent_words(
                u.name, (select p.professional_title from onswift.profiles p where p.user_id = u.id),
                (select p.bio from onswift.profiles p where p.user_id = u.id)
            )
        from users u
        where t.user_id > done and t.user_id <= upto and t.form < 2 and u.id = t.user_id;
        done := upto;
        commit;
    end loop;
end $$;
