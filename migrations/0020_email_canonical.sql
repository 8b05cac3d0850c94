-- One form of an address whatever the locale of the database: lower() of "C" knows ASCII only, and addresses are ASCII.
-- users_email stays for the version before, whose sign-ups name it. Writes to users wait while the index is built.

-- Where the locale lowers letters in another way (Turkish: I), two accounts can have one address now. People decide which stays.
do $$
declare
    found record;
begin
    select count(*) as addresses, string_agg(ids, '; ') as accounts into found from (
        select string_agg(id::text, ', ' order by created_at, id) as ids
        from users where deleted_at is null group by market, lower(email collate "C") having count(*) > 1
    ) as same;
    if found.addresses > 0 then
        raise exception '% e-mail addresses have more than one account each: see "Two accounts of one address" in docs/runbook.md',
            found.addresses using errcode = 'unique_violation', detail = left('The ids of their accounts: ' || found.accounts, 1000);
    end if;
end $$;

create unique index users_email_canonical on users (market, lower(email collate "C")) where deleted_at is null;
