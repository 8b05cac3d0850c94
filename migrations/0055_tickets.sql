-- Tickets, see docs/support.md.
-- 0056 checks the rows that are there, without a lock that others wait for.
alter table conversations drop constraint conversations_kind_check;
alter table conversations add constraint conversations_kind_check check (kind in ('pair', 'group', 'support')) not valid;

-- Who takes tickets, and how many at once. load: how many of hers are not resolved; kept by a trigger, which lets nobody have more
-- than she has room for. assigned_at: when she got the last one.
create table support_agents (
    user_id uuid primary key references users on delete cascade,
    market text not null,
    capacity int not null check (capacity between 0 and 100),
    is_available boolean not null default false,
    load int not null default 0 check (load >= 0),
    assigned_at timestamptz
);
-- desk.PLACE, agents.LIST
create index support_agents_market on support_agents (market);

-- A ticket is a conversation of kind support: the customer and the agent to whom it is assigned are its members. Its subject is the
-- conversation's title. rank: the priority as a number, the most urgent first. state_seq: the last message when it got its state.
-- answered_at: the first message of an agent. While resolved_at is null, it counts as load of its agent, or waits for one.
create table support_tickets (
    id uuid primary key references conversations on delete cascade,
    market text not null,
    customer_id uuid not null references users on delete cascade,
    agent_id uuid references users,
    category text not null,
    priority text not null check (priority in ('urgent', 'high', 'medium', 'low')),
    rank int generated always as (array_position(array['urgent', 'high', 'medium', 'low'], priority)) stored,
    description text not null,
    state text not null default 'open' check (state in ('open', 'pending', 'on_hold', 'resolved', 'closed', 'reopened')),
    state_seq bigint not null default 0,
    created_at timestamptz not null,
    answered_at timestamptz,
    resolved_at timestamptz,
    rating int check (rating between 1 and 5),
    check ((state in ('resolved', 'closed')) = (resolved_at is not null))
);
-- desk.PLACE
create index support_tickets_waiting on support_tickets (market, rank, created_at, id) where agent_id is null and resolved_at is null;
-- tickets.PAGE
create index support_tickets_customer on support_tickets (customer_id, created_at desc, id desc);
create index support_tickets_agent on support_tickets (agent_id, created_at desc, id desc);
create index support_tickets_latest on support_tickets (market, created_at desc, id desc);
-- following.DUE
create index support_tickets_due on support_tickets (market, resolved_at) where state = 'resolved';

create function count_tickets() returns trigger language plpgsql as $$
declare
    was uuid := case when old.resolved_at is null then old.agent_id end;
    becomes uuid := case when new.resolved_at is null then new.agent_id end;
begin
    if was is distinct from becomes then
        update support_agents set load = load - 1 where user_id = was;
        update support_agents set load = load + 1, assigned_at = clock_timestamp()
        where user_id = becomes and is_available and load < capacity;
        if becomes is not null and not found then
            raise exception 'agent % takes no more tickets', becomes using errcode = 'check_violation';
        end if;
    end if;
    return null;
end $$;
create trigger count_tickets after insert or delete or update of agent_id, resolved_at on support_tickets
    for each row execute function count_tickets();

-- What agents note for each other. No messages, so that customers never get them.
create table support_notes (
    id uuid primary key,
    ticket_id uuid not null references support_tickets on delete cascade,
    author_id uuid not null references users on delete cascade,
    text text not null,
    created_at timestamptz not null
);
-- agents.NOTES
create index support_notes_ticket on support_notes (ticket_id, created_at desc, id desc);
-- export
create index support_notes_author on support_notes (author_id);
