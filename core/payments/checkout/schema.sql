-- Payments and subscriptions, see core/payments/.

-- What may become what: the tables of core/payments/states.py, which a test compares with this one.
create function payment_may_become(kind text, old text, new text) returns boolean
language sql immutable strict parallel safe as $$
    select old = new or (kind, old, new) in (
        ('intent', 'created', 'pending'), ('intent', 'created', 'processing'), ('intent', 'created', 'authorized'),
        ('intent', 'created', 'succeeded'), ('intent', 'created', 'failed'), ('intent', 'created', 'canceled'),
        ('intent', 'created', 'mismatch'),
        ('intent', 'pending', 'processing'), ('intent', 'pending', 'authorized'), ('intent', 'pending', 'succeeded'),
        ('intent', 'pending', 'failed'), ('intent', 'pending', 'canceled'), ('intent', 'pending', 'mismatch'),
        ('intent', 'processing', 'authorized'), ('intent', 'processing', 'succeeded'), ('intent', 'processing', 'failed'),
        ('intent', 'processing', 'canceled'), ('intent', 'processing', 'mismatch'),
        ('intent', 'failed', 'authorized'), ('intent', 'failed', 'succeeded'), ('intent', 'failed', 'mismatch'),
        ('intent', 'authorized', 'succeeded'), ('intent', 'authorized', 'failed'), ('intent', 'authorized', 'canceled'),
        ('intent', 'authorized', 'mismatch'),
        ('intent', 'canceled', 'mismatch'),
        ('intent', 'mismatch', 'succeeded'), ('intent', 'mismatch', 'canceled'),
        ('refund', 'requested', 'sent'), ('refund', 'requested', 'failed'),
        ('refund', 'sent', 'requested'), ('refund', 'sent', 'pending'), ('refund', 'sent', 'succeeded'),
        ('refund', 'sent', 'failed'),
        ('refund', 'pending', 'succeeded'), ('refund', 'pending', 'failed'),
        ('refund', 'succeeded', 'failed'),
        ('dispute', 'inquiry', 'open'), ('dispute', 'inquiry', 'won'), ('dispute', 'inquiry', 'lost'),
        ('dispute', 'inquiry', 'closed'),
        ('dispute', 'open', 'won'), ('dispute', 'open', 'lost'), ('dispute', 'open', 'closed')
    )
$$;

create function check_payment_move() returns trigger language plpgsql as $$
begin
    if not payment_may_become(tg_argv[0], old.state, new.state) then
        raise check_violation using message = format('%s %s: %s cannot become %s', tg_argv[0], old.id, old.state, new.state);
    end if;
    return new;
end $$;

-- What somebody pays for: amounts are in minor units. ref is the provider's id of it (none: it was not asked yet, or its answer is
-- unknown), charge that of what is refunded. received: what the provider says was paid. refunding: the sum of its refunds that have
-- not failed, refunded: of those that succeeded; a trigger keeps both. attention: why a person must look at it. check_at: when the
-- provider is asked about it next.
create table payment_intents (
    id uuid primary key,
    market text not null,
    payer_id uuid not null references users,
    payee_id uuid references users,
    purpose text not null,
    subject_id uuid not null,
    title text not null,
    account text not null,
    amount bigint not null check (amount > 0),
    fee bigint not null check (fee between 0 and amount),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    is_manual boolean not null,
    provider text not null,
    ref text,
    charge text not null default '',
    pay_url text not null default '',
    state text not null default 'created' check (
        state in ('created', 'pending', 'processing', 'authorized', 'succeeded', 'failed', 'canceled', 'mismatch')
    ),
    error text not null default '',
    attention text not null default '',
    received bigint,
    received_currency text,
    captured bigint not null default 0 check (captured >= 0),
    refunding bigint not null default 0,
    refunded bigint not null default 0,
    transfer_id uuid,
    tries int not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    expires_at timestamptz not null,
    check_at timestamptz,
    checks int not null default 0,
    unique (provider, ref),
    constraint payment_intents_refunds check (0 <= refunded and refunded <= refunding and refunding <= captured)
);
create trigger check_payment_move before update of state on payment_intents
    for each row execute function check_payment_move('intent');
create unique index payment_intents_open on payment_intents (market, purpose, subject_id, payer_id)
    where state in ('created', 'pending', 'processing', 'authorized', 'mismatch') and purpose <> 'subscription';
create index payment_intents_payer on payment_intents (payer_id, created_at desc, id desc);
create index payment_intents_payee on payment_intents (payee_id, created_at desc, id desc);
create index payment_intents_check on payment_intents (check_at) where check_at is not null;
create index payment_intents_attention on payment_intents (id) where attention <> '';

-- requested_by is null where the provider says that one was made which we did not ask for. sent_at: while its outcome is unknown, no
-- other of the same payment is sent.
create table payment_refunds (
    id uuid primary key,
    intent_id uuid not null references payment_intents,
    amount bigint not null check (amount > 0),
    state text not null check (state in ('requested', 'sent', 'pending', 'succeeded', 'failed')),
    ref text not null default '',
    reason text not null default '',
    error text not null default '',
    requested_by uuid references users,
    transfer_id uuid,
    tries int not null default 0,
    created_at timestamptz not null,
    sent_at timestamptz,
    settled_at timestamptz
);
create trigger check_payment_move before update of state on payment_refunds
    for each row execute function check_payment_move('refund');
create index payment_refunds_intent on payment_refunds (intent_id, id);
create unique index payment_refunds_sent on payment_refunds (intent_id) where state = 'sent';
create unique index payment_refunds_ref on payment_refunds (intent_id, ref) where ref <> '';
create index payment_refunds_requester on payment_refunds (requested_by) where requested_by is not null;

create function count_payment_refund() returns trigger language plpgsql as $$
declare
    was bigint := 0;
    had bigint := 0;
begin
    if tg_op = 'UPDATE' then
        was := case when old.state <> 'failed' then old.amount else 0 end;
        had := case when old.state = 'succeeded' then old.amount else 0 end;
    end if;
    update payment_intents set
        refunding = refunding + case when new.state <> 'failed' then new.amount else 0 end - was,
        refunded = refunded + case when new.state = 'succeeded' then new.amount else 0 end - had
    where id = new.intent_id;
    return null;
end $$;
create trigger count_payment_refund after insert or update of state, amount on payment_refunds
    for each row execute function count_payment_refund();

-- withdrawn: what the provider has taken back from us for now.
create table payment_disputes (
    id uuid primary key,
    intent_id uuid not null references payment_intents,
    ref text not null,
    state text not null check (state in ('inquiry', 'open', 'won', 'lost', 'closed')),
    withdrawn bigint not null default 0 check (withdrawn >= 0),
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    unique (intent_id, ref)
);
create trigger check_payment_move before update of state on payment_disputes
    for each row execute function check_payment_move('dispute');

-- What providers have told of by webhooks: which object to ask about, and not what they say of it.
create table payment_events (
    id uuid primary key,
    market text not null,
    provider text not null,
    event_id text not null,
    type text not null,
    about text not null check (about in ('payment', 'subscription', '')),
    ref text not null,
    state text not null check (state in ('received', 'done', 'ignored', 'given up')),
    received_at timestamptz not null,
    done_at timestamptz,
    check_at timestamptz,
    checks int not null default 0,
    unique (market, provider, event_id)
);
create index payment_events_check on payment_events (check_at) where check_at is not null;
create index payment_events_received on payment_events (received_at);

-- version: counts what was stored of it, so that an older answer of the provider does not replace a newer one. canceling: what its
-- user wants, until the provider has done it.
create table payment_subscriptions (
    id uuid primary key,
    market text not null,
    user_id uuid not null references users,
    plan text not null,
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    provider text not null,
    ref text,
    pay_url text not null default '',
    state text not null default 'created' check (
        state in ('created', 'incomplete', 'active', 'past_due', 'canceled', 'ended')
    ),
    period_end timestamptz,
    canceling text not null default '' check (canceling in ('', 'at_end', 'now')),
    version int not null default 0,
    tries int not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check_at timestamptz,
    checks int not null default 0,
    unique (provider, ref)
);
create unique index payment_subscriptions_live on payment_subscriptions (market, user_id, plan) where state <> 'ended';
create index payment_subscriptions_user on payment_subscriptions (user_id, id);
create index payment_subscriptions_check on payment_subscriptions (check_at) where check_at is not null;

-- What a user may do or use until a time (null: for good). source: the subscription that grants it, or a grant by hand.
create table entitlements (
    user_id uuid not null references users on delete cascade,
    market text not null,
    name text not null,
    source uuid not null,
    expires_at timestamptz,
    primary key (user_id, market, name, source)
);
create index entitlements_expired on entitlements (expires_at) where expires_at is not null;
