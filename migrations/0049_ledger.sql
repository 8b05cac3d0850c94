-- The ledger: double entry in integer minor units, see docs/ledger.md. A transfer carries its legs; whoever inserts or settles one,
-- triggers check it, and move the balances and write the entries that follow from it. Nothing else can.

-- A balance in one currency, of a user or (without owner_id) of the house. `posted` is the sum of its entries, `reserved` what pending
-- transfers will take. The next entry is not dated before posted_until: the last entry, or the end of the last closed day. `open_since`
-- is the first entry of a day that is not closed.
create table ledger_accounts (
    id uuid primary key,
    market text not null,
    owner_id uuid references users,
    kind text not null check (kind ~ '^[a-z][a-z_]{0,31}$'),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    may_owe boolean not null,
    posted bigint not null default 0,
    reserved bigint not null default 0,
    seq bigint not null default 0,
    posted_until timestamptz not null default '-infinity',
    open_since timestamptz,
    -- core/payments/ledger.py knows these names, and those of the triggers below.
    constraint ledger_accounts_funds check (may_owe or posted >= reserved),
    -- Far enough from the end of bigint that adding one amount never gets there.
    constraint ledger_accounts_range check (
        posted between -4000000000000000000 and 4000000000000000000 and reserved between 0 and 4000000000000000000
    ),
    unique nulls not distinct (owner_id, kind, currency, market)
) with (fillfactor = 50);

-- Its legs are parallel arrays; a negative amount is a debit: it leaves the account.
create table ledger_transfers (
    id uuid primary key,
    market text not null,
    key text not null check (length(key) between 1 and 200),
    fingerprint bytea not null,
    kind text not null check (kind ~ '^[a-z][a-z_]{0,31}$'),
    status text not null check (status in ('pending', 'posted', 'void')),
    account_ids uuid[] not null,
    amounts bigint[] not null,
    reverses_id uuid references ledger_transfers,
    facts jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    unique (market, key)
);
-- ledger_open
create index ledger_transfers_reverses on ledger_transfers (reverses_id) where reverses_id is not null;

-- What posted transfers did to an account, numbered without gaps; `balance` is the one after it.
create table ledger_entries (
    account_id uuid not null references ledger_accounts,
    seq bigint not null,
    transfer_id uuid not null references ledger_transfers,
    amount bigint not null,
    balance bigint not null,
    posted_at timestamptz not null,
    primary key (account_id, seq),
    unique (transfer_id, account_id)
);

-- The legs of a transfer, and what of each is not reversed: pending reversals count, void ones do not, and what a reversal took back is
-- there again if that is reversed.
create function ledger_open(transfer uuid) returns table (account_id uuid, amount bigint, remaining bigint) language sql stable as $$
    with recursive tree as (
        select t.id, t.account_ids, t.amounts from ledger_transfers t where t.id = transfer
        union all
        select t.id, t.account_ids, t.amounts
        from tree join ledger_transfers t on t.reverses_id = tree.id and t.status <> 'void'
    )
    select leg.account_id, sum(leg.amount) filter (where tree.id = transfer)::bigint, sum(leg.amount)::bigint
    from tree, unnest(tree.account_ids, tree.amounts) as leg (account_id, amount) group by leg.account_id
$$;

-- The legs that reverse so much of a transfer, or (null) all that is left: each side in proportion to what is left, to the last unit, and no
-- leg more than that. Of a transfer in several currencies there is no part.
create function ledger_reversal(transfer uuid, part bigint) returns table (account_id uuid, amount bigint) language sql stable as $$
    with legs as (
        select o.account_id, o.remaining, sum(abs(o.remaining)) over side as whole,
            sum(abs(o.remaining)) over (side order by o.account_id) as reached
        from ledger_open(transfer) o where o.remaining <> 0 window side as (partition by sign(o.remaining))
    ),
    shares as (
        select l.account_id, div(l.reached * coalesce(part, l.whole), l.whole)
            - div((l.reached - abs(l.remaining)) * coalesce(part, l.whole), l.whole) as share, l.remaining
        from legs l
    )
    select s.account_id, (-sign(s.remaining::numeric) * s.share)::bigint from shares s
    where s.share <> 0 and (part is null or (
        select count(distinct a.currency) from legs l join ledger_accounts a on a.id = l.account_id
    ) = 1) order by 1
$$;

-- Refuses a reversal of what cannot be reversed, or of more than is left. It is stored already, and the transfer is locked.
create function ledger_check_reversal(reversal ledger_transfers) returns void language plpgsql as $$
begin
    perform from ledger_transfers t where t.id = reversal.reverses_id for no key update;
    -- A reversal can be reversed, at once; so what is left of a transfer never shrinks by a reversal of something else.
    if not exists (
        select from ledger_transfers t left join ledger_transfers p on p.id = t.reverses_id
        where t.id = reversal.reverses_id and t.market = reversal.market and t.status = 'posted'
            and p.reverses_id is null and (t.reverses_id is null or reversal.status = 'posted')
    ) then
        raise 'this transfer cannot be reversed' using errcode = 'check_violation', constraint = 'ledger_transfers_state';
    end if;
    if exists (
        select from unnest(reversal.account_ids, reversal.amounts) as leg (account_id, amount)
        left join ledger_open(reversal.reverses_id) o on o.account_id = leg.account_id
        where (sign(leg.amount) = -sign(o.amount) and o.remaining * sign(o.amount::numeric) >= 0) is not true
    ) then
        raise 'more than is left of the transfer' using errcode = 'check_violation', constraint = 'ledger_transfers_reversal';
    end if;
end $$;

create function ledger_book() returns trigger language plpgsql as $$
declare
    moment timestamptz;
    known int;
begin
    if tg_op = 'INSERT' and new.reverses_id is not null then
        perform ledger_check_reversal(new);
    end if;
    -- After its transfer, and in a fixed order: so two transfers never deadlock.
    perform from ledger_accounts a where a.id = any (new.account_ids) order by a.id for no key update;
    select count(*), greatest(clock_timestamp(), max(a.posted_until)) into known, moment
    from ledger_accounts a where a.id = any (new.account_ids) and a.market = new.market;
    if tg_op = 'INSERT' and (
        new.status = 'void' or known < 2 or known <> cardinality(new.account_ids) or known <> cardinality(new.amounts)
        or exists (
            select from unnest(new.amounts) as amount
            where (amount <> 0 and amount between -4000000000000000000 and 4000000000000000000) is not true
        )
        or exists (
            select from unnest(new.account_ids, new.amounts) as leg (account_id, amount)
            join ledger_accounts a on a.id = leg.account_id group by a.currency having sum(leg.amount) <> 0
        )
    ) then
        raise 'not a balanced transfer' using errcode = 'check_violation', constraint = 'ledger_transfers_balanced';
    end if;
    update ledger_accounts a set
        reserved = a.reserved + case
            when leg.amount > 0 then 0 when new.status = 'pending' then -leg.amount when tg_op = 'UPDATE' then leg.amount else 0
        end,
        posted = a.posted + case new.status when 'posted' then leg.amount else 0 end,
        seq = a.seq + case new.status when 'posted' then 1 else 0 end,
        posted_until = case new.status when 'posted' then moment else a.posted_until end,
        open_since = case new.status when 'posted' then coalesce(a.open_since, moment) else a.open_since end
    from unnest(new.account_ids, new.amounts) as leg (account_id, amount) where a.id = leg.account_id;
    if new.status = 'posted' then
        insert into ledger_entries (account_id, seq, transfer_id, amount, balance, posted_at)
        select a.id, a.seq, new.id, leg.amount, a.posted, moment
        from unnest(new.account_ids, new.amounts) as leg (account_id, amount) join ledger_accounts a on a.id = leg.account_id;
    end if;
    return null;
end $$;
create trigger ledger_book after insert or update on ledger_transfers for each row execute function ledger_book();

create function ledger_settle() returns trigger language plpgsql as $$
begin
    if old.status <> 'pending' or new.status = 'pending' or to_jsonb(new) - 'status' <> to_jsonb(old) - 'status' then
        raise 'a transfer only changes from pending to posted or void'
            using errcode = 'check_violation', constraint = 'ledger_transfers_state';
    end if;
    return new;
end $$;
create trigger ledger_settle before update on ledger_transfers for each row execute function ledger_settle();

-- An entry is a leg of a posted transfer, which has all its entries as soon as it is posted: nobody can add one.
create function ledger_check_entry() returns trigger language plpgsql as $$
begin
    if not exists (
        select from ledger_transfers t, unnest(t.account_ids, t.amounts) as leg (account_id, amount)
        where t.id = new.transfer_id and t.status = 'posted' and leg.account_id = new.account_id and leg.amount = new.amount
    ) then
        raise 'entries follow from transfers' using errcode = 'check_violation', constraint = 'ledger_entries_legs';
    end if;
    return new;
end $$;
create trigger ledger_check_entry before insert on ledger_entries for each row execute function ledger_check_entry();

create function ledger_guard_account() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if (new.posted, new.reserved, new.seq, new.posted_until) = (0, 0, 0, '-infinity') and new.open_since is null then
            return new;
        end if;
    elsif (new.id, new.market, new.owner_id, new.kind, new.currency)
            is not distinct from (old.id, old.market, old.owner_id, old.kind, old.currency)
        and new.posted_until >= old.posted_until
        and (pg_trigger_depth() > 1 or to_jsonb(new) - 'may_owe' = to_jsonb(old) - 'may_owe')
    then
        return new;
    end if;
    raise 'balances follow from transfers' using errcode = 'check_violation', constraint = 'ledger_accounts_balance';
end $$;
create trigger ledger_guard_account before insert or update on ledger_accounts
    for each row execute function ledger_guard_account();

create function ledger_keep() returns trigger language plpgsql as $$
begin
    raise '% of % is not possible: the ledger only grows', tg_op, tg_table_name
        using errcode = 'check_violation', constraint = 'ledger_kept';
end $$;
create trigger ledger_keep before delete on ledger_accounts for each row execute function ledger_keep();
create trigger ledger_keep before delete on ledger_transfers for each row execute function ledger_keep();
create trigger ledger_keep before update or delete on ledger_entries for each row execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_accounts execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_transfers execute function ledger_keep();
create trigger ledger_keep_all before truncate on ledger_entries execute function ledger_keep();
