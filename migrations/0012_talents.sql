-- Enters the talents who were there before their index (0009_accounts): not in the transaction that changes the table of users, and
-- not by its trigger, which locks their rows. Nobody could log in or connect meanwhile, and there may be a million.
insert into onswift.talents (user_id, name, words, skills, hourly_rate, availability)
select u.id, u.name,
    setweight(to_tsvector('english', u.name), 'A') || setweight(to_tsvector('english', coalesce(p.professional_title, '')), 'B')
        || setweight(to_tsvector('english', coalesce(p.bio, '')), 'C'),
    coalesce(p.skills, '{}'), p.hourly_rate, p.availability
from users u left join onswift.profiles p on p.user_id = u.id
where u.market = 'onswift' and u.role = 'talent' and u.deleted_at is null
    and not exists (select from onswift.talents t where t.user_id = u.id)
on conflict (user_id) do nothing;
