-- What moved on an account on one day (UTC), and its balance at the end; only days with entries. Whoever inserts an account's id closes its
-- next day; nothing else of the row can be chosen.
create table ledger_closings (
    account_id uuid not null references ledger_accounts,
    day date not null,
    seq bigint not null,
    debits numeric not null,
    credits numeric not null,
    balance bigint not null,
    primary key (account_id, day)
);
-- books.CLOSE
create index ledger_accounts_open on ledger_accounts (open_since) where open_since is not null;

-- The account is locked, so what was dated on that day is committed; and what comes later is dated later, even if the clock is set back.
create function ledger_close() returns trigger language plpgsql as $$
declare
    since timestamptz;
    until timestamptz;
    closed bigint;
begin
    select a.open_since into since from ledger_accounts a where a.id = new.account_id for no key update;
    new.day := (since at time zone 'UTC')::date;
    if new.day is null or new.day >= (clock_timestamp() at time zone 'UTC')::date then
        return null;
    end if;
    until := (new.day + 1)::timestamp at time zone 'UTC';
    select coalesce(max(c.seq), 0) into closed from ledger_closings c where c.account_id = new.account_id;
    select max(e.seq), coalesce(-sum(e.amount) filter (where e.amount < 0), 0), coalesce(sum(e.amount) filter (where e.amount > 0), 0)
    into new.seq, new.debits, new.credits
    from ledger_entries e where e.account_id = new.account_id and e.seq > closed and e.posted_at < until;
    select e.balance into new.balance from ledger_entries e where e.account_id = new.account_id and e.seq = new.seq;
    update ledger_accounts a set posted_until = greatest(a.posted_until, until),
        open_since = (select e.posted_at from ledger_entries e where e.account_id = a.id and e.seq = new.seq + 1)
    where a.id = new.account_id;
    return new;
end $$;
create trigger ledger_close before insert on ledger_closings for each row execute function ledger_close();
create trigger ledger_keep before update or delete on ledger_closings for each row execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_closings execute function ledger_keep();

-- What does not fit in the books, all of it computed anew from the transfers: no rows, they balance.
create function ledger_problems() returns table (id uuid, problem text) language sql stable as $$
    with legs as materialized (
        select t.id, t.market, t.status, leg.account_id, leg.amount
        from ledger_transfers t, unnest(t.account_ids, t.amounts) as leg (account_id, amount)
    ),
    running as materialized (
        select e.*, sum(e.amount) over chain as total, row_number() over chain as number, lag(e.posted_at) over chain as before
        from ledger_entries e window chain as (partition by e.account_id order by e.seq)
    ),
    posted as (
        select e.account_id, sum(e.amount) as amount, count(*) as entries, max(e.posted_at) as until from ledger_entries e group by 1
    ),
    reserved as (
        select l.account_id, -sum(l.amount) as amount from legs l where l.status = 'pending' and l.amount < 0 group by 1
    ),
    days as (
        select e.account_id, (e.posted_at at time zone 'UTC')::date as day, max(e.seq) as seq,
            coalesce(-sum(e.amount) filter (where e.amount < 0), 0) as debits,
            coalesce(sum(e.amount) filter (where e.amount > 0), 0) as credits
        from ledger_entries e group by 1, 2
    )
    select l.id, 'the legs of this transfer do not balance' from legs l left join ledger_accounts a on a.id = l.account_id
    group by l.id, a.currency having sum(l.amount) <> 0 or bool_or(l.amount = 0 or a.market is distinct from l.market)
    union all
    select t.id, 'this transfer has fewer than two legs' from ledger_transfers t
    where cardinality(t.account_ids) < 2 or cardinality(t.account_ids) <> cardinality(t.amounts)
    union all
    select coalesce(l.id, e.transfer_id), 'the entries of this transfer are not its legs'
    from (select * from legs where legs.status = 'posted') l
    full join ledger_entries e on e.transfer_id = l.id and e.account_id = l.account_id
    where l.amount is distinct from e.amount
    union all
    select t.id, 'more than all of this transfer is reversed'
    from (select distinct r.reverses_id as id from ledger_transfers r where r.reverses_id is not null) t
    cross join lateral ledger_open(t.id) o
    where (o.remaining * sign(o.amount::numeric) between 0 and abs(o.amount)) is not true
    union all
    select r.account_id, format('entry %s of this account does not follow from those before it', r.seq) from running r
    where (r.balance, r.seq) is distinct from (r.total, r.number) or r.posted_at < r.before
    union all
    select a.id, 'this balance is not the sum of its entries' from ledger_accounts a left join posted p on p.account_id = a.id
    where (a.posted, a.seq) is distinct from (coalesce(p.amount, 0), coalesce(p.entries, 0)) or a.posted_until < p.until
    union all
    select a.id, 'what is reserved here is not the sum of pending debits'
    from ledger_accounts a left join reserved r on r.account_id = a.id where a.reserved <> coalesce(r.amount, 0)
    union all
    select a.id, 'this account owes what it may not' from ledger_accounts a where not a.may_owe and a.posted < a.reserved
    union all
    select c.account_id, format('the closing of %s is not the sum of its entries', c.day)
    from ledger_closings c left join days d on d.account_id = c.account_id and d.day = c.day
    left join ledger_entries e on e.account_id = c.account_id and e.seq = c.seq
    where (c.seq, c.debits, c.credits, c.balance) is distinct from (d.seq, d.debits, d.credits, e.balance)
$$;
